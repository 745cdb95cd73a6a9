"""What is kept of a stream: rows of a table on disk, a curve of bounded length."""

import csv
import io
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from kws.errors import KwsError
from kws.listening.timeline import Heard
from kws.settings.model import posterior_of
from kws.support.files import unsaved
from kws.support.text import cell_text, count_of

ROWS_AT_ONCE = 50  # of a table are written: those of a second
LONGEST_CURVE = 20_000  # points; a picture is narrower
MOST_DETECTIONS = 10_000
SCORE_MIN = -32768  # q10
LATEST_S = 1.0  # that one model may lag behind another
Row = list[int | None]


class Table:
    """A CSV file, a row a frame: frame, time in seconds, posterior of each word.

    Rows are written a second at a time: a day takes no more memory than a minute, and a kill keeps
    what was seen. What the file held before goes with the first row, so that where nothing is heard
    nothing is lost. What cannot be written is told, once until writing works again, and the ear
    goes on; the file holds whole rows only. KwsError where it cannot be opened.
    """

    def __init__(self, path: Path, words: Sequence[str], tell: Callable[[str], None]) -> None:
        self._path, self._tell = path, tell
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            self._has_old_rows = os.fstat(self._file.fileno()).st_size > 0
        except OSError as error:
            raise KwsError(unsaved(path, error)) from error
        self._waiting = io.StringIO()
        self._rows = csv.writer(self._waiting, lineterminator="\n")
        self._rows.writerow(["frame", "time_s", *map(cell_text, words)])
        self._header = self._taken()
        self._count = 0  # of the rows that wait
        self._lost = 0
        self._is_failing = False

    def take(self, frame: int, time_s: float, scores: Sequence[int | None]) -> None:
        """Write a row; scores are q10, None where a word has none at this time."""
        posteriors = ["" if score is None else f"{posterior_of(score):.5f}" for score in scores]
        self._rows.writerow([frame, f"{time_s:.3f}", *posteriors])
        self._count += 1
        if self._count >= ROWS_AT_ONCE:
            self._write()

    def close(self) -> None:
        """Write what is left; KwsError where rows are missing."""
        if self._count or not self._has_old_rows:
            self._write()
        self._file.close()
        if self._lost:
            raise KwsError(
                f"{self._path} lacks {count_of(self._lost, 'row')}, which could not be written"
            )

    def _write(self) -> None:
        """Write what waits, all of it or nothing."""
        data, length = self._header + self._taken(), None
        try:
            if self._has_old_rows:
                self._file.truncate(0)
                self._has_old_rows = False
            length = os.fstat(self._file.fileno()).st_size
            while data:
                data = data[self._file.write(data) or 0 :]
        except OSError as error:
            if length is not None:
                with suppress(OSError):  # a pipe has no end to cut off
                    self._file.truncate(length)
            if not self._is_failing:
                self._tell(unsaved(self._path, error))
            self._is_failing = True
            self._lost += self._count
        else:
            self._is_failing, self._header = False, b""
        self._count = 0

    def _taken(self) -> bytes:
        """Take out what waits."""
        data = self._waiting.getvalue().encode()
        self._waiting.seek(0)
        self._waiting.truncate()
        return data


class Rows:
    """Puts the frames of several models, which may lag behind each other, into rows by time."""

    def __init__(self, words: int) -> None:
        self._words = words
        self._waiting: dict[int, tuple[int, Row]] = {}  # by time in milliseconds

    def take(self, first: int, frame: int, time_s: float, scores: Sequence[int]) -> None:
        """Take in a frame's scores (q10), whose words begin with the one of number `first`."""
        _, row = self._waiting.setdefault(round(time_s * 1000), (frame, [None] * self._words))
        row[first : first + len(scores)] = scores

    def ready(self, *, is_over: bool = False) -> Iterator[tuple[int, float, Row]]:
        """Yield frame, time in seconds and scores of the rows to which nothing more will come."""
        if not self._waiting:
            return
        latest = max(self._waiting) - round(LATEST_S * 1000)
        for time_ms in sorted(self._waiting):
            frame, row = self._waiting[time_ms]
            if None in row and time_ms > latest and not is_over:
                return
            del self._waiting[time_ms]
            yield frame, time_ms / 1000, row


class Curve:
    """Scores over time and detections, for a picture; the longer it gets, the coarser.

    Beyond LONGEST_CURVE points two become one, with the higher scores: a peak stays.
    """

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self.scores: list[list[int]] = []  # q10, in the order of the words
        self.detections: deque[Heard] = deque(maxlen=MOST_DETECTIONS)
        self._frames_a_point = 1
        self._in_last = 0

    def take(self, time_s: float, row: Sequence[int | None]) -> None:
        """Take in the scores of a moment; all have as many, and None stands for the one before."""
        before = self.scores[-1] if self.scores else [SCORE_MIN] * len(row)
        scores = [last if new is None else new for new, last in zip(row, before, strict=True)]
        if self._in_last == 0:
            if len(self.times_s) >= LONGEST_CURVE:
                self._halve()
            self.times_s.append(time_s)
            self.scores.append(scores)
        else:
            self.scores[-1] = _higher(self.scores[-1], scores)
        self._in_last = (self._in_last + 1) % self._frames_a_point

    def _halve(self) -> None:
        pairs = zip(self.scores[::2], self.scores[1::2], strict=True)
        self.scores = [_higher(a, b) for a, b in pairs]
        self.times_s = self.times_s[::2]
        self._frames_a_point *= 2

    def draw(self, words: Mapping[str, float], path: Path, since: str) -> None:
        """Draw the posterior of each word over time, its threshold and the detections.

        words: each word with its threshold; since: what time 0 is.
        """
        from kws.report.drawing import INK, RED, SERIES, figure_saved

        posteriors = np.array([[posterior_of(score) for score in row] for row in self.scores])
        with figure_saved(path, 3.0) as figure:
            axis = figure.subplots()
            colours = [colour for colour in SERIES if colour != RED]  # red is for detections
            for index, word in enumerate(words if self.times_s else []):
                colour = colours[index % len(colours)]
                axis.plot(
                    self.times_s, posteriors[:, index], color=colour, linewidth=1.2, label=word
                )
            for threshold in sorted(set(words.values())):
                axis.axhline(
                    threshold, color=INK, linestyle=":", label=f"threshold {threshold:.3f}"
                )
            for heard in self.detections:
                axis.axvline(heard.time_s, color=RED, linewidth=1.0, alpha=0.5)
                axis.plot(heard.time_s, heard.score, "o", color=RED)
            axis.set_ylim(0.0, 1.05)
            axis.set_ylabel("posterior")
            axis.set_xlabel(f"time since {since}, s")
            figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=5)


def _higher(a: Sequence[int], b: Sequence[int]) -> list[int]:
    return [max(pair) for pair in zip(a, b, strict=True)]
