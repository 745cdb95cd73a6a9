"""What a training run leaves behind for people: curves, tables as pictures, the model card.

Each function draws one PNG and writes it whole or not at all; all pictures are reached from here.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.report.drawing import DASHES, FAINT, INK, SERIES, figure_saved
from kws.report.model_card import model_card
from kws.report.recordings import detection_timeline, mfcc_picture

__all__ = [
    "confusion_matrix",
    "detection_curve",
    "detection_timeline",
    "mfcc_picture",
    "model_card",
    "training_curves",
]

ACCURACY_SPAN = 10.0  # per cent below the last epoch's
STEPS = [m * 10.0**e for e in range(-4, 5) for m in (1, 2, 5)]  # of a logarithmic axis
LEAST_SHOWN = 0.5  # per cent: less would be written as 0


def training_curves(epochs: Sequence[Mapping[str, Any]], path: Path | str) -> None:
    """Draw loss, accuracy and learning rate by epoch.

    epochs: one mapping per epoch with any of `loss`, `validation_loss`, `accuracy_float`,
    `accuracy_quantized` (both 0 ... 1), `learning_rate`, and `epoch` and `stage` (a name; where it
    changes, a line parts the run).  What no epoch has is left out.
    """
    panels = (
        ("loss", {"loss": "training", "validation_loss": "validation"}),
        ("accuracy, %", {"accuracy_float": "float", "accuracy_quantized": "quantized, as shipped"}),
        ("learning rate", {"learning_rate": ""}),
    )
    shown = [(name, series) for name, series in panels if any(_has(epochs, key) for key in series)]
    if not shown:
        raise KwsError("there are no training curves to draw: no epoch has a loss or an accuracy")
    with figure_saved(path, 1.0 + 1.7 * len(shown)) as figure:
        axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        axes[0].set_title("Training", pad=20 if _has(epochs, "stage") else None)
        for axis, (name, series) in zip(axes, shown, strict=True):
            _draw_series(axis, epochs, series, scale=100.0 if "%" in name else 1.0)
            axis.set_ylabel(name)
            if "%" in name:
                # The first epochs' steep rise would press the part that matters into a line.
                last = max(float(line.get_ydata()[-1]) for line in axis.lines)
                axis.set_ylim(bottom=max(axis.get_ylim()[0], last - ACCURACY_SPAN))
            if name == "loss":
                axis.set_yscale("log", subs=[])  # it falls by half and half, and the end matters
                low, high = axis.get_ylim()
                ticks = [step for step in STEPS if low <= step <= high]
                axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        _mark_stages(axes, epochs)
        axes[-1].set_xlabel("epoch")
        axes[-1].xaxis.get_major_locator().set_params(integer=True)


def confusion_matrix(
    confusion: npt.ArrayLike | Mapping[str, Mapping[str, int]],
    classes: Sequence[str],
    path: Path | str,
    *,
    title: str = "Confusion",
) -> None:
    """Draw which class was taken for which: a row per spoken class, in per cent of its clips.

    confusion: (classes, classes) counts, or {spoken: {recognised: count}} as `kws evaluate` gives.
    """
    counts = _counts(confusion, classes)
    size = len(classes)
    clips = counts.sum(axis=1)
    per_cent = 100.0 * counts / np.maximum(clips, 1.0)[:, None]
    names = [name.strip("_") for name in classes]
    cell_inches = 0.5 if size <= 16 else 0.36
    with figure_saved(path, 1.6 + cell_inches * size, 2.6 + cell_inches * size) as figure:
        axis = figure.subplots()
        _draw_cells(axis, per_cent)
        accuracy = 100.0 * counts.trace() / max(1.0, counts.sum())
        figure.suptitle(
            f"{title}: {accuracy:.1f} % of {counts.sum():,.0f} clips right",
            fontsize=12.0,
            fontweight="bold",
        )
        axis.set_xticks(range(size), names, rotation=45, ha="right", rotation_mode="anchor")
        labels = [f"{name} ({n:.0f})" for name, n in zip(names, clips, strict=True)]
        axis.set_yticks(range(size), labels)
        axis.set_xlabel("recognised, % of the spoken class")
        axis.set_ylabel("spoken (clips)")


def detection_curve(evaluations: Mapping[str, Mapping[str, Any]], path: Path | str) -> None:
    """Draw misses against false accepts per hour, one curve per evaluation, low left is better.

    evaluations: a name, such as "10 dB noise", to what `kws evaluate --positives --negatives`
    gives: `operating_points`, `at_default`, `hours`, `positives`.  Up to one false accept the axis
    is linear, so that none at all has its place; above it is logarithmic.  The dot is the default
    threshold, the bar from it reaches to the upper end of its 95 % interval.
    """
    if not evaluations or not all(each.get("operating_points") for each in evaluations.values()):
        raise KwsError("there is no detection curve to draw: an evaluation has no operating points")
    if not all(float(each["hours"]) > 0.0 for each in evaluations.values()):
        raise KwsError("there is no detection curve to draw: an evaluation has no other sound")
    with figure_saved(path, 4.8) as figure:
        axis = figure.subplots()
        for index, (name, evaluation) in enumerate(evaluations.items()):
            _draw_operating_points(axis, name, evaluation, index)
        one_false_accept = max(1.0 / float(each["hours"]) for each in evaluations.values())
        axis.set_xscale("symlog", linthresh=one_false_accept, linscale=0.6)
        axis.set_xlim(left=-0.05 * one_false_accept)
        axis.set_ylim(bottom=0.0)
        limit = axis.get_xlim()[1]
        ticks = [0.0, *(step for step in STEPS if 0.5 * one_false_accept <= step <= limit)]
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_xticks([], minor=True)
        axis.grid(True)
        axis.set_title("Misses against false accepts")
        axis.set_xlabel("false accepts per hour")
        axis.set_ylabel("missed, %")
        figure.legend(loc="outside lower center", ncols=1)


def _has(epochs: Sequence[Mapping[str, Any]], key: str) -> bool:
    return any(epoch.get(key) is not None for epoch in epochs)


def _draw_series(
    axis: Any, epochs: Sequence[Mapping[str, Any]], series: Mapping[str, str], scale: float
) -> None:
    for index, (key, label) in enumerate(series.items()):
        points = [
            (epoch.get("epoch", number), scale * epoch[key])
            for number, epoch in enumerate(epochs, 1)
            if epoch.get(key) is not None
        ]
        if points:
            marker = "." if len(points) < 25 else ""
            x, y = zip(*points, strict=True)
            axis.plot(x, y, DASHES[index], marker=marker, color=SERIES[index], label=label)
    axis.grid(True)
    if len(axis.lines) > 1:
        axis.legend(loc="best")


def _mark_stages(axes: Sequence[Any], epochs: Sequence[Mapping[str, Any]]) -> None:
    numbered = [(epoch.get("epoch", n), epoch.get("stage")) for n, epoch in enumerate(epochs, 1)]
    for stage, group in groupby(numbered, key=lambda pair: pair[1]):
        first = next(group)[0]
        if stage is None:
            continue
        for axis in axes:
            if first != numbered[0][0]:
                axis.axvline(first, color=FAINT, linewidth=1.2, zorder=0)
        axes[0].annotate(
            stage, (first, 1.0), (2, 4), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=10, annotation_clip=False,
        )  # fmt: skip


def _counts(
    confusion: npt.ArrayLike | Mapping[str, Mapping[str, int]], classes: Sequence[str]
) -> npt.NDArray[np.float64]:
    if isinstance(confusion, Mapping):
        named = {*confusion, *(name for row in confusion.values() for name in row)}
        if strange := sorted(named.difference(classes)):
            raise KwsError(f"the confusion matrix has {strange[0]!r}, which is none of the classes")
        confusion = [[confusion.get(row, {}).get(name, 0) for name in classes] for row in classes]
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.shape != (len(classes), len(classes)):
        raise KwsError(
            f"the confusion matrix is {counts.shape}, but there are {len(classes)} classes"
        )
    return counts


def _draw_operating_points(axis: Any, name: str, evaluation: Mapping[str, Any], index: int) -> None:
    colour, dash = SERIES[index % len(SERIES)], DASHES[index % len(DASHES)]
    points = sorted(evaluation["operating_points"], key=lambda point: point["threshold"])
    missed = [100.0 * point["miss_rate"] for point in points]
    accepted = [point["false_accepts_per_hour"] for point in points]
    label = f"{name}: {evaluation['positives']} spoken, {evaluation['hours']:.1f} h of other sound"
    default = evaluation.get("at_default")
    if default:
        x, y = default["false_accepts_per_hour"], 100.0 * default["miss_rate"]
        label += f"; at {default['threshold']:.2f}: {y:.1f} % missed, {x:.2g} accepts per hour"
        upper = default.get("false_accepts_per_hour_upper_95", x)
        bar = {"elinewidth": 1.2, "capsize": 4.0, "zorder": 3}
        axis.errorbar(x, y, xerr=[[0.0], [max(0.0, upper - x)]], color=colour, **bar)
        axis.plot(x, y, "o", color=colour, markersize=9, markeredgecolor="white", zorder=4)
    axis.plot(accepted, missed, dash, color=colour, label=label)


def _draw_cells(axis: Any, per_cent: npt.NDArray[np.float64]) -> None:
    """Draw what is right in blue, and what is wrong in orange on a scale of its own."""
    right = np.eye(len(per_cent), dtype=bool)
    worst = max(10.0, float(per_cent[~right].max(initial=0.0)))
    shown = per_cent >= LEAST_SHOWN
    for cells, colours, limit in ((right, "Blues", 100.0), (~right, "Oranges", 1.5 * worst)):
        values = np.ma.masked_array(per_cent, mask=~(cells & shown))
        axis.imshow(values, cmap=colours, vmin=0.0, vmax=limit)
    for row, column in zip(*np.nonzero(shown), strict=True):
        value = per_cent[row, column]
        ink = "white" if row == column and value > 55.0 else INK
        axis.text(column, row, f"{value:.0f}", ha="center", va="center", color=ink)
    axis.set_facecolor("#F5F5F5")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
