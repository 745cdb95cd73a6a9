"""Several trainings of one recipe that differ in their seed: the spread, and the best of them.

One training says little of a recipe: two seeds of a small network differ by half a point. The best
is chosen on validation, and its card gives the mean beside it. Of command words that is the one of
the least loss there: it tells how a seed fares on other recordings, which its accuracy does not
(docs/experiments/choosing.md).
"""

import dataclasses
import statistics
from pathlib import Path
from typing import Any

from kws.settings.checks import check
from kws.settings.recipe import Recipe
from kws.settings.stages import is_shipped
from kws.settings.toml import load_recipe
from kws.support.parallel import run_each
from kws.training.metrics import Metrics
from kws.training.prepare import is_long
from kws.training.run_folder import RunFolder
from kws.training.train import Say, prepare, train


def train_seeds(
    path: Path | str, count: int, out: Path | str | None = None, *, say: Say = print
) -> Metrics | None:
    """Train several seeds of a recipe file, into its own folder unless another is named."""
    return best_of_seeds(load_recipe(path), Path(out) if out else Path(path).parent, count, say=say)


def folder_of(out: Path, seed: int) -> Path:
    """Return where one seed of a recipe is trained, of several."""
    return out / f"seed{seed}"


def best_of_seeds(recipe: Recipe, out: Path, count: int, *, say: Say = print) -> Metrics | None:
    """Train seeds recipe.seed, +1, ... in out/seed<N>; put the best into `out`, with all figures.

    Returns its metrics, with `seeds`: the validation figures of each; None in all processes but
    the first. What is trained already, by this very recipe, is not trained again.
    """
    check(count >= 1, f"There are {count} seeds to train; give at least 1.")
    check(
        is_shipped(recipe),
        "The recipe has no quantized stage: seeds are compared by the bytes that ship; train a "
        "network that only teaches without --seeds.",
    )
    if recipe.task == "wake" and count > 1:
        _train_together(recipe, out, count)
    runs = []
    for seed in range(recipe.seed, recipe.seed + count):
        seeded = dataclasses.replace(recipe, seed=seed)
        run = RunFolder(folder_of(out, seed))
        metrics = run.finished(seeded) or train(seeded, run.path, say=say)
        if metrics is not None:
            runs.append((run, metrics))
    if not runs:
        return None  # the first process of several writes
    run, best = min(runs, key=lambda each: each[1].cost)
    best = dataclasses.replace(best, seeds=tuple(_figures(each) for _, each in runs))
    kept = run.recipe()
    assert kept is not None  # it is finished
    RunFolder(out).take_over(run, kept, best)
    scores = [100 * _score(each) for _, each in runs]
    say(
        f"{count} seeds: {statistics.mean(scores):.2f} on average; seed {best.seed} with "
        f"{100 * _score(best):.2f} stands in {out}."
    )
    return best


def _train_together(recipe: Recipe, out: Path, count: int) -> None:
    """Train the seeds that are not there, a core each, on copies and by teachers made before."""
    seeded = [dataclasses.replace(recipe, seed=recipe.seed + more) for more in range(count)]
    runs = [(each, folder_of(out, each.seed)) for each in seeded]
    wanted = [(each, folder) for each, folder in runs if not RunFolder(folder).finished(each)]
    for each, folder in wanted:
        RunFolder(folder).check_free(each)
    if len(wanted) > 1:
        prepare(recipe)
        run_each(_train_quietly, wanted, f"Training {recipe.name}", apart=is_long(recipe))


def _train_quietly(recipe: Recipe, folder: Path) -> None:
    train(recipe, folder, say=lambda line: None)


def _figures(metrics: Metrics) -> dict[str, Any]:
    """The validation figures of one seed."""
    found = {"seed": metrics.seed, **metrics.validation}
    if metrics.float_accuracy is not None:
        found["accuracy_float"] = metrics.float_accuracy
    if metrics.accuracy_last_epoch is not None:
        found["accuracy_last_epoch"] = metrics.accuracy_last_epoch
    for key in ("accuracy", "accuracy_streaming", "accuracy_back_to_back"):
        if key in metrics.evaluations[0]:
            found[key] = metrics.evaluations[0][key]
    return found


def _score(metrics: Metrics) -> float:
    """Return what validation says, higher is better.

    These are the clips that are right, by themselves and in a stream alike, or the words that were
    not missed.
    """
    if not metrics.is_classifier:
        return 1.0 - float(metrics.validation["validation_miss_rate"])
    figures = metrics.evaluations[0]
    return float(figures["accuracy"] + figures["accuracy_streaming"]) / 2
