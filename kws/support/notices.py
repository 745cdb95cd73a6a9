"""What a person should know about a run that goes on: one way out, beside the results.

`tell` is the only function that warns. What it says goes to the standard error, so that JSON on
the standard output stays whole; nothing here uses Python's `warnings` or `logging`. `gathered`
is for a whole command: it shows the first few notices of a kind at once, counts the others, and
repeats at the end what was left out of the run; within another such block it joins that one, so
that whatever reads many recordings may gather, and a command says each thing once. Threads hand
their notices back to the thread that asked them, which tells.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from kws.support.text import one_line

SHOWN_AT_ONCE = 3  # of a kind; a folder of a thousand telephone recordings is one finding
LISTED_AT_END = 50
LEFT_OUT = "left out"  # the kind whose notices the end of a command lists


class Notice(NamedTuple):
    """One finding: its kind, by which it is counted, and a sentence that names the recording."""

    kind: str
    text: str


class Notices:
    """The notices of one command: each text once, the first of each kind shown at once."""

    def __init__(self) -> None:
        self.by_kind: dict[str, list[str]] = {}
        self._seen: set[Notice] = set()

    def add(self, notice: Notice) -> None:
        """Take in a notice, and show it unless there were several of its kind."""
        if notice in self._seen:
            return
        self._seen.add(notice)
        same = self.by_kind.setdefault(notice.kind, [])
        same.append(notice.text)
        if len(same) <= SHOWN_AT_ONCE:
            show(notice.text)

    def close(self) -> None:
        """Count what was not shown, and list what was left out."""
        for kind, texts in self.by_kind.items():
            if kind == LEFT_OUT:
                show(f"{len(texts)} recording{'s' * (len(texts) != 1)} left out:")
                for text in texts[:LISTED_AT_END]:
                    print(f"  {one_line(text)}", file=sys.stderr)
                if len(texts) > LISTED_AT_END:
                    print(f"  and {len(texts) - LISTED_AT_END} more", file=sys.stderr)
            elif len(texts) > SHOWN_AT_ONCE:
                show(f"{len(texts) - SHOWN_AT_ONCE} more of the same kind ({kind})")


_CURRENT: ContextVar[Notices | None] = ContextVar("notices", default=None)


def tell(notice: Notice) -> None:
    """Say what a person should know: to the command's notices, or at once where there are none."""
    current = _CURRENT.get()
    if current is None:
        show(notice.text)
    else:
        current.add(notice)


@contextmanager
def gathered() -> Iterator[Notices]:
    """Gather the notices of a block, and close them after it, by an error as well.

    A block within another one joins it: the outermost counts and closes.
    """
    outer = _CURRENT.get()
    if outer is not None:
        yield outer
        return
    notices = Notices()
    token = _CURRENT.set(notices)
    try:
        yield notices
    finally:
        _CURRENT.reset(token)
        notices.close()


def show(text: str) -> None:
    """Print one warning line on the standard error."""
    print(f"kws: warning: {one_line(text)}", file=sys.stderr, flush=True)
