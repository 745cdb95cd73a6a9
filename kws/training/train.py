"""`kws train`: from a recipe to a folder with the model, its figures, its card and its curves."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from kws.corpus.labelled import COMMAND_WORDS_10
from kws.engine import model_file
from kws.engine.read_weights import read_weights
from kws.errors import ModelError
from kws.network import fit
from kws.network.network import parameters
from kws.report import training
from kws.settings.checks import check
from kws.settings.command_defaults import (
    AUGMENT,
    TEACHER,
    compression_for,
    schedule_for,
    teachers_for,
)
from kws.settings.data import DataConfig
from kws.settings.model import COMMANDS_BYTES, FeatureConfig
from kws.settings.recipe import Recipe
from kws.settings.stages import is_shipped
from kws.settings.toml import load_recipe
from kws.support.cache import CACHE
from kws.training.comparison import compare
from kws.training.distributed import Group
from kws.training.epoch_log import TensorBoard, log_epoch
from kws.training.feature_store import FeatureStore
from kws.training.metrics import Metrics
from kws.training.prepare import make_copies
from kws.training.run_folder import CURVES, NETWORK, RunFolder
from kws.training.task import ShippedTask, Teacher
from kws.training.tasks import TASKS
from kws.training.teachers import Teachers, is_network
from kws.training.trainer import Trainer
from kws.training.wake import WakeTask
from kws.training.wake_teachers import WakeTeachers

COMMANDS_MFCC = 20  # more than a wake word has: ten classes and 5 KB use them
Say = Callable[[str], None]


def name_of(phrase: str) -> str:
    """Return a phrase as a file's name: `Hey Cortana` becomes hey_cortana."""
    name = "_".join("".join(c if c.isalnum() else " " for c in phrase.lower()).split())
    check(bool(name), f"The phrase {phrase!r} has no letters; give the words to listen for.")
    return name


def train_commands(
    data: Path | str,
    out: Path | str,
    *,
    words: Sequence[str] | None = None,
    negatives: Sequence[Path | str] = (),
    noise: Sequence[Path | str] = (),
    max_bytes: int = COMMANDS_BYTES,
    teachers: int | None = None,
    seed: int = 0,
    say: Say = print,
) -> Metrics | None:
    """Train a keyword classifier on Speech Commands.

    words: the command words, by default the ten standard ones; ["all"] makes every word of the
    corpus a class of its own, without unknown and silence (the 35-word task).
    negatives, noise: folders of other speech, which is unknown too, and of other sounds.
    teachers: how many larger FastGRNNs are trained first to teach it; half as many DS-CNNs join
    them. By default the network in models/commands_teacher teaches; where it does not know a word,
    4 FastGRNNs, and none up to 1.5 KB.
    """
    words = COMMAND_WORDS_10 if words is None else words
    known = words if is_network(TEACHER) else ()  # a package without models/ trains its teachers
    distillation = teachers_for(max_bytes, known, teachers)
    recipe = Recipe(
        task="commands",
        name=Path(out).resolve().name,  # of `--out .` too
        words=() if list(words) == ["all"] else tuple(words),
        seed=seed,
        max_bytes=max_bytes,
        data=DataConfig(
            corpus=str(data), negatives=tuple(map(str, negatives)), noise=tuple(map(str, noise))
        ),
        augment=AUGMENT,
        compression=compression_for(max_bytes),
        schedule=schedule_for(max_bytes),
        features=FeatureConfig(n_mfcc=COMMANDS_MFCC, energy="delta"),
        distillation=distillation,
    )
    return train(recipe, Path(out), say=say)


def train_recipe(
    path: Path | str, out: Path | str | None = None, *, say: Say = print
) -> Metrics | None:
    """Train from a recipe file, into its own folder unless another is named."""
    recipe = load_recipe(path)
    return train(recipe, Path(out) if out else Path(path).parent, say=say)


def train(recipe: Recipe, out: Path, *, say: Say = print) -> Metrics | None:
    """Train, choose the threshold, measure, and write everything; returns the metrics.

    A run that was killed goes on where it was. Errors leave the last checkpoint in place. A
    finished run of another recipe gives way to this one, which is said; one that is not finished
    is refused. Of several processes (torchrun) only the first has metrics to return.
    """
    kind = TASKS[recipe.task]
    check(
        is_shipped(recipe) or kind.can_teach,
        "The recipe has no quantized stage, so there would be no model to ship; choose the cell "
        "fastgrnn or fastrnn and quantized_epochs above 0.",
    )
    run = RunFolder(out)
    group = Group()
    say = say if group.is_first else (lambda line: None)
    check(
        is_shipped(recipe) or group.size == 1,
        "A network without a quantized stage, which can only teach, trains in one process: start "
        "kws train without torchrun.",
    )
    run.check_free(recipe)
    with run.made(), group.local_first():
        task: ShippedTask = kind(recipe, CACHE)
        if isinstance(task, WakeTask):
            make_copies(recipe, task, CACHE)
    if not is_shipped(recipe):
        return _train_float(recipe, task, run, say)
    sized = dataclasses.replace(recipe, network=fit.fit(recipe, task.classes))
    with group.local_first():
        teachers = _teachers(sized, task, say)
    trainer = _trained(sized, task, teachers, run, group, say)
    return _ship(task, trainer, run, say) if group.is_first else None


def prepare(recipe: Recipe) -> None:
    """Make the copies and train the teachers that several seeds of a wake word share."""
    task = WakeTask(recipe, CACHE)
    make_copies(recipe, task, CACHE)
    _teachers(recipe, task, say=lambda line: None)


def _teachers(recipe: Recipe, task: ShippedTask, say: Say) -> Teacher | None:
    if not recipe.distillation.total:
        return None
    if isinstance(task, WakeTask):
        return WakeTeachers(recipe, task, CACHE, say=say)
    assert task.taught is not None  # command words can be taught
    return Teachers(recipe, task.taught, CACHE, say=say)


def _train_float(recipe: Recipe, task: ShippedTask, run: RunFolder, say: Say) -> Metrics:
    """Train a network that ships no bytes, but can teach: network.pt."""
    assert task.taught is not None  # it can teach
    teachers = _teachers(recipe, task, say)
    run.make_way(recipe, say)
    metrics = compare(recipe, task.taught, run.path, cache=CACHE, teacher=teachers)
    say(
        f"Wrote {run.path / NETWORK}: {recipe.network.cell}, {metrics.parameters:,} parameters in "
        f"float, {100 * metrics.accuracy('validation'):.2f} % of validation; it can teach "
        "(networks)."
    )
    return metrics


def _trained(
    recipe: Recipe,
    task: ShippedTask,
    teachers: Teacher | None,
    run: RunFolder,
    group: Group,
    say: Say,
) -> Trainer:
    """Train through all stages, together with the other processes, which part afterwards."""
    network = fit.untrained(recipe, len(task.classes))
    say(
        f"Training {recipe.name}: {recipe.network.cell} with {recipe.network.hidden} units, "
        f"{parameters(network)} parameters, at most {recipe.max_bytes} bytes."
    )
    if group.is_first:
        run.make_way(recipe, say)
    with TensorBoard(run.path) if group.is_first else contextlib.nullcontext() as board:
        trainer = Trainer(
            recipe,
            task,
            network,
            run.path,
            store=FeatureStore(CACHE, task.identity),
            group=group,
            teacher=teachers,
            start=read_weights(model_file.load(recipe.start)) if recipe.start else None,
            log=lambda row: log_epoch(row, board, say),
        )
        trainer.run(say)
    group.leave()
    return trainer


def _ship(task: ShippedTask, trainer: Trainer, run: RunFolder, say: Say) -> Metrics:
    """Give the best model its detector, write and measure it."""
    recipe, state = trainer.recipe, trainer.state
    best = state.best["model"]
    assert best is not None  # there was a quantized stage
    data = trainer.state.model(task.detector(best))
    if len(data) > recipe.max_bytes:
        raise ModelError(
            f"The model takes {len(data)} bytes, more than max_bytes {recipe.max_bytes}; "
            "lower the densities or sizes."
        )
    run.write_model(recipe, data)
    metrics = _measure(task, trainer, data)
    training.training_curves(state.history, run.path / CURVES)
    task.draw(metrics.evaluations, run.path)
    run.write_card(recipe, metrics)
    run.write_results(recipe, metrics)
    say(f"Wrote {run.model(recipe)}: {len(data)} bytes.")
    return metrics


def _measure(task: ShippedTask, trainer: Trainer, data: bytes) -> Metrics:
    """Return the figures of the shipped bytes, through the C engine."""
    history = trainer.state.history
    floats = [row["accuracy_float"] for row in history if "accuracy_float" in row]
    return Metrics(
        model_bytes=len(data),
        parameters=parameters(trainer.network),
        seed=trainer.recipe.seed,
        training_seconds=round(trainer.state.seconds),
        seconds_waiting_for_features=round(trainer.versions.waited_s),
        validation=trainer.state.best_figures,
        epochs=len(history),
        float_accuracy=max(floats, default=None),
        accuracy_last_epoch=history[-1].get("accuracy_quantized"),
        evaluations=tuple(task.evaluations(data)),
    )
