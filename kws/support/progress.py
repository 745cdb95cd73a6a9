"""Progress of long work, shown to a person and kept out of the way of everything else."""

import sys
from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import Any, TypeVar

Item = TypeVar("Item")


def progress(
    iterable: Iterable[Item] | int | None = None,
    *,
    label: str,
    total: int | None = None,
    unit: str = "",
    done: int = 0,
) -> Iterator[Item]:
    """Yield from `iterable` and show how far it is, and when it will end, on a terminal's stderr.

    `iterable` may be a number of steps (then it counts like `range`) or None with `total`.
    `total` is the number of items where the iterable cannot tell its length; without both, only
    the count and the time so far are shown.  `done` of the items were done by an earlier run: they
    are skipped, and tell nothing of what the others will take.  Nothing at all is printed where
    stderr is not a terminal, and the bar is cleared when the loop ends, by an error or a `break`
    as well.
    """
    if iterable is None:
        if total is None:
            raise TypeError("progress() needs an iterable, a number of steps or a total")
        iterable = total
    items: Iterable[Any] = range(iterable) if isinstance(iterable, int) else iterable
    if total is None and isinstance(items, Sized):
        total = len(items)
    items = islice(items, done, None) if done else items
    if not sys.stderr.isatty():
        return iter(items)
    return _shown(items, label, total, unit, done)


def _shown(
    items: Iterable[Item], label: str, total: int | None, unit: str, done: int
) -> Iterator[Item]:
    # rich is imported here: most commands never draw a bar, and it takes a tenth of a second.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    clock = TimeElapsedColumn() if total is None else TimeRemainingColumn(compact=True)
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    with Progress(
        *columns,
        TextColumn(unit),
        clock,
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(label, total=total, completed=done)
        for item in items:
            yield item
            bar.advance(task)
