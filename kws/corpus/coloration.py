"""The colour of a microphone and its room: equalization, a band, and a steady floor of noise.

Synthesisers speak without any; recordings of people all have some, and a network that has never
heard it takes it for the difference between the phrase and everything else.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from kws.audio.level import active_rms, rms
from kws.audio.samples import FloatArray
from kws.settings.augment import AugmentConfig

OCTAVES = np.arange(-5.25, 3.01, 0.75)  # from 1 kHz, where gains are drawn: 26 Hz ... 8 kHz
RIPPLE, SLOPE = 0.6, 0.4  # of equalizer_db: at each of these, and by the octave
FLOOR_RIPPLE_DB = 4.0
FLOOR_SLOPE_DB = (0.0, 6.0)  # how much a floor falls by the octave: white ... beyond brown
BAND_LOW_HZ = (60.0, 350.0)
BAND_HIGH = (0.4, 0.95)  # of half the sample rate
BAND_STOPS = (0.1, 0.02)  # gains below the band and above it
LOWEST_HZ = 30.0
LEAST_FLOOR_RMS = 20.0  # what a floor's ratio is measured against, where a clip is silent

Spectrum = npt.NDArray[np.complexfloating]


class Coloration:
    """Hear clips as microphones and rooms drawn at random would; silence gets no louder."""

    def __init__(self, config: AugmentConfig, sample_rate_hz: int) -> None:
        self._config, self._rate_hz = config, sample_rate_hz
        self.is_plain = not (
            config.equalizer_db or config.floor_probability or config.band_probability
        )

    def __call__(self, samples: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return the clip (n,) float32 as one microphone hears it, as loud as it was."""
        config = self._config
        spectrum = np.fft.rfft(samples)
        if rng.random() < config.floor_probability:
            level = max(active_rms(samples, self._rate_hz), LEAST_FLOOR_RMS)
            wanted = level / 10 ** (rng.uniform(*config.floor_snr_db) / 20)
            spectrum += self._floor(samples.size, wanted, rng)
        slope = rng.normal(0.0, SLOPE)
        ripple = rng.normal(0.0, RIPPLE, OCTAVES.size)
        decibels = config.equalizer_db * (ripple + slope * OCTAVES)
        if rng.random() < config.band_probability:
            hertz = np.fft.rfftfreq(samples.size, 1.0 / self._rate_hz)
            spectrum[hertz < rng.uniform(*BAND_LOW_HZ)] *= BAND_STOPS[0]
            spectrum[hertz > rng.uniform(*BAND_HIGH) * self._rate_hz / 2] *= BAND_STOPS[1]
        spectrum *= self._gain(samples.size, decibels)
        heard = np.fft.irfft(spectrum, samples.size).astype(np.float32)
        loudness = rms(heard)
        heard *= np.float32(rms(samples) / loudness if loudness > 0.0 else 1.0)
        return heard

    def _floor(self, length: int, wanted_rms: float, rng: np.random.Generator) -> Spectrum:
        """The spectrum of `length` samples of steady noise of a random colour."""
        slope = rng.uniform(*FLOOR_SLOPE_DB)
        ripple = rng.normal(0.0, FLOOR_RIPPLE_DB, OCTAVES.size)
        gain = self._gain(length, ripple - slope * OCTAVES)
        noise: Spectrum = rng.standard_normal((gain.size, 2), np.float32).view(np.complex64)[:, 0]
        noise *= gain
        # Parseval: real and imaginary parts, and each frequency for two of the whole spectrum.
        heard_rms = rms(noise.view(np.float32)) * 2.0 * np.sqrt(noise.size) / length
        noise *= np.float32(wanted_rms / heard_rms)
        return noise

    def _gain(self, length: int, decibels: npt.NDArray[np.floating]) -> FloatArray:
        """Factors of the spectrum of `length` samples that has so many decibels at OCTAVES."""
        nepers = (decibels * (np.log(10) / 20)).astype(np.float32)
        # einsum, as in `rms`: the same bits however many threads BLAS has.
        gain: FloatArray = np.exp(np.einsum("i,ij->j", nepers, _shares(length, self._rate_hz)))
        return gain


@cache
def _shares(length: int, rate_hz: int) -> FloatArray:
    """How much each of OCTAVES has of each frequency, by linear interpolation between them."""
    hertz = np.maximum(np.fft.rfftfreq(length, 1.0 / rate_hz), LOWEST_HZ)
    octaves = np.log2(hertz / 1000.0)
    each = np.eye(OCTAVES.size)
    return np.array([np.interp(octaves, OCTAVES, one) for one in each], np.float32)
