"""The level of a microphone, and what is wrong with it: clipping, or no sound at all."""

import math

import numpy as np

from kws.audio.samples import Samples

MUTED_AFTER_S = 3.0
CLIPPING_SHOWN_S = 3.0
CLIPPED = 32_700  # int16 steps; some devices stop a little below full scale
LEAST_DB = -60.0


class Level:
    """Peak and clipping of the last moments of a stream."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._samples = self._last_sound = 0
        self._clipped_at: int | None = None
        self._peak = 0
        self.held_db = LEAST_DB

    def take(self, chunk: Samples) -> None:
        """Take in samples."""
        self._samples += len(chunk)
        if not len(chunk):
            return
        peak = max(int(np.maximum.reduce(chunk)), -int(np.minimum.reduce(chunk)))
        if peak:
            self._last_sound = self._samples
        # Two samples at the stop are no accident of the wave.
        if peak >= CLIPPED and np.count_nonzero(np.abs(chunk.astype(np.int32)) >= CLIPPED) > 1:
            self._clipped_at = self._samples
        self._peak = max(self._peak, peak)

    def read_db(self) -> float:
        """Return the peak since the last call in dB of full scale, and begin anew."""
        peak, self._peak = self._peak, 0
        level_db = max(20 * math.log10(max(peak, 1) / 32768), LEAST_DB)
        self.held_db = max(level_db, self.held_db - 1.0)
        return level_db

    @property
    def hint(self) -> str:
        """What a person should mend, or nothing."""
        if self._samples - self._last_sound >= MUTED_AFTER_S * self._rate_hz:
            return "no sound at all: muted, or not permitted?"
        clipped = self._clipped_at
        if clipped is not None and self._samples - clipped < CLIPPING_SHOWN_S * self._rate_hz:
            return "clipping: turn the microphone down, or move away from it"
        return ""
