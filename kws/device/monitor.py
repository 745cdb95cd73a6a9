"""A board's scores as they come: a timeline, a live bar, a table, a picture, clips."""

import contextlib
import sys
import time
import wave
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from kws.device.line import AUDIO_RATE, RATES, BoardLine
from kws.device.protocol import PROTOCOL, audio_of
from kws.device.record import Curve, Table
from kws.errors import ConfigError, KwsError
from kws.listening.near_misses import Near, Sound
from kws.listening.timeline import Heard, Printer
from kws.settings.model import log_odds_q10, posterior_of
from kws.support.files import replacing
from kws.support.text import bar, bar_characters, clock, count_of, shown

CLIP_BEFORE_S = 1.5
CLIP_AFTER_S = 0.5
POLL_S = 0.1
REPORT_S = 1.0  # between two notes on what was lost
CLIPS_WAITING = 1000  # for their sound to arrive
MICROPHONES = {2: "flat: nothing is connected", 3: "saturated: turn it down"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a person asks of `kws monitor`; thresholds are posteriors, None leaves the board's."""

    threshold: float | None = None
    refractory_frames: int | None = None
    model: int | None = None
    save: bool = False
    near: float = 0.5
    clips: Path | None = None
    csv: Path | None = None
    png: Path | None = None
    seconds: float | None = None


class Monitor:
    """Follows a board on an open line, in memory that does not grow with the time."""

    def __init__(
        self, line: BoardLine, settings: Settings, printer: Printer, notes: TextIO = sys.stderr
    ) -> None:
        self.line, self.settings, self.printer, self.notes = line, settings, printer, notes
        self._curve = Curve()
        self._table: Table | None = None
        self._words: dict[int, str] = {}  # those that it follows
        self._sound = Sound()
        # Clips: end sample, kind, posterior.
        self._due: deque[tuple[int, str, float]] = deque(maxlen=CLIPS_WAITING)
        self._near = Near(0, 1)
        self._bar = bar_characters(notes)
        self._painted_at = self._reported_at = self._greeted_at = 0.0
        self._lost = (0, 0, 0)
        self._microphone = 0

    def run(self) -> None:
        """Set the board up, follow it until Ctrl-C or the time is over, and leave it quiet.

        The table and the picture are written in any case, also where the board goes away.
        """
        self.line.connect()
        self._set_up()
        self._words = dict(self.line.board.words)
        if self.settings.csv:
            self._table = Table(self.settings.csv, self.line.board)
        try:
            self._follow()
            self._leave()
        finally:
            if self._table:
                self._table.close()
            if self.settings.png:
                self._curve.draw(self.line.board, self.settings.png)

    def _follow(self) -> None:
        board, seconds = self.line.board, self.settings.seconds
        words = ", ".join(self._words.values())
        threshold = posterior_of(board.threshold_q10)
        self._note(f"{board.name}: {words}, threshold {threshold:.3f}; Ctrl-C ends.")
        if board.was_watchdog:
            self._note("kws: the board was restarted by its watchdog")
        end = time.monotonic() + (float("inf") if seconds is None else seconds)
        try:
            self.line.send("s 1")
            while time.monotonic() < end:
                for text in self.line.lines(POLL_S):
                    self._take(text)
                self._report()
        except KeyboardInterrupt:
            pass  # the way in which a person ends it
        finally:
            self._reported_at = 0.0
            self._report()
            self._wipe()

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
            try:
                settings.clips.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise KwsError(f"cannot make {settings.clips}: {error.strerror}") from error

    def _ask_for_sound(self) -> None:
        try:
            self.line.set_rate(AUDIO_RATE)
            self.line.ask("a 1", "A 1")
        except KwsError as error:
            name = self.line.board.name
            raise KwsError(f"{name} sends no sound, so leave out --clips ({error})") from error

    def _leave(self) -> None:
        with contextlib.suppress(KwsError):  # the work is done, whether or not it still answers
            self.line.send("s 0")
            if self.settings.clips:
                self.line.ask("a 0", "A 0")
                self.line.set_rate(RATES[0])
            for _ in self.line.lines(POLL_S):
                pass

    def _take(self, text: str) -> None:
        letter, _, rest = text.partition(" ")
        if letter in ("s", "d") and self.line.board.words != self._words:
            self.line.garbled += 1  # other words listen now, or a name was lost
        elif letter == "s":
            frame, *scores = map(int, rest.split())
            self._score(frame, scores)
        elif letter == "d":
            frame, word, score_q10 = map(int, rest.split())
            self._detection(frame, word, score_q10)
        elif letter == "a" and (piece := audio_of(rest)):
            self._sound.take(*piece)
        elif letter == "!":
            self._note(f"kws: the board says: {rest}")
        elif text.startswith(f"kws {PROTOCOL} "):
            self._restarted()
        self._cut_clips()

    def _restarted(self) -> None:
        if time.monotonic() - self._greeted_at < REPORT_S:
            return
        self._greeted_at = time.monotonic()
        self._note("kws: the board has restarted")
        self.line.send("s 1")

    def _time(self, frame: int) -> float:
        return self.line.board.end_s(frame)

    def _score(self, frame: int, scores: list[int]) -> None:
        row = [scores[i] for i in self._words]
        self._curve.take(frame, row)
        if self._table:
            self._table.take(frame, row)
        if near := self._near.take(frame, max(row, default=-32768)):
            posterior = posterior_of(near[1])
            self._note(f"  {clock(self._time(near[0]))}  near-miss {100 * posterior:5.1f} %")
            self._want_clip(near[0], "near", posterior)
        if self.notes.isatty() and time.monotonic() - self._painted_at > POLL_S:
            self._paint(frame, posterior_of(max(row, default=-32768)))

    def _detection(self, frame: int, word: int, score_q10: int) -> None:
        name = self.line.board.classes[word]
        heard = Heard(name, self._time(frame), posterior_of(score_q10), None)
        self._curve.detections.append(heard)
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

    def _report(self) -> None:
        """Say what changed about the board: its microphone, and what it or the line lost."""
        board = self.line.board
        if time.monotonic() - self._reported_at < REPORT_S:
            return
        self._reported_at = time.monotonic()
        if board.microphone != self._microphone:
            self._microphone = board.microphone
            if board.microphone in MICROPHONES:
                self._note(f"kws: the microphone is {MICROPHONES[board.microphone]}")
        lost = board.lost_samples, board.skipped_lines, self.line.garbled
        if lost != self._lost:
            self._lost = lost
            self._note(
                f"kws: the board has lost {count_of(lost[0], 'sample')} and left out "
                f"{count_of(lost[1], 'line')} so far; {count_of(lost[2], 'line')} arrived garbled"
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
