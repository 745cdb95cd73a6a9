"""Live listening on a terminal: a picture that moves, and keys that act."""

import shlex
import time
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from kws.audio.samples import Samples
from kws.listening.ears import Framed
from kws.listening.hearing import Hearing
from kws.listening.lasting import LastingMicrophone
from kws.listening.level import Level
from kws.listening.screen import Picture, posterior_text
from kws.listening.strip import Strip, glyphs_of
from kws.listening.terminal import Keys, Painter
from kws.listening.timeline import Heard
from kws.settings.model import LOGIT_ONE, log_odds_q10, posterior_of
from kws.support.text import shown

POLL_S = 0.1
PAINT_S = 0.2  # every third block
CORE_S = 5.0  # over which the share of a core is taken
STARTED_S = 2.0  # of sound: what was loaded for the first of it is no cost of listening
STEP_Q10 = 256  # of a key: a quarter of log-odds
LARGEST_Q10 = 16 * LOGIT_ONE  # beyond it a posterior rounds to 1


def steps(
    microphone: LastingMicrophone, hearing: Hearing, pauses: "Pause | None" = None
) -> Iterator[tuple[Samples | None, list[Heard]]]:
    """Yield each chunk with what it completed, (None, []) where none came; end by `--seconds`.

    After a gap the stream begins anew, later by the time that passed.
    """
    seconds = hearing.wishes.seconds or float("inf")
    started, gaps, lost = time.monotonic(), 0, 0
    was_paused = False
    while True:
        if hearing.time_s >= seconds:
            return
        if not microphone.is_there and time.monotonic() - started >= seconds:
            return
        chunk = microphone.read(POLL_S)
        if microphone.lost_samples != lost:
            hearing.skip((microphone.lost_samples - lost) / hearing.rate_hz)
            lost = microphone.lost_samples
        if microphone.gaps != gaps or (was_paused and not (pauses and pauses.is_on)):
            passed_s = time.monotonic() - started if microphone.gaps != gaps else hearing.time_s
            hearing.begin(at_s=passed_s)
            gaps = microphone.gaps
        was_paused = bool(pauses and pauses.is_on)
        if chunk is None:
            yield None, []
        elif was_paused:
            hearing.skip(len(chunk) / hearing.rate_hz)
            yield chunk, []
        else:
            yield chunk, hearing.take(chunk)


class Pause:
    """Whether a person has asked for a pause."""

    is_on = False


class Live:
    """What is shown on the screen, and what the keys change."""

    def __init__(self, hearing: Hearing, microphone: LastingMicrophone, out: TextIO) -> None:
        self.hearing, self.microphone = hearing, microphone
        glyphs = glyphs_of(out)
        strips: list[Strip] = []
        self._plain = [word for ear in hearing.ears for word in ear.listener.words]
        self._words: list[range] = []  # of each model
        for ear in hearing.ears:
            first = len(strips)
            threshold = log_odds_q10(ear.listener.threshold) / LOGIT_ONE
            count = len(ear.listener.words)
            names = hearing.words[first : first + count]
            strips += [Strip(word, threshold, glyphs) for word in names]
            self._words.append(range(first, first + count))
        self._level = Level(hearing.rate_hz)
        self.picture = Picture(strips, self._level, glyphs, pointed=self._words[0])
        self.picture.until_s = hearing.wishes.seconds
        if hearing.wishes.calibrates:
            self.picture.work = "calibrating"
        self.pause = Pause()
        self.is_over = False
        self.changed: set[int] = set()  # models whose threshold is another now
        self._model = 0
        self._clips = hearing.sound()
        self._painted_at = 0.0
        self._core: deque[tuple[float, float]] = deque(maxlen=round(CORE_S / PAINT_S))
        hearing.watchers.append(self._frame)

    def run(self, painter: Painter, keys: Keys) -> None:
        """Listen, paint and act until it is over."""
        for chunk, found in steps(self.microphone, self.hearing, self.pause):
            if chunk is not None and not self.pause.is_on:
                self._level.take(chunk)
            for heard in found:
                self.picture.add(heard)
            pressed = list(keys.pressed())
            for key in pressed:
                self.press(key)
            if self.is_over:
                return
            if pressed or time.monotonic() - self._painted_at >= PAINT_S:
                self._paint(painter)

    def _frame(self, first: int, time_s: float, frame: Framed) -> None:
        word = frame.detection.word if frame.detection else None
        for number, score_q10 in enumerate(frame.scores_q10, first):
            is_hit = self._plain[number] == word
            self.picture.strips[number].take(time_s, score_q10 / LOGIT_ONE, is_hit=is_hit)

    def press(self, key: str) -> None:
        """Do what a key stands for; others are none."""
        if key in "qQ\x03\x04":
            self.is_over = True
        elif key in "+=-_":
            self._change(STEP_Q10 if key in "+=" else -STEP_Q10)
        elif key == "\t":
            self._model = (self._model + 1) % len(self._words)
            self.picture.pointed = self._words[self._model]
        elif key == " ":
            self.pause.is_on = self.picture.is_paused = not self.pause.is_on
        elif key in "sS":
            self._clips.save_last(self.hearing.time_s)
        elif key in "mM":
            self._clips.mark()
        elif key in "?hH":
            self.picture.shows_help = not self.picture.shows_help

    def _change(self, step_q10: int) -> None:
        listener = self.hearing.ears[self._model].listener
        wanted_q10 = log_odds_q10(listener.threshold) + step_q10
        wanted_q10 = max(-LARGEST_Q10, min(LARGEST_Q10, wanted_q10))
        listener.threshold = posterior_of(wanted_q10)
        for number in self._words[self._model]:
            self.picture.strips[number].threshold = wanted_q10 / LOGIT_ONE
        self.changed.add(self._model)
        self.picture.say(f"threshold {posterior_text(listener.threshold)}")

    def kept(self) -> list[str]:
        """Say the thresholds that were changed, as options to keep them with."""
        sentences = []
        for number in sorted(self.changed):
            ear = self.hearing.ears[number]
            posterior = posterior_text(ear.listener.threshold)
            model = f"{shlex.quote(ear.name)}=" if len(self.hearing.ears) > 1 else ""
            sentences.append(
                f"the threshold of {shown(', '.join(ear.listener.words))} is now {posterior}: "
                f"keep it with --threshold {shown(model)}{posterior}"
            )
        return sentences

    def _paint(self, painter: Painter) -> None:
        picture, microphone = self.picture, self.microphone
        self._painted_at = now = time.monotonic()
        if self.hearing.time_s >= STARTED_S:
            self._core.append((now, time.process_time()))
        if len(self._core) > 1:
            percent = 100 * (self._core[-1][1] - self._core[0][1]) / (now - self._core[0][0])
            picture.cost = f"{percent:.1f} % of one core"
        picture.time_s = self.hearing.time_s
        picture.is_there = microphone.is_there
        picture.lost_samples = microphone.lost_samples
        picture.microphone = f"{shown(microphone.device.name)}, {microphone.device_rate_hz:,} Hz"
        painter.paint(picture.lines(*painter.size()))
