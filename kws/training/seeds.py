"""Several trainings of one recipe that differ in their seed: the spread, and the best of them.

One training says little of a recipe: two seeds of a small network differ by half a point. The best
is chosen on validation, and its card gives the mean beside it. Of command words that is the one of
the least loss there: it tells how a seed fares on other recordings, which its accuracy does not
(docs/experiments/choosing.md).
"""

import dataclasses
import json
import statistics
from pathlib import Path
from typing import Any

from kws.errors import KwsError
from kws.report import model_card
from kws.settings.checks import check
from kws.settings.recipe import Recipe
from kws.settings.toml import load_recipe
from kws.support.files import replacing
from kws.training.train import Say, card_config, is_shipped, train

RESULTS = ("config.toml", "training.png", "confusion.png", "detection.png")


def train_seeds(
    path: Path | str, count: int, out: Path | str | None = None, *, say: Say = print
) -> dict[str, Any]:
    """Train several seeds of a recipe file, into its own folder unless another is named."""
    return best_of_seeds(load_recipe(path), Path(out) if out else Path(path).parent, count, say=say)


def best_of_seeds(recipe: Recipe, out: Path, count: int, *, say: Say = print) -> dict[str, Any]:
    """Train seeds recipe.seed, +1, ... in out/seed<N>; put the best into `out`, with all figures.

    Returns its metrics, with `seeds`: the validation figures of each. What is trained already is
    not trained again.
    """
    check(count >= 1, f"There are {count} seeds to train; give at least 1.")
    check(
        is_shipped(recipe),
        "The recipe has no quantized stage: seeds are compared by the bytes that ship; train a "
        "network that only teaches without --seeds.",
    )
    runs = []
    for seed in range(recipe.seed, recipe.seed + count):
        folder = out / f"seed{seed}"
        seeded = dataclasses.replace(recipe, seed=seed)
        metrics = finished(folder)
        if metrics is None:
            metrics = train(seeded, folder, say=say)
        runs.append((folder, metrics))
    if not runs[0][1]:
        return {}  # the first process of several writes
    folder, metrics = min(runs, key=lambda run: _cost(run[1]))
    metrics = {**metrics, "seeds": [_figures(each) for _, each in runs]}
    for name in (f"{recipe.name}.kws", *RESULTS):
        if (folder / name).exists():
            with replacing(out / name, KwsError) as file:
                file.write((folder / name).read_bytes())
    kept = dataclasses.replace(recipe, seed=metrics["seed"])
    card = model_card.model_card(metrics, card_config(kept))
    for name, text in (("metrics.json", json.dumps(metrics, indent=1) + "\n"), ("README.md", card)):
        with replacing(out / name, KwsError) as file:
            file.write(text.encode())
    scores = [100 * _score(each) for _, each in runs]
    say(
        f"{count} seeds: {statistics.mean(scores):.2f} on average; seed {metrics['seed']} with "
        f"{100 * _score(metrics):.2f} stands in {out}."
    )
    return metrics


def finished(folder: Path) -> dict[str, Any] | None:
    """Return the metrics of a training that came to its end, else None."""
    try:
        metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return metrics


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    """The validation figures of one seed."""
    found = {"seed": metrics["seed"], **metrics["validation"]}
    if "float_accuracy" in metrics:
        found["accuracy_float"] = metrics["float_accuracy"]
    measured = {**metrics, **metrics["evaluations"][0]}
    for key in ("accuracy_last_epoch", "accuracy", "accuracy_streaming", "accuracy_back_to_back"):
        if key in measured:
            found[key] = measured[key]
    return found


def _cost(metrics: dict[str, Any]) -> float:
    """By what the best seed is chosen, on validation: the loss, or the share of words missed."""
    figures = metrics["validation"]
    return float(figures["validation_loss" if _is_classifier(metrics) else "validation_miss_rate"])


def _score(metrics: dict[str, Any]) -> float:
    """What validation says, higher is better: clips that are right, by themselves and in a stream
    alike, or the words that were not missed.
    """
    if not _is_classifier(metrics):
        return 1.0 - _cost(metrics)
    figures = metrics["evaluations"][0]
    return float(figures["accuracy"] + figures["accuracy_streaming"]) / 2


def _is_classifier(metrics: dict[str, Any]) -> bool:
    return "accuracy" in metrics["evaluations"][0]
