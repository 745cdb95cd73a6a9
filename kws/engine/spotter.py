"""The C engine on a stream, as on a board: samples in, detections out."""

import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws.audio.samples import to_int16
from kws.engine.batch import pointer
from kws.engine.model_file import Model, load
from kws.engine.native._engine import ffi, lib
from kws.settings.model import FeatureConfig, log_odds_q10, posterior_of


class Detection(NamedTuple):
    """A word was heard: `time_s` from the start of the stream, `score` its posterior in (0, 1)."""

    word: str
    time_s: float
    score: float


class Frame(NamedTuple):
    """One frame of a stream, `number` counted from 0 at the reset.

    time_s: when its last sample had arrived, from the start; scores_q10: the smoothed log-odds of
    each of `Spotter.words`, with 10 fractional bits; detection: what it completed, or None.
    """

    number: int
    time_s: float
    scores_q10: tuple[int, ...]
    detection: Detection | None


def time_of(frame: int, config: FeatureConfig) -> float:
    """Return when a frame's last sample has arrived, in seconds from the start."""
    return (frame * config.hop_length + config.frame_length) / config.sample_rate_hz


class Spotter:
    """Finds the words of a model in a stream of samples, in chunks of any length.

    The samples are of the model's rate, `model.features.sample_rate_hz`: 16 kHz, seldom 8 kHz.

    Threads may share a spotter: a lock makes each call whole, so one thread can process chunks
    while another reads `score` or calls `reset`. A stream has one order, however: of two threads
    that both call `process`, the lock decides whose chunk comes first. Give each stream a spotter
    of its own; those run at the same time, since `process` releases the GIL.

    >>> spotter = kws.Spotter("models/hey_cortana")
    >>> for chunk in chunks:
    ...     for detection in spotter.process(chunk): ...
    """

    def __init__(self, model: str | Path | Model, *, threshold: float | None = None) -> None:
        """Load a .kws file, a folder with one, or a Model; `threshold` is a posterior in (0, 1)."""
        self.model = load(model)
        # Re-entrant: a signal handler may call `reset` in the midst of the main thread's `process`.
        self._lock = threading.RLock()
        self._data = ffi.from_buffer(self.model.data)
        self._spotter = ffi.new("kws_spotter *")
        self._detection = ffi.new("kws_detection *")
        names = enumerate(self.model.classes)
        self._word_indices = [i for i, name in names if not name.startswith("_")]
        size = len(self.model.data)
        status = lib.kws_spotter_init_checked(self._spotter, self._data, size, lib.KWS_ABI)
        assert status == lib.KWS_OK  # load() has had it checked
        if threshold is not None:
            self.threshold = threshold

    @property
    def words(self) -> tuple[str, ...]:
        """The words that can be detected."""
        return self.model.words

    @property
    def threshold(self) -> float:
        """The posterior in (0, 1) that fires; it may be changed while a stream goes on."""
        return posterior_of(self._spotter.model.detector.threshold_q10)

    @threshold.setter
    def threshold(self, posterior: float) -> None:
        threshold_q10 = log_odds_q10(posterior)
        with self._lock:
            lib.kws_spotter_set_threshold(self._spotter, threshold_q10)

    @property
    def frames(self) -> int:
        """Frames analysed since the last reset."""
        with self._lock:
            return int(self._spotter.frames)

    @property
    def score(self) -> float:
        """The best word's smoothed posterior at this moment, in [0, 1]."""
        scores = self._spotter.detector.score_q10
        with self._lock:
            return max(posterior_of(scores[i]) for i in self._word_indices)

    def process(self, chunk: npt.ArrayLike) -> list[Detection]:
        """Take samples (int16, or float in [-1, 1)), return the detections they complete.

        chunk: (samples,) or (samples, channels), whose average is heard. AudioError on NaN,
        infinity, another type or shape; the stream's state is then unchanged.
        """
        samples = np.ascontiguousarray(to_int16(chunk))
        with self._lock:
            return self._process(pointer(samples), len(samples))

    def follow(self, chunk: npt.ArrayLike) -> list[Frame]:
        """Do as `process` does, and return every frame with its scores."""
        samples = np.ascontiguousarray(to_int16(chunk))
        at, count, config = pointer(samples), len(samples), self.model.features
        spotter, hop, scores = self._spotter, config.hop_length, self._spotter.detector.score_q10
        frames = []
        with self._lock:
            for start in range(0, count, hop):  # in a hop there is at most one frame
                number = spotter.frames
                found = self._process(at + start, min(hop, count - start))
                if spotter.frames != number:
                    row = tuple([scores[i] for i in self._word_indices])
                    time_s = time_of(number, config)
                    frames.append(Frame(number, time_s, row, found[0] if found else None))
        return frames

    def _process(self, at: Any, left: int) -> list[Detection]:
        found = []
        while left:
            used = lib.kws_spotter_process(self._spotter, at, left, self._detection)
            at, left = at + used, left - used
            hit = self._detection
            if hit.word != lib.KWS_NO_WORD:
                time_s = time_of(hit.frame, self.model.features)
                word = self.model.classes[hit.word]
                found.append(Detection(word, time_s, posterior_of(hit.score_q10)))
        return found

    def reset(self) -> None:
        """Forget everything heard, as if the stream began here."""
        with self._lock:
            lib.kws_spotter_reset(self._spotter)
