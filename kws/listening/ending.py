"""Signals that end what listens as Ctrl-C does: what was heard is told and written."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

ENDS = ("SIGTERM", "SIGHUP", "SIGQUIT")


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first signal of ENDS, and heed no further one in this block.

    A service manager and a terminal that closes may both send one, while the end is written. One
    that is ignored from the start stays so, as `nohup` wants it.
    """
    is_ending = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_ending
        if not is_ending:
            is_ending = True
            raise KeyboardInterrupt

    before: dict[int, Any] = {}
    for name in ENDS:
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
