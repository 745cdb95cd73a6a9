"""How loud a recording is, and where in it somebody speaks."""

import math

import numpy as np

from kws.audio.samples import FloatArray, Samples
from kws.settings.front_end import SAMPLE_RATE_HZ

LEVEL_FRAME_MS = 20
SPEECH_FRAME_MS = 20
SPEECH_RANGE_DB = 30.0
OUT_OF_NOISE = 10.0  # as a ratio of powers, 10 dB
ACTIVE_MARGIN = 10.0 ** (-15.9 / 10.0)  # ITU-T P.56: active speech is within 15.9 dB of its level


def rms(samples: FloatArray) -> float:
    """Root mean square of samples (n,), n at least 1, in their unit; the same bits everywhere."""
    # einsum, not dot: BLAS splits long vectors over threads, and the sum's last bits with them.
    return math.sqrt(float(np.einsum("i,i", samples, samples)) / samples.size)


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


class SpeechLevel:
    """Where somebody speaks in a stream of blocks: `speech_span` without keeping the samples."""

    def __init__(self, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
        self._frame = sample_rate_hz * SPEECH_FRAME_MS // 1000
        self._powers: list[FloatArray] = []
        self._rest: Samples = np.zeros(0, np.int16)

    def add(self, samples: Samples) -> None:
        """Take in int16 samples, a block of any length."""
        samples = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        whole = len(samples) // self._frame * self._frame
        self._rest = samples[whole:].copy()
        if whole:
            self._powers.append(speech_powers(samples[:whole], self._frame))

    def span(self) -> tuple[int, int]:
        """From where to where somebody spoke, in samples; all of it where it is below 20 ms."""
        if not self._powers:
            return 0, len(self._rest)
        first, last = _loud_frames(np.concatenate(self._powers))
        return first * self._frame, last * self._frame

    def end_heard(self) -> int:
        """Return where the speech ends for a listener: the room's noise behind it is none.

        The end of the last 20 ms that come within 30 dB of the loudest and stand out of the
        recording's quietest tenth by 10 dB, as far as the recording has room for both.
        """
        if not self._powers:
            return len(self._rest)
        powers = np.concatenate(self._powers)
        loudest = float(powers.max())
        floor = min(float(np.percentile(powers, 10)) * OUT_OF_NOISE, loudest * OUT_OF_NOISE**-1)
        heard = powers >= max(loudest * 10 ** (-SPEECH_RANGE_DB / 10), floor)
        return int(np.flatnonzero(heard)[-1] + 1) * self._frame


def speech_span(samples: Samples, sample_rate_hz: int = SAMPLE_RATE_HZ) -> tuple[int, int]:
    """Return from where to where 20 ms come within 30 dB of the loudest 20 ms, in samples."""
    level = SpeechLevel(sample_rate_hz)
    level.add(samples)
    return level.span()


def speech_powers(samples: Samples, frame: int) -> FloatArray:
    """The mean square of each whole frame of so many samples."""
    samples = samples[: len(samples) // frame * frame]
    powers: FloatArray = np.square(samples.reshape(-1, frame).astype(np.float32)).mean(axis=1)
    return powers


def _loud_frames(powers: FloatArray) -> tuple[int, int]:
    loud = np.flatnonzero(powers >= powers.max() * 10 ** (-SPEECH_RANGE_DB / 10))
    return int(loud[0]), int(loud[-1] + 1)
