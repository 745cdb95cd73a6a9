"""A board's scores as they come: a timeline, a live bar, a table, a picture, clips."""

import csv
import io
import sys
import time
import wave
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np

from kws.device.line import AUDIO_RATE, MICROPHONES, RATES, Board, BoardLine, audio_of, integers
from kws.errors import ConfigError, KwsError
from kws.listening.near_misses import Near, Sound
from kws.listening.timeline import Heard, Printer
from kws.settings.model import log_odds_q10, posterior_of
from kws.support.files import replacing
from kws.support.text import bar, bar_characters, cell_text, clock, count_of, shown

CLIP_BEFORE_S = 1.5
CLIP_AFTER_S = 0.5
POLL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a person asks of `kws monitor`; thresholds are posteriors, None leaves the board's."""

    threshold: float | None = None
    refractory_frames: int | None = None
    model: int | None = None
    save: bool = False
    near: float = 0.5
    clips: Path | None = None
    seconds: float | None = None


@dataclass
class Record:
    """Everything that was seen: one row of scores (q10, in the order of the words) a frame."""

    frames: list[int] = field(default_factory=list)
    scores: list[list[int]] = field(default_factory=list)
    detections: list[Heard] = field(default_factory=list)
    clips: list[Path] = field(default_factory=list)


class Monitor:
    """Follows a board on an open line."""

    def __init__(
        self, line: BoardLine, settings: Settings, printer: Printer, notes: TextIO = sys.stderr
    ) -> None:
        self.line, self.settings, self.printer, self.notes = line, settings, printer, notes
        self.record = Record()
        self._sound = Sound()
        self._due: deque[tuple[int, str, float]] = deque()  # clips: end sample, kind, posterior
        self._near = Near(0, 1)
        self._bar = bar_characters(notes)
        self._painted_at = 0.0
        self._lost = self._microphone = 0

    def run(self) -> Record:
        """Set the board up, follow it until Ctrl-C or the time is over, and leave it quiet."""
        board = self.line.connect()
        self._set_up()
        words = ", ".join(board.words.values())
        threshold = posterior_of(board.threshold_q10)
        self._note(f"{board.name}: {words}, threshold {threshold:.3f}; Ctrl-C ends.")
        if board.was_watchdog:
            self._note("kws: the board was restarted by its watchdog")
        end = time.monotonic() + (self.settings.seconds or float("inf"))
        try:
            self.line.send("s 1")
            while time.monotonic() < end:
                for text in self.line.lines(POLL_S):
                    self._take(text)
        except KeyboardInterrupt:
            pass  # the way in which a person ends it
        self._wipe()
        self._leave()
        return self.record

    def _set_up(self) -> None:
        settings, line, board = self.settings, self.line, self.line.board
        if settings.model is not None:
            line.ask(f"m {settings.model}", f"m {settings.model}")
            for _ in line.lines(POLL_S):  # its words and settings
                pass
        if board.trouble:
            raise KwsError(f"no model listens on {board.name}: {board.trouble}")
        if settings.threshold is not None:
            value = log_odds_q10(settings.threshold)
            line.ask(f"t {value}", f"t {value}")
        if settings.refractory_frames is not None:
            line.ask(f"r {settings.refractory_frames}", f"r {settings.refractory_frames}")
        if settings.save:
            line.ask("w", "w")
        near = log_odds_q10(settings.near, "--near")
        if near >= board.threshold_q10:
            raise ConfigError(
                f"--near {settings.near} is not below the threshold "
                f"{posterior_of(board.threshold_q10):.3f}: give a smaller one."
            )
        self._near = Near(near, round(board.sample_rate_hz / board.hop_length))
        if settings.clips:
            self._ask_for_sound()
            settings.clips.mkdir(parents=True, exist_ok=True)

    def _ask_for_sound(self) -> None:
        try:
            self.line.set_rate(AUDIO_RATE)
            self.line.ask("a 1", "A 1")
        except KwsError as error:
            name = self.line.board.name
            raise KwsError(f"{name} sends no sound, so leave out --clips ({error})") from error

    def _leave(self) -> None:
        self.line.send("s 0")
        if self.settings.clips:
            self.line.ask("a 0", "A 0")
            self.line.set_rate(RATES[0])
        for _ in self.line.lines(POLL_S):
            pass

    def _take(self, text: str) -> None:
        letter, _, rest = text.partition(" ")
        numbers = integers(rest)
        if letter == "s" and len(numbers) == 1 + len(self.line.board.classes):
            self._score(numbers[0], numbers[1:])
        elif letter == "d" and len(numbers) == 3:
            self._detection(*numbers)
        elif letter == "a" and (piece := audio_of(text)):
            self._sound.take(*piece)
        elif letter == "!":
            self._note(f"kws: the board says: {rest}")
        elif letter == "kws":
            self._note("kws: the board has restarted")
            self.line.send("s 1")
        self._cut_clips()
        self._report()

    def _time(self, frame: int) -> float:
        return self.line.board.end_s(frame)

    def _score(self, frame: int, scores: list[int]) -> None:
        row = [scores[i] for i in self.line.board.words if i < len(scores)]
        self.record.frames.append(frame)
        self.record.scores.append(row)
        if near := self._near.take(frame, max(row, default=-32768)):
            posterior = posterior_of(near[1])
            self._note(f"  {clock(self._time(near[0]))}  near-miss {100 * posterior:5.1f} %")
            self._want_clip(near[0], "near", posterior)
        if self.notes.isatty() and time.monotonic() - self._painted_at > POLL_S:
            self._paint(frame, posterior_of(max(row, default=-32768)))

    def _detection(self, frame: int, word: int, score_q10: int) -> None:
        name = self.line.board.classes.get(word, f"word {word}")
        heard = Heard(name, self._time(frame), posterior_of(score_q10), None)
        self.record.detections.append(heard)
        self._near.heard(frame)
        self._wipe()
        self.printer.detection(heard)
        self._want_clip(frame, "hit", heard.score)

    def _want_clip(self, frame: int, kind: str, posterior: float) -> None:
        end = round((self._time(frame) + CLIP_AFTER_S) * self.line.board.sample_rate_hz)
        if self.settings.clips:
            self._due.append((end, kind, posterior))

    def _cut_clips(self) -> None:
        rate_hz = self.line.board.sample_rate_hz
        while self._due and self._due[0][0] <= self._sound.end:
            end, kind, posterior = self._due.popleft()
            length = round((CLIP_BEFORE_S + CLIP_AFTER_S) * rate_hz)
            samples = self._sound.cut(end - length, end)
            time_s = end / rate_hz - CLIP_AFTER_S
            name = f"{kind}_{time_s:08.2f}s_{100 * posterior:02.0f}.wav"
            assert self.settings.clips is not None
            path = self.settings.clips / name
            with replacing(path, KwsError) as file, wave.open(file, "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(2)
                sound.setframerate(rate_hz)
                sound.writeframes(samples.astype("<i2").tobytes())
            self.record.clips.append(path)

    def _report(self) -> None:
        """Say what changed about the board: its microphone, and what it lost."""
        board = self.line.board
        if board.microphone != self._microphone:
            self._microphone = board.microphone
            if board.microphone in MICROPHONES:
                self._note(f"kws: the microphone is {MICROPHONES[board.microphone]}")
        if board.lost_samples + board.skipped_lines != self._lost:
            self._lost = board.lost_samples + board.skipped_lines
            self._note(
                f"kws: the board has lost {count_of(board.lost_samples, 'sample')} and left out "
                f"{count_of(board.skipped_lines, 'line')} so far"
            )

    def _note(self, text: str) -> None:
        self._wipe()
        print(shown(text), file=self.notes, flush=True)

    def _wipe(self) -> None:
        if self.notes.isatty():
            self.notes.write("\r\x1b[K")

    def _paint(self, frame: int, posterior: float) -> None:
        self._painted_at = time.monotonic()
        score_bar = bar(posterior, 40, *self._bar)
        line = f"{clock(self._time(frame))}  {score_bar} {100 * posterior:5.1f} %"
        self.notes.write(f"\r{line}\x1b[K")
        self.notes.flush()


def write_csv(record: Record, board: Board, path: Path) -> None:
    """Write a row a frame: frame, time in seconds, posterior of each word."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["frame", "time_s", *map(cell_text, board.words.values())])
    for frame, row in zip(record.frames, record.scores, strict=True):
        table.writerow(
            [frame, f"{board.end_s(frame):.3f}", *(f"{posterior_of(s):.5f}" for s in row)]
        )
    with replacing(path, KwsError) as file:
        file.write(text.getvalue().encode())


def write_png(record: Record, board: Board, path: Path) -> None:
    """Draw the posterior of each word over time, the threshold and the detections."""
    from kws.report.drawing import INK, RED, SERIES, figure_saved

    time_s = np.array([board.end_s(frame) for frame in record.frames])
    threshold = posterior_of(board.threshold_q10)
    posteriors = 1 / (1 + np.exp(-np.array(record.scores, np.float64) / 1024))
    with figure_saved(path, 3.0) as figure:
        axis = figure.subplots()
        colours = [colour for colour in SERIES if colour != RED]  # red is kept for detections
        for index, word in enumerate(board.words.values() if record.frames else []):
            colour = colours[index % len(colours)]
            axis.plot(time_s, posteriors[:, index], color=colour, linewidth=1.2, label=word)
        axis.axhline(threshold, color=INK, linestyle=":", label=f"threshold {threshold:.3f}")
        for heard in record.detections:
            axis.axvline(heard.time_s, color=RED, linewidth=1.0, alpha=0.5)
            axis.plot(heard.time_s, heard.score, "o", color=RED)
        axis.set_ylim(0.0, 1.05)
        axis.set_ylabel("posterior")
        axis.set_xlabel("time since the board's start, s")
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=5)
