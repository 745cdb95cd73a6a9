"""Draw the house as SVG: packages as rooms on their floors, imports as arrows between them."""

import re
import textwrap
from xml.sax.saxutils import escape

from documents.house import FLOORS, ROOT, module_graph, package_graph, purpose
from documents.layout import Item, Links, Rows, Stop, layered, order, place, without_detours

PICTURE = ROOT / "docs" / "architecture.svg"
WIDTH, MARGIN = 544, 14
ROOM_WIDTH, STOP_WIDTH, GAP = 146, 4, 9
NAME_SIZE, TEXT_SIZE, LINE = 18, 14, 17
LINE_CHARACTERS = 17
BETWEEN = 46  # from a floor to the next
HEART = "engine"
BLUE, INK, SOFT, ARROW, PAPER, BAND = (
    "#0072B2", "#222B33", "#55616B", "#8A97A3", "#FFFFFF", "#EEF3F7",
)  # fmt: skip
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def lines_of(package: str) -> list[str]:
    """The first clause of what a package is for, in short lines."""
    return textwrap.wrap(re.split(r"[:;,.]", purpose(package))[0], LINE_CHARACTERS)


def draw() -> str:
    """Return the picture of the house as it is."""
    uses = without_detours(package_graph(module_graph()))
    rows, links = layered(FLOORS, uses)
    rows = order(rows, links)
    widths: dict[Item, float] = {
        item: STOP_WIDTH if isinstance(item, Stop) else ROOM_WIDTH for row in rows for item in row
    }
    x = {
        item: middle + MARGIN
        for item, middle in place(rows, links, widths, GAP, WIDTH - 2 * MARGIN).items()
    }
    tops, heights, height = _levels(rows)
    parts = [_band(top, high) for top, high in list(zip(tops, heights, strict=True))[::2]]
    parts += _arrows(rows, links, x, tops, heights)
    for row, top, high in zip(rows, tops, heights, strict=True):
        parts += [_room(item, x[item], top, high) for item in row if isinstance(item, str)]
    parts.append(_note(height - 46))
    return _document("\n".join(parts), height)


def _levels(rows: Rows) -> tuple[list[int], list[int], int]:
    """Top and height of each row, and the height of the picture."""
    heights = [
        NAME_SIZE + 22 + LINE * max(len(lines_of(item)) for item in row if isinstance(item, str))
        for row in rows
    ]
    tops, at = [], MARGIN + 8
    for high in heights:
        tops.append(at)
        at += high + BETWEEN
    return tops, heights, at + 26


def _band(top: int, high: int) -> str:
    return (
        f'<rect x="0" y="{top - BETWEEN // 2}" width="{WIDTH}" height="{high + BETWEEN}" '
        f'fill="{BAND}"/>'
    )


def _room(name: str, middle: float, top: int, high: int) -> str:
    heart = name == HEART
    fill, edge, ink, soft = (BLUE, BLUE, PAPER, PAPER) if heart else (PAPER, ARROW, INK, SOFT)
    left = middle - ROOM_WIDTH / 2
    lines = "".join(
        f'<text x="{middle:.1f}" y="{top + 12 + NAME_SIZE + LINE * (i + 1)}" '
        f'font-size="{TEXT_SIZE}" fill="{soft}">{escape(line)}</text>'
        for i, line in enumerate(lines_of(name))
    )
    return (
        f'<g><rect x="{left:.1f}" y="{top}" width="{ROOM_WIDTH}" height="{high}" rx="10" '
        f'fill="{fill}" stroke="{edge}" stroke-width="1.4"/>'
        f'<text x="{middle:.1f}" y="{top + 8 + NAME_SIZE}" font-size="{NAME_SIZE}" '
        f'font-weight="700" fill="{ink}">{escape(name)}</text>{lines}</g>'
    )


def _arrows(
    rows: Rows, links: Links, x: dict[Item, float], tops: list[int], heights: list[int]
) -> list[str]:
    """A curve for each link; those at one side of a room leave and arrive side by side."""
    row_of = {item: i for i, row in enumerate(rows) for item in row}

    def port(item: Item, other: Item, down: bool) -> float:
        if isinstance(item, Stop):
            return x[item]
        mates = [b if down else a for a, b in links if (a if down else b) == item]
        mates.sort(key=lambda mate: x[mate])
        step = min(22.0, (ROOM_WIDTH - 36) / len(mates))
        return x[item] + step * (mates.index(other) - (len(mates) - 1) / 2)

    drawn = []
    for a, b in links:
        start, end = port(a, b, True), port(b, a, False)
        top = tops[row_of[a]] + heights[row_of[a]]
        bottom = tops[row_of[b]] - (0 if isinstance(b, Stop) else 7)
        ends = {a.start, a.end} if isinstance(a, Stop) else {a}
        ends |= {b.start, b.end} if isinstance(b, Stop) else {b}
        colour, kind = (BLUE, "blue") if HEART in ends else (ARROW, "grey")
        half = (top + bottom) / 2
        curve = f"M{start:.1f} {top} C{start:.1f} {half} {end:.1f} {half} {end:.1f} {bottom}"
        if isinstance(b, Stop):
            curve += f" V{tops[row_of[b]] + heights[row_of[b]]}"
        head = "" if isinstance(b, Stop) else f' marker-end="url(#{kind})"'
        drawn.append(f'<path d="{curve}" fill="none" stroke="{colour}" stroke-width="1.8"{head}/>')
    return drawn


def _note(top: int) -> str:
    said = ("An arrow says: imports. What follows from", "other arrows is left out.")
    return "".join(
        f'<text x="{WIDTH / 2}" y="{top + 18 * i}" font-size="{TEXT_SIZE}" fill="{SOFT}">'
        f"{line}</text>"
        for i, line in enumerate(said, 1)
    )


def _document(inside: str, height: int) -> str:
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="5" '
        f'markerHeight="5" orient="auto"><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
        for name, colour in (("blue", BLUE), ("grey", ARROW))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="{FONT}" text-anchor="middle" role="img" '
        'aria-label="The packages of kws on their floors">\n'
        f"<!-- Written by tools/documents: make docs-renew. Do not edit. -->\n"
        f'<defs>{heads}</defs>\n<rect width="{WIDTH}" height="{height}" rx="12" fill="{PAPER}"/>\n'
        f"{inside}\n</svg>\n"
    )
