"""A board's scores as they come: shown live, in a table, a picture, clips."""

import contextlib
import sys
import time
from pathlib import Path
from typing import TextIO

from kws.device.board_view import BoardLines, BoardScreen
from kws.device.line import AUDIO_RATE, RATES, BoardLine
from kws.device.monitor_settings import Settings
from kws.device.protocol import MICROPHONES, PROTOCOL, audio_of
from kws.errors import KwsError
from kws.listening.clips import HIT, NEAR, Clips
from kws.listening.ears import refuse_near
from kws.listening.near_misses import Near
from kws.listening.reaction import Reaction
from kws.listening.record import Curve, Table
from kws.listening.terminal import is_screen, screen
from kws.listening.timeline import Heard, Printer
from kws.settings.model import log_odds_q10, posterior_of
from kws.support.text import clock, count_of

POLL_S = 0.1
REPORT_S = 1.0  # between two notes on what was lost


class Monitor:
    """Follows a board on an open line, in memory that does not grow with the time."""

    def __init__(
        self, line: BoardLine, settings: Settings, printer: Printer, notes: TextIO = sys.stderr
    ) -> None:
        self.line, self.settings, self.printer = line, settings, printer
        self._lines = BoardLines(printer, notes)
        self._view: BoardLines | BoardScreen = self._lines
        self._curve = Curve()
        self._table: Table | None = None
        self._words: dict[int, str] = {}  # those that it follows
        self._clips: Clips | None = None
        wanted = settings.on_detect
        self._reaction = None if wanted is None else Reaction(wanted, self._tell)
        self._is_fast = False  # for sound
        self._near = Near(0, 1)
        self._reported_at = self._greeted_at = 0.0
        self._lost = (0, 0, 0)
        self._microphone = 0

    def run(self) -> None:
        """Set the board up, follow it until Ctrl-C or the time is over, and leave it quiet.

        The table and the picture are written in any case, also where the board goes away.
        """
        self.line.connect()
        try:
            self._set_up()
        except BaseException:
            self._leave()
            raise
        self._words = dict(self.line.board.words)
        if self.settings.csv:
            self._table = Table(self.settings.csv, list(self._words.values()), self._tell)
        with contextlib.ExitStack() as last:  # all of it, whatever one of them raises
            if self._table:
                last.callback(self._table.close)
            if self.settings.png:
                last.callback(self._draw, self.settings.png)
            if self._reaction:
                last.callback(self._reaction.close)
            if not self.printer.as_json and is_screen(self.printer.out):
                self._follow_on_screen()
            else:
                self._follow_in_lines()
            self._leave()

    def _draw(self, path: Path) -> None:
        words = dict.fromkeys(self._words.values(), posterior_of(self.line.board.threshold_q10))
        self._curve.draw(words, path, "the board's start")

    def _follow_on_screen(self) -> None:
        with screen(self.printer.out) as (painter, keys):
            view = BoardScreen(self.line, self._clips, self.printer.out, painter, keys)
            self._view = view
            try:
                self._follow()
            finally:
                self._view = self._lines
        self.printer.detections(view.picture.detections, view.picture.unlisted)
        if view.is_changed:
            self._tell(view.kept())

    def _follow_in_lines(self) -> None:
        name, words = self.line.board.name, ", ".join(self._words.values())
        threshold = posterior_of(self.line.board.threshold_q10)
        self._view.note(f"{name}: {words}, threshold {threshold:.3f}; Ctrl-C ends.")
        self._follow()

    def _follow(self) -> None:
        seconds = self.settings.seconds
        if self.line.board.was_watchdog:
            self._tell("the board was restarted by its watchdog")
        end = time.monotonic() + (float("inf") if seconds is None else seconds)
        try:
            self.line.send("s 1")
            while time.monotonic() < end and self._view.goes_on():
                for text in self.line.lines(POLL_S):
                    self._take(text)
                self._report()
        except KeyboardInterrupt:
            pass  # the way in which a person ends it
        finally:
            self._reported_at = 0.0
            self._report()
            self._lines.wipe()

    def _set_up(self) -> None:
        settings, line, board = self.settings, self.line, self.line.board
        if settings.model is not None:
            line.ask(f"m {settings.model}", f"m {settings.model}")
            for _ in line.lines(POLL_S):  # its words and settings
                pass
        if board.trouble:
            raise KwsError(f"no model listens on {board.name}: {board.trouble}")
        self._prepare()
        if settings.threshold is not None:
            value = log_odds_q10(settings.threshold)
            line.ask(f"t {value}", f"t {value}")
        if settings.refractory_frames is not None:
            line.ask(f"r {settings.refractory_frames}", f"r {settings.refractory_frames}")
        if settings.save:
            line.ask("w", "w")

    def _prepare(self) -> None:
        """Refuse what cannot be done before the board keeps anything of it."""
        settings, board = self.settings, self.line.board
        refuse_near(settings.near, settings.threshold or posterior_of(board.threshold_q10))
        near_q10 = log_odds_q10(settings.near)
        self._near = Near(near_q10, round(board.sample_rate_hz / board.hop_length))
        if settings.save_clips:
            self._ask_for_sound()
            self._clips = Clips(settings.save_clips, board.sample_rate_hz, self._tell)

    def _ask_for_sound(self) -> None:
        try:
            self.line.set_rate(AUDIO_RATE)
            self._is_fast = True
            self.line.ask("a 1", "A 1")
        except KwsError as error:
            name = self.line.board.name
            raise KwsError(f"{name} sends no sound, so leave out --save-clips ({error})") from error

    def _leave(self) -> None:
        with contextlib.suppress(KwsError):  # the work is done, whether or not it still answers
            self.line.send("s 0")
            if self._is_fast:
                with contextlib.suppress(KwsError):  # of a board without sound
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
            if self._clips:
                self._clips.take(*piece)
                self._view.sound(piece[1])
        elif letter == "w":
            self._tell("kept in the board's flash")
        elif letter == "!":
            self._tell(f"the board says: {rest}")
        elif text.startswith(f"kws {PROTOCOL} "):
            self._restarted()

    def _restarted(self) -> None:
        if time.monotonic() - self._greeted_at < REPORT_S:
            return
        self._greeted_at = time.monotonic()
        self._tell("the board has restarted")
        self.line.send("s 1")

    def _time(self, frame: int) -> float:
        return self.line.board.end_s(frame)

    def _score(self, frame: int, scores: list[int]) -> None:
        row = [scores[i] for i in self._words]
        self._curve.take(self._time(frame), row)
        if self._table:
            self._table.take(frame, self._time(frame), row)
        if near := self._near.take(frame, max(row, default=-32768)):
            posterior = posterior_of(near[1])
            self._view.note(f"  {clock(self._time(near[0]))}  near-miss {100 * posterior:5.1f} %")
            self._want_clip(near[0], NEAR, posterior, "")
        self._view.score(self._time(frame), row)

    def _detection(self, frame: int, word: int, score_q10: int) -> None:
        name = self.line.board.classes[word]
        heard = Heard(name, self._time(frame), posterior_of(score_q10), None)
        self._curve.detections.append(heard)
        self._near.heard(frame)
        self._view.detection(heard)
        self._want_clip(frame, HIT, heard.score, name)
        if self._reaction:
            self._reaction.start(heard)

    def _want_clip(self, frame: int, kind: str, posterior: float, word: str) -> None:
        if self._clips:
            time_s = self._time(frame)
            sample = round(time_s * self.line.board.sample_rate_hz)
            self._clips.want(kind, sample, time_s, posterior, word)

    def _report(self) -> None:
        """Say what changed about the board: its microphone, and what it or the line lost."""
        board = self.line.board
        if time.monotonic() - self._reported_at < REPORT_S:
            return
        self._reported_at = time.monotonic()
        if board.microphone != self._microphone:
            self._microphone = board.microphone
            if board.microphone in MICROPHONES:
                self._tell(MICROPHONES[board.microphone])
        lost = board.lost_samples, board.skipped_lines, self.line.garbled
        if lost != self._lost:
            self._lost = lost
            self._tell(
                f"the board has lost {count_of(lost[0], 'sample')} and left out "
                f"{count_of(lost[1], 'line')} so far; {count_of(lost[2], 'line')} arrived garbled"
            )

    def _tell(self, text: str) -> None:
        self._view.tell(text)
