"""Plain text for people: bars, clock times and tables."""

from collections.abc import Sequence
from typing import TextIO


def clock(seconds: float) -> str:
    """Return a time as mm:ss.s; the minutes go on past 59."""
    tenths = int(seconds * 10 + 0.5)
    return f"{tenths // 600:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def bar(fraction: float, width: int, full: str, empty: str) -> str:
    """Return a bar of `width` characters, filled up to a fraction of 0 to 1."""
    filled = round(min(max(fraction, 0.0), 1.0) * width)
    return full * filled + empty * (width - filled)


def bar_characters(stream: TextIO) -> tuple[str, str]:
    """Return what a bar is drawn with: blocks, or plain ASCII where the stream has no blocks."""
    blocks = "█", "░"
    try:
        "".join(blocks).encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#", "."
    return blocks


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows under a header in aligned columns: numbers to the right, all else to the left.

    A number is what starts with a digit or a sign before one; a column goes to the right when
    all its cells are numbers or empty.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    is_number = _are_numbers(cells, len(header))
    lines = []
    for row in [list(header), *cells]:
        aligned = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows under a header as a Markdown table: columns of numbers to the right."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    marks = ["--:" if right else "---" for right in _are_numbers(cells, len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (list(header), marks, *cells))


def _are_numbers(cells: Sequence[Sequence[str]], columns: int) -> list[bool]:
    """Tell which columns hold nothing but numbers: what starts with a digit or a sign before it."""
    return [
        all(not cell or cell.lstrip("-+")[:1].isdigit() for cell in column)
        for column in zip(*cells, strict=True)
    ] or [False] * columns
