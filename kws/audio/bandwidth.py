"""How high a recording reaches: a telephone's sound, stored at 16 kHz, still ends at 4 kHz.

Sound that was resampled from a lower rate has a cliff in its long-term spectrum, with the
converter's rounding noise above it. Speech, rooms and microphones have slopes: on real recordings
the steepest is some 28 dB, and 34 in speech of espeak, so a cliff alone counts from 36 dB on, and a
lower one only above an empty floor.
"""

import numpy as np

from kws.audio.samples import FloatArray, Samples
from kws.settings.front_end import SAMPLE_RATE_HZ

_N_FFT = 512
_BAND_HZ = 250
_BINS = _N_FFT * _BAND_HZ // SAMPLE_RATE_HZ  # of a band
_LOWEST = 2  # bands from 500 Hz on: telephones and microphones leave out what is below
_TOP = 30  # above it the anti-aliasing filter of any 16 kHz recording may be at work
# Source rate: the first band at its edge, and the first that it cannot reach.
_SOURCES = {8_000: (13, 17), 11_025: (20, 23), 12_000: (22, 25)}
_CLIFF_DB = 36.0
_CLIFF_OVER_FLOOR_DB = 18.0
_EACH_FRAMES, _THINNED = 2_000, 16  # every frame of the first 64 s, then one in sixteen
_FLOOR_DB = 24.0  # rounding to int16 leaves 12 dB in a band, in this unit; dithering five more


class Spectrum:
    """The long-term spectrum of a 16 kHz stream: mean power in bands of 250 Hz."""

    def __init__(self) -> None:
        self._window = np.hanning(_N_FFT).astype(np.float32)
        self._power = np.zeros(_N_FFT // 2 // _BINS)
        self._frames = self._seen = 0
        self._rest: Samples = np.zeros(0, np.int16)

    def add(self, samples: Samples) -> None:
        """Take in int16 samples, a block of any length."""
        samples = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        whole = len(samples) // _N_FFT * _N_FFT
        self._rest = samples[whole:].copy()
        if whole:
            # The spectrum of a long recording settles early, and listening is not to wait for it.
            all_frames = samples[:whole].reshape(-1, _N_FFT)
            number = np.arange(self._seen, self._seen + len(all_frames))
            self._seen += len(all_frames)
            is_taken = (number < _EACH_FRAMES) | (number % _THINNED == 0)
            frames: FloatArray = all_frames[is_taken] * self._window
            power = np.square(np.abs(np.fft.rfft(frames)[:, : _N_FFT // 2]))
            self._power += power.sum(0).reshape(-1, _BINS).mean(1)
            self._frames += len(frames)

    def source_hz(self) -> int | None:
        """The sample rate that the sound must have had before; None where it fills its own."""
        if not self._frames:
            return None
        level_db = 10 * np.log10(self._power / self._frames + 1e-9)
        for source_hz, (edge, beyond) in _SOURCES.items():
            loudest_db = level_db[beyond:_TOP].max()
            cliff_db = level_db[_LOWEST:edge].min() - loudest_db
            if cliff_db >= (_CLIFF_OVER_FLOOR_DB if loudest_db <= _FLOOR_DB else _CLIFF_DB):
                return source_hz
        return None
