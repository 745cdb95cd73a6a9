"""A terminal as a screen: keys in, lines out, and as it was found at the end."""

import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, TextIO

from kws.listening.screen import fitted
from kws.listening.strip import Spans
from kws.support.moving_line import size_of

LEAST_COLUMNS = 40  # a narrower one gets plain lines
STYLES = {
    "": "",
    "strong": "bold",
    "dim": "bright_black",
    "bar": "cyan",
    "line": "bright_black",
    "over": "bold yellow",
    "hit": "bold green",
    "warn": "bold reverse",
}
# What a terminal sends for a key of several bytes: an arrow, a function key, Alt with a letter.
_ESCAPED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"


def is_screen(out: TextIO) -> bool:
    """Tell whether `out` is a terminal that can be painted on and is not too narrow for it."""
    if not out.isatty() or os.environ.get("TERM", "") in ("", "dumb"):
        return sys.platform == "win32" and out.isatty()
    return size_of(out)[0] >= LEAST_COLUMNS


class Painter:
    """Paints lines on a terminal, only those that have changed."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console

        self._out = out
        console = Console(file=out, force_terminal=True)
        self._around: dict[str, tuple[str, str]] = {}
        for name, style in STYLES.items():
            with console.capture() as captured:
                console.print("\0", style=style, end="", highlight=False, markup=False)
            before, _, after = captured.get().partition("\0")
            self._around[name] = before, after
        self._last: list[Spans] = []
        self._size = (0, 0)

    def size(self) -> tuple[int, int]:
        """Return columns and lines to paint on; a change of them lets all be painted anew."""
        size = size_of(self._out)
        if size != self._size:
            self._size, self._last = size, []
        return size[0] - 1, size[1]  # the last column would make some terminals wrap

    def paint(self, lines: list[Spans]) -> None:
        """Show the lines from the top."""
        parts = [] if self._last else ["\x1b[2J"]
        width = self._size[0] - 1
        for number, spans in enumerate(lines):
            if number >= len(self._last) or self._last[number] != spans:
                parts.append(f"\x1b[{number + 1};1H{fitted(spans, width, self._styled)}\x1b[K")
        if parts:
            self._write("".join(parts))
        self._last = lines

    def _styled(self, text: str, style: str) -> str:
        before, after = self._around[style]
        return f"{before}{text}{after}"

    def enter(self) -> None:
        """Leave what the terminal shows aside."""
        self._last = []
        self._write(_ENTER)

    def leave(self) -> None:
        """Show again what it showed."""
        self._write(_LEAVE)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


@contextlib.contextmanager
def screen(out: TextIO) -> Iterator[tuple[Painter, "Keys"]]:
    """Give a painter and keys, and leave the terminal as it was, however the block ends.

    A stop by Ctrl-Z gives the terminal back, too.
    """
    painter, keys = Painter(out), Keys()
    before: Any = None
    stop_number = getattr(signal, "SIGTSTP", None)

    def stop(number: int, _frame: FrameType | None) -> None:
        keys.leave()
        painter.leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # stands here until it is continued
        signal.signal(number, stop)
        painter.enter()
        keys.enter()

    if stop_number:
        before = signal.signal(stop_number, stop)
    try:
        painter.enter()
        keys.enter()
        yield painter, keys
    finally:
        keys.leave()
        with contextlib.suppress(OSError):  # a terminal that was closed
            painter.leave()
        if stop_number:
            signal.signal(stop_number, before)


class Keys:
    """The keys that were pressed, one by one and unechoed; none where there is no keyboard."""

    def __init__(self) -> None:
        self._saved: Any = None

    def enter(self) -> None:
        """Take keys as they come."""
        if sys.platform == "win32" or sys.stdin is None or not sys.stdin.isatty():
            return
        import termios
        import tty

        number = sys.stdin.fileno()
        self._saved = termios.tcgetattr(number)
        tty.setcbreak(number)
        mode = termios.tcgetattr(number)
        mode[0] &= ~termios.IXON  # Ctrl-S would hold what we paint, and then us
        termios.tcsetattr(number, termios.TCSANOW, mode)

    def leave(self) -> None:
        """Give the keyboard back."""
        if self._saved is not None:
            import termios

            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._saved)
            self._saved = None

    def pressed(self) -> Iterator[str]:
        """Yield the keys that wait; a key of several bytes, such as an arrow, is none of ours."""
        if sys.platform == "win32":
            import msvcrt

            while msvcrt.kbhit():
                key = msvcrt.getwch()
                if key in "\0\xe0":  # an arrow, for example, whose letter comes next
                    msvcrt.getwch()
                else:
                    yield key
            return
        if self._saved is None:
            return
        import select

        while select.select([sys.stdin.fileno()], [], [], 0)[0]:
            data = os.read(sys.stdin.fileno(), 64)
            if not data:  # the terminal has gone
                raise KeyboardInterrupt
            yield from _ESCAPED.sub(b"", data).decode("ascii", "ignore")
