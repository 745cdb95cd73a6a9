"""The moving strip of a word's score: the last seconds in log-odds, with its threshold drawn."""

import re
from collections import deque
from typing import NamedTuple, TextIO

from kws.support.text import bar_characters

COLUMN_S = 0.1
MOST_COLUMNS = 200
LOW, HIGH = -8.0, 8.0  # log-odds; the scale grows where the threshold is higher
ABOVE = 2.0  # at least so much of the scale lies above the threshold
NOTHING = float("-inf")
Spans = list[tuple[str, str]]  # text and the name of its style

_STYLES = {"-": "line", "b": "bar", "o": "over", "h": "hit"}
_RUNS = re.compile(r"(.)\1*")


class Glyphs(NamedTuple):
    """What a strip is drawn with: nine heights of a bar, a line, a mark, and an axis."""

    heights: str
    line: str
    mark: str
    axis: str


BLOCKS = Glyphs(" ▁▂▃▄▅▆▇█", "─", "▼", "│")
ASCII = Glyphs(" ...::###", "-", "v", "|")


def glyphs_of(out: TextIO) -> Glyphs:
    """Return what a terminal's encoding can show."""
    return BLOCKS if bar_characters(out)[0] == "█" else ASCII


class Column(NamedTuple):
    """The highest score of a tenth of a second, and whether something was detected in it."""

    score: float
    is_hit: bool


class Strip:
    """The highest score of each tenth of a second, for as many as fit the widest terminal.

    The rows are kept as text that grows by a character a column, since drawing them whole several
    times a second would take more of the processor than listening does.
    """

    def __init__(self, word: str, threshold: float, glyphs: Glyphs = BLOCKS) -> None:
        """`threshold` is in log-odds, as all scores here."""
        self.word, self._threshold, self._glyphs = word, threshold, glyphs
        self.score = LOW
        self._columns: deque[Column] = deque(maxlen=MOST_COLUMNS)
        self._at = -1  # the tenth of a second that the last column shows
        self._height = 0
        self._texts: list[str] = []  # of each row, from the top down
        self._styles: list[str] = []  # a letter of _STYLES for each character of them

    @property
    def threshold(self) -> float:
        """The threshold in log-odds; what is drawn follows it."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._threshold, self._height = value, 0

    @property
    def peak(self) -> float:
        """The highest score that is kept."""
        return max((column.score for column in self._columns), default=LOW)

    def take(self, time_s: float, score: float, *, is_hit: bool = False) -> None:
        """Take in the score of a frame."""
        self.score = score
        at = int(time_s / COLUMN_S + 1e-6)
        if at == self._at:
            last = self._columns[-1]
            if score > last.score or is_hit:
                self._columns[-1] = Column(max(last.score, score), last.is_hit or is_hit)
                self._draw(again=True)
            return
        # What was not heard is empty.
        missed = min(max(at - self._at - 1, 0), MOST_COLUMNS) if self._columns else 0
        for column in [Column(NOTHING, False)] * missed + [Column(score, is_hit)]:
            self._columns.append(column)
            self._draw()
        self._at = at

    def line_row(self, height: int) -> int | None:
        """Return in which of so many rows, from the top, the threshold lies; one has no room."""
        if height < 2:
            return None
        row = int((self.threshold - LOW) * self._eighths(height) // 8)
        return height - 1 - min(max(row, 0), height - 1)

    def rows(self, width: int, height: int) -> list[Spans]:
        """Return `height` lines of `width` columns from the top down, the present at the right."""
        if height != self._height:
            self._redraw(height)
        lines = []
        for row, (text, styles) in enumerate(zip(self._texts, self._styles, strict=True)):
            shown, codes = text[-width:], styles[-width:]
            empty = width - len(shown)
            shown = self._blank(row) * empty + shown
            codes = "-" * empty + codes
            lines.append(
                [(shown[run.start() : run.end()], _STYLES[run[1]]) for run in _RUNS.finditer(codes)]
            )
        return lines

    def _eighths(self, height: int) -> float:
        """Eighths of a row for one of log-odds."""
        return 8 * height / (max(HIGH, self.threshold + ABOVE) - LOW)

    def _blank(self, row: int) -> str:
        return self._glyphs.line if row == self._line_row else " "

    def _redraw(self, height: int) -> None:
        columns = list(self._columns)
        self._height, self._line_row = height, self.line_row(height)
        self._texts, self._styles = [""] * height, [""] * height
        self._columns.clear()
        for column in columns:
            self._columns.append(column)
            self._draw()

    def _draw(self, *, again: bool = False) -> None:
        """Draw the last column behind the others, or once more."""
        column, height = self._columns[-1], self._height
        style = "o" if column.score >= self.threshold else "b"
        kept = slice(0, -1) if again else slice(-MOST_COLUMNS + 1, None)
        filled = self._filled(column.score, height) if height else 0
        for row in range(height):
            glyph = self._glyphs.heights[min(max(filled - 8 * (height - 1 - row), 0), 8)]
            code = style if glyph != " " else "-"
            if column.is_hit and row == 0 and height > 1:
                glyph, code = self._glyphs.mark, "h"
            elif glyph == " ":
                glyph = self._blank(row)
            self._texts[row] = self._texts[row][kept] + glyph
            self._styles[row] = self._styles[row][kept] + code

    def _filled(self, score: float, height: int) -> int:
        """Eighths of a row that a bar fills; in a single row only what fires is full."""
        if score == NOTHING:
            return 0
        if height > 1:
            return max(1, round((score - LOW) * self._eighths(height)))
        if score >= self.threshold:
            return 8
        share = (score - LOW) / max(self.threshold - LOW, 1e-9)
        return 1 + round(5 * min(max(share, 0.0), 1.0))
