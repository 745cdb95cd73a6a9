"""What `kws monitor` keeps of a stream: rows of a table on disk, a curve of bounded length."""

import csv
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kws.device.protocol import Board
from kws.errors import KwsError
from kws.listening.timeline import Heard
from kws.settings.model import posterior_of
from kws.support.text import cell_text

LONGEST_CURVE = 20_000  # points; a picture is narrower
MOST_DETECTIONS = 10_000


class Table:
    """A CSV file, a row a frame: frame, time in seconds, posterior of each word.

    A row is written when it comes: a day takes no more memory than a minute, and a kill keeps what
    was seen. KwsError where it cannot be written.
    """

    def __init__(self, path: Path, board: Board) -> None:
        self._path, self._board = path, board
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise self._failed(error) from error
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._write(["frame", "time_s", *map(cell_text, board.words.values())])

    def take(self, frame: int, scores: Sequence[int]) -> None:
        """Write a row; scores are q10."""
        posteriors = [f"{posterior_of(score):.5f}" for score in scores]
        self._write([frame, f"{self._board.end_s(frame):.3f}", *posteriors])

    def close(self) -> None:
        """Write what is left."""
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _write(self, row: Sequence[object]) -> None:
        try:
            self._rows.writerow(row)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> KwsError:
        reason = (error.strerror or str(error)).lower()
        return KwsError(f"cannot save {self._path}: {reason}; free some space or choose another")


class Curve:
    """Scores over time and detections, for a picture; the longer it gets, the coarser.

    Beyond LONGEST_CURVE points two become one, with the higher scores: a peak stays.
    """

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.scores: list[list[int]] = []  # q10, in the order of the words
        self.detections: deque[Heard] = deque(maxlen=MOST_DETECTIONS)
        self._frames_a_point = 1
        self._in_last = 0

    def take(self, frame: int, scores: list[int]) -> None:
        """Take in a frame's scores; all have as many."""
        if self._in_last == 0:
            if len(self.frames) >= LONGEST_CURVE:
                self._halve()
            self.frames.append(frame)
            self.scores.append(scores)
        else:
            self.scores[-1] = _higher(self.scores[-1], scores)
        self._in_last = (self._in_last + 1) % self._frames_a_point

    def _halve(self) -> None:
        pairs = zip(self.scores[::2], self.scores[1::2], strict=True)
        self.scores = [_higher(a, b) for a, b in pairs]
        self.frames = self.frames[::2]
        self._frames_a_point *= 2

    def draw(self, board: Board, path: Path) -> None:
        """Draw the posterior of each word over time, the threshold and the detections."""
        from kws.report.drawing import INK, RED, SERIES, figure_saved

        time_s = np.array([board.end_s(frame) for frame in self.frames])
        threshold = posterior_of(board.threshold_q10)
        posteriors = 1 / (1 + np.exp(-np.array(self.scores, np.float64) / 1024))
        with figure_saved(path, 3.0) as figure:
            axis = figure.subplots()
            colours = [colour for colour in SERIES if colour != RED]  # red is for detections
            for index, word in enumerate(board.words.values() if self.frames else []):
                colour = colours[index % len(colours)]
                axis.plot(time_s, posteriors[:, index], color=colour, linewidth=1.2, label=word)
            axis.axhline(threshold, color=INK, linestyle=":", label=f"threshold {threshold:.3f}")
            for heard in self.detections:
                axis.axvline(heard.time_s, color=RED, linewidth=1.0, alpha=0.5)
                axis.plot(heard.time_s, heard.score, "o", color=RED)
            axis.set_ylim(0.0, 1.05)
            axis.set_ylabel("posterior")
            axis.set_xlabel("time since the board's start, s")
            figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=5)


def _higher(a: Sequence[int], b: Sequence[int]) -> list[int]:
    return [max(pair) for pair in zip(a, b, strict=True)]
