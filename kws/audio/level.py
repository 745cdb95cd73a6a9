"""How loud a recording is, and where in it somebody speaks."""

import math

import numpy as np

from kws.audio.samples import FloatArray, Samples
from kws.settings.front_end import SAMPLE_RATE_HZ

LEVEL_FRAME_MS = 20


ACTIVE_MARGIN = 10.0 ** (-15.9 / 10.0)  # ITU-T P.56: active speech is within 15.9 dB of its level


def active_rms(samples: Samples | FloatArray, sample_rate_hz: int = SAMPLE_RATE_HZ) -> float:
    """Root mean square of the part of a recording where somebody speaks, in the samples' unit.

    Frames of 20 ms count as active when they lie within 15.9 dB of the mean of the active frames:
    the fixed point of that definition, from above all frames on, after ITU-T P.56.  0.0 for
    silence.  A last, incomplete frame is left out where there is a complete one.
    """
    energies = _frame_energies(samples, sample_rate_hz * LEVEL_FRAME_MS // 1000)
    level = float(energies.mean())
    while True:
        # The set only ever shrinks, since leaving out quiet frames raises the mean: this ends.
        active = energies[energies >= level * ACTIVE_MARGIN]
        if active.size == energies.size:
            return math.sqrt(level)
        energies, level = active, float(active.mean())


def _frame_energies(samples: Samples | FloatArray, frame: int) -> FloatArray:
    frame = min(frame, samples.size)
    if frame == 0:
        return np.zeros(1, np.float32)
    frames = samples[: samples.size - samples.size % frame].reshape(-1, frame)
    frames = frames.astype(np.float32, copy=False)
    energies: FloatArray = np.einsum("ij,ij->i", frames, frames) / np.float32(frame)
    return energies


SPEECH_FRAME_MS = 20


SPEECH_RANGE_DB = 30.0


def speech_span(samples: Samples, sample_rate_hz: int = SAMPLE_RATE_HZ) -> tuple[int, int]:
    """Return from where to where 20 ms come within 30 dB of the loudest 20 ms, in samples."""
    frame = sample_rate_hz * SPEECH_FRAME_MS // 1000
    whole = len(samples) // frame * frame
    if whole == 0:
        return 0, len(samples)
    frames = samples[:whole].reshape(-1, frame).astype(np.float32)
    power = np.square(frames).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-SPEECH_RANGE_DB / 10))
    return int(loud[0]) * frame, int(loud[-1] + 1) * frame
