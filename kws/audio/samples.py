"""Samples: mono int16 in memory, from any array of numbers, at any sample rate."""

from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from kws.errors import AudioError
from kws.settings.front_end import SAMPLE_RATE_HZ

Samples = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float32]


def to_int16(samples: npt.ArrayLike) -> Samples:
    """Turn samples into mono int16: int16 passes through, floats in [-1, 1) are scaled by 32768.

    samples: (samples,) or (samples, channels), the channels are averaged; floats are rounded to
    the nearest integer and saturated at -32768 and 32767.  Returns (samples,) int16.
    Raises AudioError for other dtypes, more dimensions, NaN and infinity.
    """
    array = np.asarray(samples)
    if array.ndim not in (1, 2):
        raise AudioError(
            f"samples have {array.ndim} dimensions: give (samples,) or (samples, channels)"
        )
    if array.ndim == 2 and array.shape[1] == 0:
        raise AudioError("samples have 0 channels: give (samples,) or (samples, channels)")
    if array.dtype == np.int16:
        if array.ndim == 1:
            return array
        return _mono(array) if array.shape[1] == 1 else _rounded(array.mean(axis=1))
    if not np.issubdtype(array.dtype, np.floating):
        raise AudioError(f"samples are {array.dtype}: give int16, or floats between -1 and 1")
    _check_finite(array)
    return _rounded(_mono(array.astype(np.float64)) * 32768.0)


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Change the sample rate of a whole recording (soxr, high quality, band-limited).

    samples: (samples,) int16.  Returns about samples * to_hz / from_hz values, int16, saturated.
    """
    if from_hz == to_hz:
        return to_int16(samples)
    return to_int16(_resample(to_int16(samples).astype(np.float32) / 32768.0, from_hz, to_hz))


class StreamResampler:
    """Change the sample rate of a stream that arrives in chunks of any length.

    The output is the same for every split into chunks; the filter holds back a few milliseconds,
    which `finish` returns when the stream ends.
    """

    def __init__(self, from_hz: int, to_hz: int = SAMPLE_RATE_HZ) -> None:
        """Raises AudioError for rates that are not positive."""
        _check_rates(from_hz, to_hz)
        self._stream = (
            None
            if from_hz == to_hz
            else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
        )

    def process(self, chunk: npt.ArrayLike) -> Samples:
        """Take int16 or float samples, (n,) or (n, channels); return what is ready, (m,) int16."""
        return self._push(to_int16(chunk), last=False)

    def finish(self) -> Samples:
        """Return the samples still inside the filter, int16; the stream is then over."""
        return self._push(np.zeros(0, np.int16), last=True)

    def _push(self, samples: Samples, *, last: bool) -> Samples:
        if self._stream is None:
            return samples
        scaled = samples.astype(np.float32) / 32768.0
        return to_int16(self._stream.resample_chunk(scaled, last=last))


def _check_finite(samples: npt.NDArray[np.floating]) -> None:
    finite = np.isfinite(samples)
    if not finite.all():
        bad = samples.size - int(np.count_nonzero(finite))
        raise AudioError(
            f"{bad} of {samples.size} samples are NaN or infinite: record or convert it again"
        )


def _check_rates(from_hz: int, to_hz: int) -> None:
    for rate_hz in (from_hz, to_hz):
        if not rate_hz > 0:
            raise AudioError(f"a sample rate of {rate_hz} Hz is not possible: give one above 0")


def _mono(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if samples.ndim == 1:
        return samples
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def _rounded(samples: npt.NDArray[np.floating]) -> Samples:
    whole: Samples = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return whole


def _resample(
    samples: npt.NDArray[np.floating], from_hz: int, to_hz: int
) -> npt.NDArray[np.float32]:
    _check_rates(from_hz, to_hz)
    converted = soxr.resample(np.asarray(samples, np.float32), from_hz, to_hz, quality="HQ")
    return np.asarray(converted, np.float32)
