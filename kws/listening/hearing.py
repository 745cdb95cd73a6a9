"""Several models on one stream, and all that is done with what they hear."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path

import numpy as np

from kws.audio.samples import Samples, StreamResampler
from kws.listening.clips import HIT, NEAR, Clips
from kws.listening.ears import Ear, Framed, Wishes, names_of, refuse_near
from kws.listening.near_misses import Near
from kws.listening.reaction import Reaction
from kws.listening.record import Curve, Rows, Table
from kws.listening.timeline import Heard, Tally
from kws.report.detected import Detected
from kws.settings.model import log_odds_q10, posterior_of
from kws.support.text import clock

NEAR_WAIT_S = 1.0
BY_HAND = Path("kws_clips")  # where a person's s and m go without --save-clips


class Hearing:
    """Takes in a stream and returns its detections; saves, draws and reacts as it was wished.

    The stream is at `rate_hz`, the highest rate of the models; the others get it resampled.
    tell: takes a sentence for the person who listens, from any thread. Each of `watchers` is
    given every frame with the number of its first word in `words` and its time in seconds.
    """

    def __init__(
        self, ears: Sequence[Ear], wishes: Wishes | None = None, tell: Callable[[str], None] = print
    ) -> None:
        self.ears, self.wishes, self._tell = ears, wishes or Wishes(), tell
        self.rate_hz = max(ear.sample_rate_hz for ear in ears)
        self.words = names_of(ears)
        self.tally = Tally(sample_rate_hz=self.rate_hz)
        self.watchers: list[Callable[[int, float, Framed], None]] = []
        self._firsts = [0, *accumulate(len(ear.listener.words) for ear in ears)]
        self._rows, self._curve = Rows(len(self.words)), Curve()
        self._table: Table | None = None
        self.clips: Clips | None = None
        self._reaction: Reaction | None = None
        self._prepare()
        self.begin()

    def _prepare(self) -> None:
        wishes = self.wishes
        if wishes.on_detect is not None:
            self._reaction = Reaction(wishes.on_detect, self._tell)
        if wishes.save_clips:
            for ear in self.ears:
                refuse_near(wishes.near, ear.listener.threshold)
            self.clips = Clips(wishes.save_clips, self.rate_hz, self._tell)
        if wishes.csv:
            self._table = Table(wishes.csv, self.words, self._tell)

    def sound(self) -> Clips:
        """Return what keeps the last seconds, also where clips are saved by hand alone."""
        if self.clips is None:
            self.clips = Clips(BY_HAND, self.rate_hz, self._tell, keeps_all=False)
        return self.clips

    @property
    def time_s(self) -> float:
        """Where the stream stands, in seconds from the start."""
        return self._start_s + self._samples / self.rate_hz

    @property
    def left_samples(self) -> int:
        """How much of `--seconds` is left, over all recordings."""
        seconds = self.wishes.seconds
        if seconds is None:
            return sys.maxsize
        return max(0, round(seconds * self.rate_hz) - self.tally.samples)

    def begin(self, file: str | None = None, at_s: float = 0.0) -> None:
        """A new stream begins: that of a file, or one that begins `at_s` after the first."""
        self._file, self._start_s, self._samples = file, at_s, 0
        for ear in self.ears:
            ear.listener.reset()
        self._feeds = [
            None if ear.sample_rate_hz == self.rate_hz
            else StreamResampler(self.rate_hz, ear.sample_rate_hz)
            for ear in self.ears
        ]  # fmt: skip
        least_q10 = log_odds_q10(self.wishes.near, "--near")
        self._nears = [Near(least_q10, round(NEAR_WAIT_S / ear.hop_s)) for ear in self.ears]
        if self.clips:
            self.clips.begin()

    def skip(self, seconds: float) -> None:
        """So much passed unheard: what follows is that much later."""
        self._start_s += seconds

    def take(self, chunk: Samples) -> list[Heard]:
        """Take in samples at the stream's rate; return what was detected in them, in order."""
        if self.clips:
            self.clips.take(self._samples, chunk)
        self._samples += len(chunk)
        self.tally.samples += len(chunk)
        return self._heard([chunk if feed is None else feed.process(chunk) for feed in self._feeds])

    def finish(self) -> list[Heard]:
        """The recording is over: hear what a resampler still holds, and cut the last clips."""
        nothing: Samples = np.zeros(0, np.int16)
        heard = self._heard([nothing if feed is None else feed.finish() for feed in self._feeds])
        if self.clips:
            self.clips.finish()
        self._write(is_over=True)
        return heard

    def close(self) -> None:
        """Write what is still to be written, and end what was started.

        KwsError where the table lacks rows or the picture cannot be saved; all else is done first.
        """
        with ExitStack() as last:
            if self._table:
                last.callback(self._table.close)
            if self.wishes.png:
                last.callback(self._draw, self.wishes.png)
            if self._reaction:
                last.callback(self._reaction.close)
            if self.clips:
                self.clips.finish()
            self._write(is_over=True)

    def _draw(self, path: Path) -> None:
        thresholds = [ear.listener.threshold for ear in self.ears for _ in ear.listener.words]
        self._curve.draw(dict(zip(self.words, thresholds, strict=True)), path, "the start")

    def _heard(self, pieces: Sequence[Samples]) -> list[Heard]:
        by_frame = bool(self.watchers or self._table or self.clips or self.wishes.png)
        found: list[Heard] = []
        for number, (ear, samples) in enumerate(zip(self.ears, pieces, strict=True)):
            started = time.perf_counter()
            if not by_frame:
                detections: Iterable[Detected] = ear.listener.process(samples)
                self.tally.engine_s += time.perf_counter() - started
            else:
                frames = ear.listener.follow(samples)
                self.tally.engine_s += time.perf_counter() - started
                for frame in frames:
                    self._follow(number, frame)
                detections = [frame.detection for frame in frames if frame.detection]
            found += [self._told(ear, detection) for detection in detections]
        self._write()
        found.sort(key=lambda heard: heard.time_s)
        self.tally.detections += len(found)
        for heard in found:
            self._curve.detections.append(heard)
            if self._reaction:
                self._reaction.start(heard)
        return found

    def _told(self, ear: Ear, detection: Detected) -> Heard:
        model = ear.name if len(self.ears) > 1 else None
        time_s = self._start_s + detection.time_s
        return Heard(detection.word, time_s, detection.score, self._file, model)

    def _follow(self, number: int, frame: Framed) -> None:
        """Keep a frame of one model as it was wished."""
        first = self._firsts[number]
        for watch in self.watchers:
            watch(first, self._start_s + frame.time_s, frame)
        if self._table or self.wishes.png:
            time_s = self._start_s + frame.time_s
            self._rows.take(first, frame.number, time_s, frame.scores_q10)
        if self.clips and (self.clips.keeps_all or frame.detection):
            self._want_clip(number, frame)

    def _want_clip(self, number: int, frame: Framed) -> None:
        assert self.clips is not None
        ear, near = self.ears[number], self._nears[number]
        if frame.detection:
            near.heard(frame.number)
            self._want(HIT, frame.time_s, frame.detection.score, frame.detection.word)
            return
        best = max(range(len(frame.scores_q10)), key=frame.scores_q10.__getitem__)
        if peak := near.take(frame.number, frame.scores_q10[best]):
            time_s = frame.time_s - (frame.number - peak[0]) * ear.hop_s
            posterior = posterior_of(peak[1])
            words = ear.listener.words
            self._want(NEAR, time_s, posterior, words[0] if len(words) == 1 else ear.name)
            at = clock(self._start_s + time_s)
            self._tell(f"{at}  near-miss {100 * posterior:.1f} %")

    def _want(self, kind: str, stream_s: float, posterior: float, word: str) -> None:
        assert self.clips is not None
        sample = round(stream_s * self.rate_hz)
        self.clips.want(kind, sample, self._start_s + stream_s, posterior, word)

    def _write(self, *, is_over: bool = False) -> None:
        if not (self._table or self.wishes.png):
            return
        for frame, time_s, row in self._rows.ready(is_over=is_over):
            if self._table:
                self._table.take(frame, time_s, row)
            if self.wishes.png:
                self._curve.take(time_s, row)
