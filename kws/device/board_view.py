"""What `kws monitor` shows of a board: a screen with keys on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from typing import TextIO

from kws.audio.samples import Samples
from kws.device.line import BoardLine
from kws.device.protocol import MICROPHONES
from kws.listening.clips import Clips
from kws.listening.level import Level
from kws.listening.live import LARGEST_Q10, PAINT_S, STEP_Q10
from kws.listening.screen import Picture, posterior_text
from kws.listening.strip import Strip, glyphs_of
from kws.listening.terminal import Keys, Painter
from kws.listening.timeline import Heard, Printer
from kws.settings.model import LOGIT_ONE, posterior_of
from kws.support.moving_line import MovingLine
from kws.support.text import bar, bar_characters, clock, count_of, shown

KEYS = "? keys  + - threshold  w keep it  s save  m wrong  q quit"
HELP = (
    ("+ -", "raise or lower the board's threshold"),
    ("w", "keep it in the board's flash"),
    ("s", "save the last three seconds, with --save-clips DIR"),
    ("m", "that was wrong: save the last detection as a false accept, likewise"),
    ("q", "quit; Ctrl-C does, too"),
    ("?", "this list, and back"),
)


class BoardLines:
    """A line for each detection and note, and on a terminal one that moves with the score."""

    def __init__(self, printer: Printer, notes: TextIO) -> None:
        self._printer, self._notes = printer, notes
        self._line = MovingLine(notes)
        self._bar = bar_characters(notes)
        self._painted_at = 0.0

    def note(self, text: str) -> None:
        """Tell something on the standard error."""
        self.wipe()
        print(shown(text), file=self._notes, flush=True)

    def tell(self, text: str) -> None:
        """Tell what a person should know."""
        self.note(f"kws: {text}")

    def score(self, time_s: float, row: Sequence[int]) -> None:
        """Take in a frame's scores, in q10 log-odds."""
        if self._line.is_shown and time.monotonic() - self._painted_at > PAINT_S:
            self._painted_at = time.monotonic()
            posterior = posterior_of(max(row, default=-32768))
            score_bar = bar(posterior, 40, *self._bar)
            self._line.show(f"{clock(time_s)}  {score_bar} {100 * posterior:5.1f} %")

    def detection(self, heard: Heard) -> None:
        """Print a detection."""
        self.wipe()
        self._printer.detection(heard)

    def sound(self, samples: Samples) -> None:
        """Nothing shows the sound itself."""

    def goes_on(self) -> bool:
        """Only Ctrl-C ends it."""
        return True

    def wipe(self) -> None:
        """Clear the line that moves."""
        self._line.wipe()


class BoardScreen:
    """The live screen for a board's scores; its keys change the board."""

    def __init__(
        self, line: BoardLine, clips: Clips | None, out: TextIO, painter: Painter, keys: Keys
    ) -> None:
        self.line, self._clips = line, clips
        self._painter, self._keys = painter, keys
        board = line.board
        glyphs = glyphs_of(out)
        self._words = list(board.words.values())
        strips = [Strip(word, board.threshold_q10 / LOGIT_ONE, glyphs) for word in self._words]
        self._level = Level(board.sample_rate_hz) if clips else None
        self.picture = Picture(strips, self._level, glyphs, keys=KEYS, help=HELP)
        self.picture.microphone = f"{shown(board.name)}, {board.sample_rate_hz:,} Hz"
        self.is_changed = False
        self._is_over = False
        self._painted_at = 0.0

    def note(self, text: str) -> None:
        """Show a sentence for a while."""
        self.picture.say(text.strip())

    tell = note

    def score(self, time_s: float, row: Sequence[int]) -> None:
        """Take in a frame's scores, in q10 log-odds."""
        self.picture.time_s = time_s
        for strip, score_q10 in zip(self.picture.strips, row, strict=True):
            strip.take(time_s, score_q10 / LOGIT_ONE)

    def detection(self, heard: Heard) -> None:
        """List a detection, and mark it in the strip of its word."""
        self.picture.add(heard)
        strip = self.picture.strips[self._words.index(heard.word)]
        # It may have waited for room on the line while scores went on.
        strip.take(max(heard.time_s, self.picture.time_s), strip.score, is_hit=True)

    def sound(self, samples: Samples) -> None:
        """Take in what the board's microphone heard."""
        if self._level:
            self._level.take(samples)

    def goes_on(self) -> bool:
        """Act on the keys and paint; False once a person has had enough."""
        pressed = list(self._keys.pressed())
        for key in pressed:
            self.press(key)
        if pressed or time.monotonic() - self._painted_at >= PAINT_S:
            self._paint()
        return not self._is_over

    def press(self, key: str) -> None:
        """Do what a key stands for; others are none."""
        if key in "qQ\x03\x04":
            self._is_over = True
        elif key in "+=-_":
            self._change(STEP_Q10 if key in "+=" else -STEP_Q10)
        elif key in "wW":
            self.line.send("w")
        elif key in "sSmM":
            if not self._clips:
                self.note("there is no sound to save: start with --save-clips DIR")
            elif key in "sS":
                self._clips.save_last(self.picture.time_s)
            else:
                self._clips.mark()
        elif key in "?hH":
            self.picture.shows_help = not self.picture.shows_help

    def _change(self, step_q10: int) -> None:
        board = self.line.board
        wanted_q10 = max(-LARGEST_Q10, min(LARGEST_Q10, board.threshold_q10 + step_q10))
        self.line.send(f"t {wanted_q10}")
        board.threshold_q10 = wanted_q10  # until it answers with what counts
        self.is_changed = True
        self.note(f"threshold {posterior_text(posterior_of(wanted_q10))}")

    def kept(self) -> str:
        """Say the threshold that the board has now, as a number to keep."""
        number = posterior_text(posterior_of(self.line.board.threshold_q10))
        return f"the board's threshold is now {number}: keep it with --threshold {number} --save"

    def _paint(self) -> None:
        self._painted_at = time.monotonic()
        board, picture = self.line.board, self.picture
        for strip in picture.strips:
            if strip.threshold != board.threshold_q10 / LOGIT_ONE:
                strip.threshold = board.threshold_q10 / LOGIT_ONE
        picture.hint = MICROPHONES.get(board.microphone, "")
        picture.lost_samples = board.lost_samples
        left_out, garbled = board.skipped_lines, self.line.garbled
        picture.cost = f"{count_of(left_out, 'line')} left out, {garbled} garbled"
        self._painter.paint(picture.lines(*self._painter.size()))
