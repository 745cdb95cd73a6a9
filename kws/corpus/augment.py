"""Waveform augmentation, drawn anew for every clip of every epoch.

A clip passes through, in this order: speed and time shift, reverb, noise, the microphone's
colour, gain, saturation.  It is the order of the physical world: a person speaks somewhere in a
room, the noise joins at the microphone, which colours, scales and clips them both.
"""

import math
from collections.abc import Sequence

import numpy as np

from kws.audio.level import active_rms, rms
from kws.audio.samples import FloatArray, Samples, convolved
from kws.corpus.coloration import Coloration
from kws.corpus.splicing import Span, splice
from kws.errors import AudioError, ConfigError
from kws.settings.augment import AugmentConfig
from kws.settings.front_end import SAMPLE_RATE_HZ

SILENT_RMS = 10.0  # int16 steps, -70 dBFS: below it a clip counts as silence
SILENCE_NOISE_DBFS = (-70.0, -30.0)  # RMS of the noise that a silent clip gets
FULL_SCALE = 32_768.0
SYNTHETIC_EXPONENTS = (0.0, 0.5, 1.0, 1.5)  # power falls as 1/f**exponent: white ... beyond pink
SYNTHETIC_S = 16
SPEED_FRACTION_BITS = 20


class Augment:
    """Vary clips as rooms, microphones and speakers would; the same generator gives the same clips.

    `noises`: int16 recordings of any length (a short one is repeated); without any, synthetic
    noise between white and 1/f**1.5 takes their place.  Recordings are drawn evenly, so that one
    long recording does not outweigh many short ones.
    """

    def __init__(
        self,
        config: AugmentConfig,
        noises: Sequence[Samples] = (),
        *,
        sample_rate_hz: int = SAMPLE_RATE_HZ,
    ) -> None:
        """Check the noises; AudioError names the first that is empty or not 1-D int16.

        sample_rate_hz: of the noises, and of the clips to come.
        """
        for index, noise in enumerate(noises):
            _require_int16(noise, 1, f"noise {index}")
            if noise.size == 0:
                raise AudioError(f"noise {index} has no samples: leave empty recordings out")
        self.config = config
        self.sample_rate_hz = sample_rate_hz
        self._coloration = Coloration(config, sample_rate_hz)
        self._synthetic = _synthetic_noises(sample_rate_hz)
        self._noises = list(noises) or self._synthetic

    def __call__(
        self, clips: Samples, rng: np.random.Generator, spans: Sequence[Span | None] = ()
    ) -> Samples:
        """Return varied copies of the clips.

        clips: (batch, samples) int16, left as they are; result: same shape and dtype.
        spans: what counts in each, around which another background may be spliced in; None, or no
        spans at all, where that is not known.
        Each clip draws in turn from `rng`, so a batch gives what its parts would give one by one.
        """
        _require_int16(clips, 2, "clips")
        varied = np.empty_like(clips)
        if clips.size == 0:
            return varied
        for source, target, span in zip(clips, varied, spans or [None] * len(clips), strict=True):
            _saturate(self._vary(source, span, rng), target, 16 - self.config.sample_bits)
        return varied

    def _vary(self, clip: Samples, span: Span | None, rng: np.random.Generator) -> FloatArray:
        config = self.config
        # A fixed number of draws first: a setting changes its own effect and no other's.
        shift, speed, gain, noise, snr, reverb, reverb_s, direct = rng.random(8)
        moved_by = round((2.0 * shift - 1.0) * config.shift_ms * self.sample_rate_hz / 1000.0)
        tempo = _between(config.speed, speed)
        samples = _move(clip.astype(np.float32), moved_by, tempo)
        if reverb < config.reverb_probability:
            decay_s = _between(config.reverb_s, reverb_s)
            tail = round(decay_s * self.sample_rate_hz)
            ratio_db = _between(config.direct_to_reverb_db, direct)
            samples = _reverberate(samples, tail, ratio_db, rng)
        if noise < config.noise_probability:
            level = active_rms(samples, self.sample_rate_hz)
            if level < SILENT_RMS:
                wanted = FULL_SCALE * _ratio(_between(SILENCE_NOISE_DBFS, snr))
            else:
                wanted = level / _ratio(_between(config.snr_db, snr))
            samples += self._noise(samples.size, wanted, rng)
        if not self._coloration.is_plain:
            samples = self._coloration(samples, rng)
        samples *= np.float32(_ratio(_between(config.gain_db, gain)))
        if span is not None and 0.0 < config.splice_probability > rng.random():
            middle = (clip.size - 1) / 2.0
            start, end = (round(middle + (at - middle) / tempo) + moved_by for at in span)
            splice(samples, (start, end), self.sample_rate_hz, rng)
        return samples

    def _noise(self, length: int, wanted_rms: float, rng: np.random.Generator) -> FloatArray:
        crop = _crop(self._noises[rng.integers(len(self._noises))], length, rng)
        loudness = rms(crop)
        if loudness < 1.0:
            # Sound effects are often padded with digital silence, which no gain makes audible.
            crop = _crop(self._synthetic[rng.integers(len(self._synthetic))], length, rng)
            loudness = rms(crop)
        crop *= np.float32(wanted_rms / loudness)
        return crop


def mix(
    clip: Samples,
    noise: Samples,
    snr_db: float,
    rng: np.random.Generator,
    *,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> Samples:
    """Add a random crop of the noise at a given signal-to-noise ratio.

    clip: (samples,) int16; noise: (any,) int16, repeated where shorter; result: (samples,) int16,
    saturated.  The ratio is the clip's active speech level (`active_rms`: pauses do not count, so
    that padding does not change the ratio) over the RMS of the whole crop.  A silent clip has no
    such ratio and comes back as it was; so does a clip whose crop of noise is digital silence.
    """
    _require_int16(clip, 1, "clip")
    _require_int16(noise, 1, "noise")
    if noise.size == 0:
        raise AudioError("the noise has no samples: give a recording of noise")
    if not math.isfinite(snr_db):
        raise ConfigError(f"the signal-to-noise ratio is {snr_db} dB: give a finite number")
    mixed = clip.copy()
    if clip.size == 0:
        return mixed
    samples = clip.astype(np.float32)
    crop = _crop(noise, clip.size, rng)
    level, noise_rms = active_rms(samples, sample_rate_hz), rms(crop)
    if level > 0.0 and noise_rms > 0.0:
        crop *= np.float32(level / (noise_rms * _ratio(snr_db)))
        samples += crop
        _saturate(samples, mixed)
    return mixed


def _move(samples: FloatArray, shift: int, speed: float) -> FloatArray:
    """Play a clip at another speed about its middle, then shift it; what was outside is zero."""
    step = round(speed * (1 << SPEED_FRACTION_BITS))
    one = 1 << SPEED_FRACTION_BITS
    last = samples.size - 1
    # Twice the middle is an integer: output i shows input (i - shift - middle) * speed + middle.
    start = (one * last - step * (last + 2 * shift)) // 2
    first = max(0, -(start // step))  # the first output at or after input 0
    end = min(samples.size, (one * last - start) // step + 1)  # past the last at or before `last`
    moved = np.zeros_like(samples)
    if first >= end:
        return moved
    if step == one:
        moved[first:end] = samples[first - shift : end - shift]
        return moved
    positions = np.arange(first, end, dtype=np.int64) * step + start
    index = positions >> SPEED_FRACTION_BITS
    fraction = (positions & (one - 1)).astype(np.float32)
    slope = np.diff(samples, append=samples[-1:])
    slope *= np.float32(1.0 / one)
    moved[first:end] = samples[index] + fraction * slope[index]
    return moved


def _reverberate(
    samples: FloatArray, decay: int, direct_to_reverb_db: float, rng: np.random.Generator
) -> FloatArray:
    """Convolve with a direct path and a tail of noise that falls by 60 dB in `decay` samples."""
    tail = rng.standard_normal(max(1, decay), dtype=np.float32)
    tail *= np.exp(np.linspace(0.0, -math.log(1000.0), tail.size, dtype=np.float32))
    tail *= np.float32(1.0 / (_ratio(direct_to_reverb_db) * math.sqrt(float(np.sum(tail * tail)))))
    response = np.concatenate([np.ones(1, np.float32), tail])
    # The loudness stays: direct path and tail add up in energy.
    response /= np.float32(math.sqrt(1.0 + _ratio(-2.0 * direct_to_reverb_db)))
    return convolved(samples, response)[: samples.size].astype(np.float32)


def _synthetic_noises(sample_rate_hz: int) -> list[Samples]:
    rng = np.random.default_rng(0)  # the same bank in every run; the crops from it are random
    samples = SYNTHETIC_S * sample_rate_hz
    frequency = np.maximum(np.fft.rfftfreq(samples, 1.0 / sample_rate_hz), 20.0)
    noises = []
    for exponent in SYNTHETIC_EXPONENTS:
        spectrum = rng.standard_normal((frequency.size, 2)) @ np.array([1.0, 1.0j])
        noise = np.fft.irfft(spectrum * frequency ** (-exponent / 2.0))
        noises.append(np.rint(noise * (3000.0 / noise.std())).astype(np.int16))
    return noises


def _crop(noise: Samples, length: int, rng: np.random.Generator) -> FloatArray:
    if noise.size >= length:
        start = rng.integers(noise.size - length + 1)
        return noise[start : start + length].astype(np.float32)
    start = rng.integers(noise.size)
    return np.resize(np.roll(noise, -start), length).astype(np.float32)


def _saturate(samples: FloatArray, target: Samples, lost_bits: int = 0) -> None:
    step = np.float32(1 << lost_bits)
    if lost_bits:
        samples /= step
    np.rint(samples, out=samples)
    if lost_bits:
        samples *= step
    np.clip(samples, -32768.0, 32768.0 - step, out=samples)
    target[...] = samples


def _between(ends: tuple[float, float], position: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * float(position)


def _ratio(decibels: float) -> float:
    return float(10.0 ** (decibels / 20.0))


def _require_int16(samples: Samples, dimensions: int, name: str) -> None:
    if samples.dtype != np.int16 or samples.ndim != dimensions:
        raise AudioError(
            f"{name}: {samples.ndim}-D {samples.dtype}; augmentation needs "
            f"{dimensions}-D int16 samples"
        )
