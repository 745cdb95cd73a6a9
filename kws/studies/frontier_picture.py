"""The frontier as a picture and as a table: accuracy against bytes, each point with its task."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from kws.errors import KwsError
from kws.report.drawing import BLUE, FAINT, RED, figure_saved
from kws.studies.frontier_points import OURS, PUBLISHED, RETRAINED, SHIPPED, Point
from kws.support.files import replacing
from kws.support.text import markdown_table

GREY = "#7A7A7A"
TICKS = (512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536)
LEAST_PER_CENT, SPAN_BYTES = 82.0, (300, 170_000)
BEGIN, END = "<!-- frontier: written by kws bench frontier -->", "<!-- /frontier -->"
PAGE = Path("docs/results/accuracy-per-byte.md")  # beside the folder of the models
HEADER = ("network", "bytes", "mean %", "best %", "seeds", "task", "measured in")
KINDS = {
    OURS: "this project, retrained at each size",
    SHIPPED: "this project, shipped",
    RETRAINED: "peers, same clips",
    PUBLISHED: "published",
}


def draw(points: Sequence[Point], path: Path) -> None:
    """Draw accuracy (per cent) over bytes, in steps of two; KwsError without points."""
    if not points:
        raise KwsError("there is no point to draw: train one with kws bench frontier --data DIR")
    by_group = {group: [p for p in points if p.group == group] for group in KINDS}
    lowest = min(min(p.accuracies) for p in points) * 100
    with figure_saved(path, 5.6, 9.0) as figure:
        axis = figure.subplots()
        axis.set_xscale("log", base=2)
        axis.grid(True)
        _draw_published(axis, by_group[PUBLISHED])
        _draw_retrained(axis, by_group[RETRAINED])
        _draw_ours(axis, by_group[OURS], by_group[SHIPPED])
        axis.set_xlim(*SPAN_BYTES)
        axis.set_ylim(min(LEAST_PER_CENT, lowest - 1.5), 98.2)
        axis.set_xticks(TICKS, [_size(size) for size in TICKS])
        axis.minorticks_off()
        axis.set_xlabel("bytes: the whole model file; of peers and published, one a parameter")
        axis.set_ylabel("accuracy, %")
        axis.set_title("Accuracy per byte, Speech Commands")
        handles, labels = axis.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=10)
        _label_all(figure, axis, points)


def _size(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size // 1024} KB"


def _task_of(points: Sequence[Point]) -> str:
    return " and ".join(sorted({p.task for p in points}))


def _draw_ours(axis: Any, ours: Sequence[Point], shipped: Sequence[Point]) -> None:
    """A line through the means over seeds, a bar from the worst to the best; stars as shipped."""
    if ours:
        where = [p.bytes for p in ours]
        means = [100 * p.mean for p in ours]
        below = [100 * (p.mean - min(p.accuracies)) for p in ours]
        above = [100 * (max(p.accuracies) - p.mean) for p in ours]
        counts = {len(p.accuracies) for p in ours}
        least, most = min(counts), max(counts)
        seeds = f" and range of {most if least == most else f'{least} to {most}'} seeds"
        axis.errorbar(
            where, means, (below, above), color=BLUE, marker="o", markersize=6.5, capsize=3,
            elinewidth=1.3, linewidth=2.2, zorder=4,
            label=f"FastGRNN of this project: {_task_of(ours)};\nshipped integers, mean"
            f"{seeds if most > 1 else ''}",
        )  # fmt: skip
    if shipped:
        axis.plot(
            [p.bytes for p in shipped], [100 * p.mean for p in shipped], "*", color=BLUE,
            markersize=17, markeredgecolor="white", zorder=5,
            label=f"shipped models: {_task_of(shipped)}",
        )  # fmt: skip


def _draw_retrained(axis: Any, points: Sequence[Point]) -> None:
    if not points:
        return
    means = [100 * p.mean for p in points]
    axis.plot(
        [p.bytes for p in points], means, "s", color=RED, markersize=8, zorder=3,
        markeredgecolor="white", label=f"peers on the same clips: {_task_of(points)}; float",
    )  # fmt: skip


def _draw_published(axis: Any, points: Sequence[Point]) -> None:
    """Hollow, since they come of other clips and another part of the corpus."""
    if not points:
        return
    axis.plot(
        [p.bytes for p in points], [100 * p.mean for p in points], "D", color=GREY,
        markerfacecolor="white", markersize=7, zorder=2, linestyle="none",
        label=f"published: {_task_of(points)} (not the same clips)",
    )  # fmt: skip
    for p in points:
        if len(p.accuracies) == 2:
            low, high = (100 * a for a in p.accuracies)
            axis.plot([p.bytes] * 2, [low, high], color=FAINT, linewidth=3, zorder=1)


def _label_all(figure: Any, axis: Any, points: Sequence[Point]) -> None:
    """Write a label beside each point but those of the line, where it covers least."""
    figure.draw_without_rendering()  # settles the layout, so that pixels can be compared
    taken = [_around(x, y) for x, y in _drawn(axis)]
    edges = axis.get_window_extent()
    for p in sorted(points, key=lambda p: (p.group == PUBLISHED, p.bytes)):
        if p.group == OURS:
            continue
        text = p.label if p.group != SHIPPED else f"{p.label}: {100 * p.mean:.1f} %"
        note = axis.annotate(
            text, (p.bytes, 100 * p.mean), (0, 0), textcoords="offset points", va="center",
            fontsize=9.5, color={SHIPPED: BLUE, RETRAINED: RED}.get(p.group, GREY), zorder=6,
        )  # fmt: skip
        note.set_in_layout(False)

        def cost(place: tuple[int, int, str], note: Any = note) -> float:
            note.set_position(place[:2])
            note.set_ha(place[2])
            box = note.get_window_extent()
            outside = not (edges.x0 <= box.x0 and box.x1 <= edges.x1 and box.y1 <= edges.y1)
            return sum(_overlap(box, other) for other in taken) + 1e6 * outside

        cost(best := min(PLACES, key=cost))
        note.set_position(best[:2])
        taken.append(note.get_window_extent())


# Offset in points and which end of the text is at the point; the first of equally good ones wins.
PLACES = tuple(
    (x * side, y, "left" if side > 0 else "right")
    for x, y in (
        *((9, -12), (10, 0), (9, 12), (4, -16), (4, 16), (0, -22), (0, 22)),
        *((0, 36), (0, -36)),
    )
    for side in (1, -1)
)


def _drawn(axis: Any) -> list[tuple[float, float]]:
    """Pixels of all points, and along the lines between them."""
    found = []
    for line in axis.lines:
        pixels = axis.transData.transform(line.get_xydata())
        found += [tuple(pixel) for pixel in pixels]
        if line.get_linestyle() not in ("None", "none", ""):
            for (x0, y0), (x1, y1) in pairwise(pixels):
                shares = [i / 40 for i in range(41)]
                found += [(x0 + (x1 - x0) * i, y0 + (y1 - y0) * i) for i in shares]
    return found


def _around(x: float, y: float) -> Any:
    """The box of a marker."""
    from matplotlib.transforms import Bbox

    return Bbox.from_extents(x - 9, y - 9, x + 9, y + 9)


def _overlap(one: Any, other: Any) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return float(max(0.0, width) * max(0.0, height))


def to_markdown(points: Sequence[Point]) -> str:
    """Return a table of all points, ours first."""
    rows = [
        (
            p.label if p.group != OURS else f"FastGRNN, at most {_size_of(p)} bytes",
            f"{p.bytes:,}",
            *_accuracy_cells(p),
            f"{KINDS[p.group]}: {p.task}",
            p.measured + (f" ({p.source})" if p.source else ""),
        )
        for p in points
    ]
    return markdown_table(HEADER, rows)


def _accuracy_cells(p: Point) -> tuple[str, str, str]:
    """Mean, best and number of seeds; of what is published, the figure or its range alone."""
    if p.group == PUBLISHED:
        return " to ".join(f"{100 * accuracy:g}" for accuracy in p.accuracies), "", ""
    return f"{100 * p.mean:.2f}", f"{100 * max(p.accuracies):.2f}", str(len(p.accuracies))


def _size_of(p: Point) -> str:
    limit = p.name.removeprefix("ours-")
    return f"{int(limit):,}" if limit.isdigit() else f"{p.bytes:,}"


def update(path: Path, text: str) -> bool:
    """Put text between the marks of a document; False where it has no marks or is not there."""
    try:
        document = path.read_text("utf-8")
    except OSError:
        return False
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        return False
    with replacing(path, KwsError) as file:
        file.write(f"{before}{BEGIN}\n{text}\n{END}{after}".encode())
    return True
