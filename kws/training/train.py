"""`kws train`: from a recipe to a folder with the model, its figures, its card and its curves."""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kws.corpus.labelled import COMMAND_WORDS_10
from kws.engine import model_file
from kws.errors import ConfigError, KwsError, ModelError
from kws.evaluation.clips import labelled_report
from kws.evaluation.stream import evaluate_stream
from kws.network import fit
from kws.network.network import parameters
from kws.report import model_card, training
from kws.settings.augment import AugmentConfig
from kws.settings.checks import check
from kws.settings.command_defaults import (
    AUGMENT,
    TEACHER,
    compression_for,
    schedule_for,
    teachers_for,
)
from kws.settings.data import DataConfig
from kws.settings.model import COMMANDS_BYTES, WAKE_WORD_BYTES, FeatureConfig
from kws.settings.recipe import Recipe
from kws.settings.stages import stages_of
from kws.settings.toml import load_recipe
from kws.support.files import replacing
from kws.training.commands import CommandTask
from kws.training.comparison import NETWORK, compare
from kws.training.distributed import Group
from kws.training.feature_store import CACHE, FeatureStore
from kws.training.teachers import Teachers, is_network
from kws.training.trainer import Trainer
from kws.training.wake import WakeTask

COMMANDS_MFCC = 20  # more than a wake word has: ten classes and 5 KB use them
WAKE_AUGMENT = AugmentConfig(shift_ms=50.0, speed=(0.85, 1.15), reverb_probability=0.3)
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
) -> dict[str, Any]:
    """Train a keyword classifier on Speech Commands.

    words: the command words, by default the ten standard ones; ["all"] makes every word of the
    corpus a class of its own, without unknown and silence (the 35-word task).
    negatives, noise: folders of other speech, which is unknown too, and of other sounds.
    teachers: how many larger FastGRNNs are trained first to teach it; half as many DS-CNNs join
    them. By default the network in models/commands_teacher teaches; where it does not know a word,
    4 FastGRNNs, and none up to 1.5 KB.
    """
    if words is None:
        words = COMMAND_WORDS_10
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


def train_wake(
    phrase: str,
    positives: Sequence[Path | str],
    negatives: Sequence[Path | str],
    out: Path | str,
    *,
    noise: Sequence[Path | str] = (),
    max_bytes: int = WAKE_WORD_BYTES,
    seed: int = 0,
    say: Say = print,
) -> dict[str, Any]:
    """Train a wake word on folders of clips with the phrase and without it."""
    recipe = Recipe(
        task="wake",
        name=name_of(phrase),
        words=(phrase,),
        seed=seed,
        max_bytes=max_bytes,
        data=DataConfig(
            positives=tuple(map(str, positives)),
            negatives=tuple(map(str, negatives)),
            noise=tuple(map(str, noise)),
        ),
        augment=WAKE_AUGMENT,
    )
    return train(recipe, Path(out), say=say)


def train_recipe(
    path: Path | str, out: Path | str | None = None, *, say: Say = print
) -> dict[str, Any]:
    """Train from a recipe file, into its own folder unless another is named."""
    recipe = load_recipe(path)
    return train(recipe, Path(out) if out else Path(path).parent, say=say)


def train(recipe: Recipe, out: Path, *, say: Say = print) -> dict[str, Any]:
    """Train, choose the threshold, measure, and write everything; returns the metrics.

    A run that was killed goes on where it was. Errors leave the last checkpoint in place. Of
    several processes (torchrun) only the first has metrics to return.
    """
    ships = is_shipped(recipe)
    check(
        ships or recipe.task == "commands",
        "The recipe has no quantized stage, so there would be no model to ship; choose the cell "
        "fastgrnn or fastrnn and quantized_epochs above 0.",
    )
    _make_folder(out)
    group = Group()
    say = say if group.is_first else _say_nothing
    if not ships:
        return _train_float(recipe, out, group, say)
    task: CommandTask | WakeTask
    with group.local_first():
        task = (CommandTask if recipe.task == "commands" else WakeTask)(recipe, CACHE)
    sized = dataclasses.replace(recipe, network=fit.fit(recipe, task.classes))
    teachers = None
    if isinstance(task, CommandTask) and recipe.distillation.total:
        with group.local_first():
            teachers = Teachers(sized, task, CACHE, say=say)
    network = fit.untrained(sized, len(task.classes))
    say(
        f"Training {recipe.name}: {sized.network.cell} with {sized.network.hidden} units, "
        f"{parameters(network)} parameters, at most {recipe.max_bytes} bytes."
    )
    with _TensorBoard(out) if group.is_first else contextlib.nullcontext() as board:
        trainer = Trainer(
            sized,
            task,
            network,
            out,
            store=FeatureStore(CACHE, task.identity),
            group=group,
            teacher=teachers,
            log=lambda row: _log(row, board, say),
        )
        data = trainer.run()
    group.leave()
    if not group.is_first:
        return {}  # the first process measures and writes
    assert data is not None  # there was a quantized stage
    detector = _choose_detector(recipe, task, data)
    data = _with_detector(trainer, detector)
    if len(data) > recipe.max_bytes:
        raise ModelError(
            f"The model takes {len(data)} bytes, more than max_bytes {recipe.max_bytes}; "
            "lower the densities or sizes."
        )
    model_file.save(out / f"{recipe.name}.kws", data)
    metrics = _measure(sized, task, trainer, out / f"{recipe.name}.kws")
    _write_results(sized, trainer, metrics, out)
    say(f"Wrote {out / recipe.name}.kws: {len(data)} bytes.")
    return metrics


def is_shipped(recipe: Recipe) -> bool:
    """Whether a model file comes of the recipe, and not a network that can only teach."""
    return any(stage.quantized for stage in stages_of(recipe))


def _train_float(recipe: Recipe, out: Path, group: Group, say: Say) -> dict[str, Any]:
    """Train a network that ships no bytes, but can teach: out/network.pt."""
    check(
        group.size == 1,
        "A network without a quantized stage, which can only teach, trains in one process: start "
        "kws train without torchrun.",
    )
    task = CommandTask(recipe, CACHE)
    teachers = Teachers(recipe, task, CACHE, say=say) if recipe.distillation.total else None
    metrics = compare(recipe, task, out, cache=CACHE, teacher=teachers)
    say(
        f"Wrote {out / NETWORK}: {recipe.network.cell}, {metrics['parameters']:,} parameters in "
        f"float, {100 * metrics['validation']:.2f} % of validation; it can teach (networks)."
    )
    return metrics


def _say_nothing(_: str) -> None:
    """What all processes but the first say."""


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The folder {out} cannot be made: {error.strerror}.") from None


class _TensorBoard:
    """TensorBoard's log, imported only when training begins.

    It is a convenience: once it is open, a log that cannot be written ends no training.
    """

    def __init__(self, out: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = out / "tensorboard"
        try:
            self._writer = SummaryWriter(str(folder))
        except OSError as error:
            raise ConfigError(f"The log {folder} cannot be made: {error.strerror}.") from None

    def __enter__(self) -> "_TensorBoard":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._writer.close()

    def write(self, row: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            for key, value in row.items():
                if isinstance(value, float):
                    self._writer.add_scalar(key, value, row["epoch"])


def _log(row: dict[str, Any], board: _TensorBoard | None, say: Say) -> None:
    if board is not None:
        board.write(row)
    if row["epoch"] % 10:
        return  # the progress bar tells the rest
    figures = ", ".join(
        f"{key.replace('_', ' ')} {value:.4f}"
        for key, value in row.items()
        if key not in ("epoch", "stage", "score", "learning_rate")
    )
    say(f"epoch {row['epoch']:4d} ({row['stage']}): {figures}")


def _choose_detector(recipe: Recipe, task: CommandTask | WakeTask, data: bytes) -> Any:
    """For a wake word, the threshold that costs least on validation."""
    if isinstance(task, CommandTask):
        return recipe.detector
    chosen, _ = task.choose_threshold(data)
    release = min(recipe.detector.release, chosen)
    return dataclasses.replace(recipe.detector, threshold=chosen, release=release)


def _with_detector(trainer: Trainer, detector: Any) -> bytes:
    assert trainer.quantized is not None
    trainer.quantized.detector = detector
    return trainer.quantized.encode()


def _measure(
    recipe: Recipe, task: CommandTask | WakeTask, trainer: Trainer, path: Path
) -> dict[str, Any]:
    """Return the figures of the shipped bytes, through the C engine."""
    data = path.read_bytes()
    best = trainer.best["figures"]
    metrics: dict[str, Any] = {
        "model_bytes": len(data),
        "parameters": parameters(trainer.network),
        "seed": recipe.seed,
        "training_seconds": round(trainer.seconds),
        "seconds_waiting_for_features": round(trainer.versions.waited_s),
        "validation": {key: value for key, value in best.items() if key != "score"},
        "epochs": len(trainer.history),
    }
    floats = [row["accuracy_float"] for row in trainer.history if "accuracy_float" in row]
    if floats:
        metrics["float_accuracy"] = max(floats)
    if "accuracy_quantized" in (last := trainer.history[-1]):
        metrics["accuracy_last_epoch"] = last["accuracy_quantized"]
    if isinstance(task, CommandTask):
        evaluations = [
            {"name": name, **labelled_report(model_file.parse(data), clips)}
            for name, clips in (("validation", task.validation), ("testing", task.testing))
        ]
    else:
        figures = evaluate_stream(path, task.positives["testing"], task.negatives["testing"])
        evaluations = [{"name": "held-out clips", **figures}]
    metrics["evaluations"] = evaluations
    return metrics


def card_config(recipe: Recipe) -> dict[str, Any]:
    """What the model card wants to know of a recipe."""
    phrase = recipe.words[0] if recipe.task == "wake" else ""
    return {**dataclasses.asdict(recipe), "phrase": phrase}


def _write_results(recipe: Recipe, trainer: Trainer, metrics: dict[str, Any], out: Path) -> None:
    config = recipe.to_toml()
    for name, text in {
        "config.toml": config,
        "metrics.json": json.dumps(metrics, indent=1) + "\n",
        "README.md": model_card.model_card(metrics, card_config(recipe), out.as_posix()),
    }.items():
        with replacing(out / name, KwsError) as file:
            file.write(text.encode())
    training.training_curves(trainer.history, out / "training.png")
    if recipe.task == "commands":
        validation = metrics["evaluations"][0]
        classes = list(validation["per_class"])
        training.confusion_matrix(validation["confusion"], classes, out / "confusion.png")
    else:
        training.detection_curve({recipe.name: metrics["evaluations"][0]}, out / "detection.png")
