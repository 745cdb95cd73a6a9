"""Where the rooms of a drawing stand: rows, their order, and a place in the row for each.

An arrow that passes a row on its way has a stop there, so that it runs between the rooms and not
through them. Orders are tried one row after another, up and down, for the fewest crossings.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise, permutations
from typing import NamedTuple

SWEEPS = 6
SETTLING_ROUNDS = 60
MOST_TRIED = 6  # items of a row whose every order is tried


class Stop(NamedTuple):
    """The place where the arrow from `start` to `end` passes a row."""

    start: str
    end: str
    row: int


Item = str | Stop
Rows = list[list[Item]]
Links = list[tuple[Item, Item]]


def without_detours(uses: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Leave out each arrow that follows from others: a -> c where a -> b -> c."""

    def reached(start: str) -> set[str]:
        return {end for used in uses[start] for end in {used, *reached(used)}}

    return {
        start: {end for end in ends if not any(end in reached(other) for other in ends - {end})}
        for start, ends in uses.items()
    }


def layered(floors: Sequence[set[str]], uses: Mapping[str, set[str]]) -> tuple[Rows, Links]:
    """Rows from the top, with stops of long arrows, and the links from each row to the next."""
    row_of = {name: row for row, floor in enumerate(reversed(floors)) for name in floor}
    rows: Rows = [sorted(floor) for floor in reversed(floors)]
    links: Links = []
    for start in sorted(uses):
        for end in sorted(uses[start]):
            between = range(row_of[start] + 1, row_of[end])
            stops = [Stop(start, end, row) for row in between]
            for stop in stops:
                rows[stop.row].append(stop)
            links += pairwise([start, *stops, end])
    return rows, links


def order(rows: Rows, links: Links) -> Rows:
    """Put the items of each row in the order with the fewest crossings, then the shortest."""
    rows = [list(row) for row in rows]
    for sweep in range(SWEEPS):
        for row in range(len(rows)) if sweep % 2 == 0 else reversed(range(len(rows))):
            rows[row] = min(_orders(rows[row]), key=lambda new: _badness(rows, row, new, links))
    return rows


def _orders(row: list[Item]) -> Iterator[list[Item]]:
    """Every order of a row; of a long one, this order and those with two items exchanged."""
    if len(row) <= MOST_TRIED:
        yield from map(list, permutations(row))
        return
    yield row
    for one, other in combinations(range(len(row)), 2):
        new = list(row)
        new[one], new[other] = new[other], new[one]
        yield new


def _badness(rows: Rows, row: int, new: Sequence[Item], links: Links) -> tuple[int, float]:
    place = {
        item: (position + 0.5) / len(items) - 0.5
        for other in (row - 1, row, row + 1)
        if 0 <= other < len(rows)
        for items in [new if other == row else rows[other]]
        for position, item in enumerate(items)
    }
    here = set(new)
    crossings, length = 0, 0.0
    for down in (True, False):
        ends = [
            (place[top], place[bottom])
            for top, bottom in links
            if (top if down else bottom) in here
        ]
        crossings += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(ends, 2))
        length += sum(abs(a - b) for a, b in ends)
    return crossings, round(length, 6)


def place(
    rows: Rows, links: Links, widths: Mapping[Item, float], gap: float, width: float
) -> dict[Item, float]:
    """The middle of each item: near those that it is linked with, in its row's order."""
    neighbours: dict[Item, list[Item]] = {item: [] for row in rows for item in row}
    for top, bottom in links:
        neighbours[top].append(bottom)
        neighbours[bottom].append(top)
    x = {item: width * (i + 0.5) / len(row) for row in rows for i, item in enumerate(row)}
    for _ in range(SETTLING_ROUNDS):
        for row in rows:
            wanted = [
                sum(x[other] for other in neighbours[item]) / len(neighbours[item]) for item in row
            ]
            for item, middle in zip(row, _apart(row, wanted, widths, gap, width), strict=True):
                x[item] = middle
    return x


def _apart(
    row: list[Item], wanted: list[float], widths: Mapping[Item, float], gap: float, width: float
) -> list[float]:
    """The places nearest to the wanted ones, in order, with room for each, inside the width."""
    offsets = [0.0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + (widths[one] + widths[other]) / 2 + gap)
    low = widths[row[0]] / 2
    high = width - widths[row[-1]] / 2 - offsets[-1]
    groups: list[tuple[float, int]] = []  # neighbours that touch move together, to their mean
    for middle, offset in zip(wanted, offsets, strict=True):
        value, count = middle - offset, 1
        while groups and groups[-1][0] > value:
            before, many = groups.pop()
            value, count = (before * many + value * count) / (many + count), many + count
        groups.append((value, count))
    shifts = [value for value, count in groups for _ in range(count)]
    return [
        min(max(shift, low), high) + offset for shift, offset in zip(shifts, offsets, strict=True)
    ]
