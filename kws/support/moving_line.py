"""A line of a terminal that is written over and over, as wide as the terminal is at that moment."""

import os
from typing import TextIO


def size_of(out: TextIO) -> tuple[int, int]:
    """Return columns and lines of a terminal as they are now."""
    try:
        size = os.get_terminal_size(out.fileno())
    except (OSError, ValueError):
        return 80, 24
    return (size.columns or 80), (size.lines or 24)  # some serial lines say 0


class MovingLine:
    """Shows each text in the place of the one before; nothing at all where there is no terminal."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self.is_shown = terminal.isatty()
        self._is_there = False

    def show(self, text: str) -> None:
        """Show a text, cut to the terminal: one that wraps would stay where it is."""
        if self.is_shown:
            columns, _ = size_of(self._terminal)
            self._terminal.write(f"\r{text[: columns - 1]}\x1b[K")
            self._terminal.flush()
            self._is_there = True

    def wipe(self) -> None:
        """Make room for another line."""
        if self._is_there:
            self._terminal.write("\r\x1b[K")
            self._terminal.flush()
            self._is_there = False
