"""Plain text for people: bars, clock times, tables, and foreign text that is safe to print."""

import json
import os
import re
import shlex
import textwrap
from collections.abc import Sequence
from functools import partial
from typing import Any, TextIO

# They do not print by themselves and harm nothing: spaces, and what joins letters and emoji.
HARMLESS = frozenset("\u00a0\u200c\u200d\u3000")
TERMINAL_COLUMNS = 80


def shown(text: object) -> str:
    r"""Return what others wrote (a word, a name, a path, an error) as text for a terminal.

    What is not printable is escaped: control characters below 0x20 and above 0x7e, marks that
    turn the direction of writing, separators of lines.  A byte of a file's name that is not
    UTF-8 becomes \xNN.
    """
    given = str(text)
    return given if given.isprintable() else "".join(map(_shown_character, given))


def one_line(text: object) -> str:
    """Return what others wrote as a single line for a terminal."""
    return shown(" ".join(str(text).split()))


def _shown_character(char: str) -> str:
    code = ord(char)
    if char.isprintable() or char in HARMLESS:
        return char
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte that is not UTF-8
        code -= 0xDC00
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def in_shell(path: object) -> str:
    """Return a path as a word of a command that a person will paste, safe to print as well."""
    text = shown(path)
    if os.name == "nt":
        return f'"{text}"' if " " in text else text
    return shlex.quote(text)


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON in which letters of every script stand as they are and no control character."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # Unescaped newlines are those of the indent: json escapes all below 0x20 within strings.
    return "".join(
        char if char.isprintable() or char == "\n" or char in HARMLESS else json.dumps(char)[1:-1]
        for char in text
    )


def markdown(text: object) -> str:
    """Return what others wrote as text of a Markdown page, on one line: no markup, no HTML."""
    return re.sub(r"[\\`*\[\]<>&|~]", r"\\\g<0>", shown(text))


def code(text: object) -> str:
    """Return what others wrote as a code span of a Markdown page."""
    ticks = "`" * (1 + _longest_run(shown(text)))
    pad = " " if len(ticks) > 1 else ""
    return f"{ticks}{pad}{shown(text)}{pad}{ticks}"


def code_block(lines: Sequence[str]) -> list[str]:
    """Return what others wrote as the lines of a block of code, which no line of them ends."""
    fence = "`" * max(3, 1 + max(map(_longest_run, lines), default=0))
    return [fence, *map(shown, lines), fence]


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def count_of(number: int, what: str) -> str:
    """Return a number with its noun: 1 clip, 2 clips, 1,000 clips."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def reason_of(refusal: OSError) -> str:
    """Return why the operating system refused something, as it stands within a sentence."""
    return (refusal.strerror or str(refusal)).lower()


def cell_text(text: str) -> str:
    """Return text for a cell of CSV that no spreadsheet takes for a formula."""
    return f"'{text}" if re.match(r"\s*[=+\-@\t\r|]", text) else text


def labelled(label: str, text: object) -> str:
    """Return a line that fits a terminal: a text, which goes on in further lines below itself.

    What others wrote in it is safe to print; a word that is longer, a path say, stays whole.
    """
    width = max(20, TERMINAL_COLUMNS - len(label))
    wrap = partial(textwrap.wrap, break_long_words=False, break_on_hyphens=False)
    lines = wrap(shown(text), width) or [""]
    return label + f"\n{' ' * len(label)}".join(lines)


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
    all its cells are numbers or empty.  What others wrote in the cells is safe to print.
    """
    cells = [[shown(cell) for cell in row] for row in rows]
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
    cells = [[shown(cell).replace("|", "\\|") for cell in row] for row in rows]
    marks = ["--:" if right else "---" for right in _are_numbers(cells, len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (list(header), marks, *cells))


def _are_numbers(cells: Sequence[Sequence[str]], columns: int) -> list[bool]:
    """Tell which columns hold nothing but numbers: what starts with a digit or a sign before it."""
    return [
        all(not cell or cell.lstrip("-+")[:1].isdigit() for cell in column)
        for column in zip(*cells, strict=True)
    ] or [False] * columns
