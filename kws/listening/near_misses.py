"""Near-misses in a stream of scores, and the last seconds of sound to cut clips from."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from kws.settings.front_end import SAMPLE_RATE_HZ

KEPT_S = 4.0


class Near:
    """Finds near-misses: peaks of a score that reach `near` and stay below a detection."""

    def __init__(self, near_q10: int, wait_frames: int) -> None:
        self._near_q10 = near_q10
        self._wait = wait_frames
        self._best: tuple[int, int] | None = None  # frame, score
        self._heard_at = -(10**9)
        self._is_armed = True  # not while what was detected goes on
        self._last = 0

    def heard(self, frame: int) -> None:
        """A detection: what rises around it is no near-miss."""
        self._heard_at = self._last = frame
        self._best, self._is_armed = None, False

    def take(self, frame: int, score_q10: int) -> tuple[int, int] | None:
        """Take a frame's best score; return frame and score of a peak that is over."""
        if frame < self._last:  # the board began anew
            self._best, self._heard_at, self._is_armed = None, -(10**9), True
        self._last = frame
        self._is_armed = self._is_armed or score_q10 < self._near_q10
        if self._best and frame - self._best[0] >= self._wait:
            found, self._best = self._best, None
            return found
        if score_q10 < self._near_q10 or not self._is_armed:
            return None
        if frame - self._heard_at < self._wait:
            return None
        if self._best is None or score_q10 > self._best[1]:
            self._best = (frame, score_q10)
        return None


class Sound:
    """The last seconds of sound, by the index of the sample; gaps are silence."""

    def __init__(self, rate_hz: int = SAMPLE_RATE_HZ) -> None:
        self._kept = round(KEPT_S * rate_hz)
        self._pieces: deque[tuple[int, NDArray[np.int16]]] = deque()
        self.end = 0

    def take(self, index: int, samples: NDArray[np.int16]) -> None:
        """Take in the samples from `index` on."""
        if index < self.end:  # the board began anew
            self._pieces.clear()
        self._pieces.append((index, samples))
        self.end = index + len(samples)
        while len(self._pieces) > 1 and self.end - self._pieces[0][0] > self._kept:
            self._pieces.popleft()

    def cut(self, start: int, end: int) -> NDArray[np.int16]:
        """Return samples start to end; int16."""
        clip = np.zeros(max(0, end - start), np.int16)
        for index, samples in self._pieces:
            low, high = max(start, index), min(end, index + len(samples))
            if low < high:
                clip[low - start : high - start] = samples[low - index : high - index]
        return clip
