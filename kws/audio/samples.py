"""Samples: mono int16 in memory, from any array of numbers, at any sample rate."""

from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import AudioError
from kws.settings.front_end import SAMPLE_RATE_HZ

# Floats go from -1 to 1; a lossy decoder overshoots that, but never by 18 dB.
LARGEST_FLOAT = 8.0
MOST_CHANNELS = 32  # of an array with fewer samples than channels, which lies the wrong way round
# Channels are compared over 64 ms or more, and where they are louder than a quiet room.
_JUDGED_SAMPLES, _LOUD_POWER, _CANCELLED = 1_024, 1e-6, 0.01
SAMPLE_RATES_HZ = (2_000, 1_000_000)  # that anybody records sound at

Samples = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float32]


def to_int16(samples: npt.ArrayLike) -> Samples:
    """Turn samples into mono int16: int16 passes through, floats in [-1, 1) are scaled by 32768.

    samples: (samples,) or (samples, channels), the channels are averaged, so that (1, n) is one
    sample of n channels; floats are rounded to the nearest integer and saturated at -32768 and
    32767.  Returns (samples,) int16.
    Raises AudioError for what is no array, other dtypes, more dimensions, NaN and infinity, floats
    that hold int16 values (beyond 8), and for (channels, samples): arrays of more than 32 channels
    that hold fewer samples than channels.
    """
    array = _array(samples)
    if array.ndim not in (1, 2):
        raise AudioError(
            f"samples have {array.ndim} dimensions: give (samples,) or (samples, channels)"
        )
    if array.ndim == 2 and array.shape[1] == 0:
        raise AudioError("samples have 0 channels: give (samples,) or (samples, channels)")
    if array.ndim == 2 and array.shape[1] > max(MOST_CHANNELS, array.shape[0]):
        raise AudioError(
            f"samples of shape {array.shape} have {array.shape[1]} channels: give (samples,) or "
            "(samples, channels), as `samples.T` is"
        )
    if array.dtype == np.int16:
        if array.ndim == 1:
            return array
        _check_sides(array)
        return mono(array) if array.shape[1] == 1 else rounded(array.mean(axis=1))
    if not np.issubdtype(array.dtype, np.floating):
        raise AudioError(f"samples are {array.dtype}: give int16, or floats between -1 and 1")
    check_finite(array)
    check_scale(array)
    _check_sides(array)
    return rounded(mono(array.astype(np.float64)) * 32768.0)


def _array(samples: npt.ArrayLike) -> npt.NDArray[Any]:
    """The samples as an array, int16 of either order of bytes in the machine's own."""
    try:
        array = np.asarray(samples)
    except (TypeError, ValueError):
        raise AudioError(
            "samples are no array: give (samples,) or (samples, channels), rows of one length"
        ) from None
    is_int16 = array.dtype in ("<i2", ">i2")
    return array.astype(np.int16, copy=False) if is_int16 else array


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Change the sample rate of a whole recording (soxr, high quality, band-limited).

    samples: (samples,) int16.  Returns about samples * to_hz / from_hz values, int16, saturated.
    """
    if from_hz == to_hz:
        return to_int16(samples)
    return to_int16(_resample(to_int16(samples).astype(np.float32) / 32768.0, from_hz, to_hz))


class StreamResampler:
    """Change the sample rate of a stream that arrives in chunks of any length.

    The output is the same for every split into chunks, and that of `resample` over the whole; the
    filter holds back a few milliseconds, which `finish` returns when the stream ends.
    """

    def __init__(self, from_hz: int, to_hz: int = SAMPLE_RATE_HZ) -> None:
        """Raises AudioError for rates that nobody records at."""
        check_rates(from_hz, to_hz)
        self._stream: Any = None
        if from_hz != to_hz:
            import soxr  # here: most recordings have the model's rate

            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

    def process(self, chunk: npt.ArrayLike) -> Samples:
        """Take int16 or float samples, (n,) or (n, channels); return what is ready, (m,) int16."""
        samples = to_int16(chunk)
        return samples if self._stream is None else self.process_floats(samples / np.float32(32768))

    def process_block(self, block: npt.NDArray[Any]) -> Samples:
        """Take a block of a recording, (n, channels) int16 or float32; return what is ready, int16.

        The average of the channels is not rounded before the filter, as it is by `process`.
        """
        if block.dtype == np.int16:
            if self._stream is None and block.shape[1] == 1:
                return block[:, 0]
            block = block / np.float32(32768)
        if self._stream is None:
            return to_int16(mono(block.astype(np.float64)))
        return self.process_floats(mono(block))

    def process_floats(self, chunk: npt.NDArray[np.floating], *, last: bool = False) -> Samples:
        """Take mono floats as they are, unrounded; return what is ready, (m,) int16."""
        if self._stream is None:
            return to_int16(chunk)
        return to_int16(self._stream.resample_chunk(np.asarray(chunk, np.float32), last=last))

    def finish(self) -> Samples:
        """Return the samples still inside the filter, int16; the stream is then over."""
        return self.process_floats(np.zeros(0, np.float32), last=True)


def check_scale(samples: npt.NDArray[np.floating]) -> float:
    """Return the largest absolute value of floats; AudioError where they hold integer samples."""
    peak = float(np.abs(samples).max(initial=0))
    if peak > LARGEST_FLOAT:
        full_scale = next((scale for scale in (2**15, 2**23) if peak <= scale), 2**31)
        raise AudioError(
            f"samples reach {peak:.0f}, where floats go from -1 to 1: divide them by {full_scale}, "
            "the full scale"
        )
    return peak


def check_finite(samples: npt.NDArray[np.floating]) -> None:
    """Raise AudioError where floats are NaN or infinite, with their number."""
    finite = np.isfinite(samples)
    if not finite.all():
        bad = samples.size - int(np.count_nonzero(finite))
        raise AudioError(
            f"{bad} of {samples.size} samples are NaN or infinite: record or convert it again"
        )


def _check_sides(samples: npt.NDArray[Any]) -> None:
    """Raise AudioError where the average of loud channels is next to nothing."""
    if samples.ndim == 1 or samples.shape[1] == 1 or len(samples) < _JUDGED_SAMPLES:
        return
    full_scale = 32768.0 if samples.dtype == np.int16 else 1.0
    wide = samples.astype(np.float64) / full_scale
    power = float(np.square(wide).mean())
    if power > _LOUD_POWER and np.square(wide.mean(1)).mean() < _CANCELLED * power:
        raise AudioError(
            f"the {samples.shape[1]} channels cancel each other, one side is inverted: give one of "
            "them, such as `samples[:, 0]`"
        )


def check_rates(from_hz: int, to_hz: int) -> None:
    """Raise AudioError where either sample rate is out of range."""
    for rate_hz in (from_hz, to_hz):
        lowest, highest = SAMPLE_RATES_HZ
        if not lowest <= rate_hz <= highest:
            raise AudioError(
                f"a sample rate of {rate_hz} Hz is not possible: give {lowest} to {highest}"
            )


def mono(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the mean of the channels: (n,) or (n, channels) becomes (n,)."""
    if samples.ndim == 1:
        return samples
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def convolved(
    samples: npt.NDArray[Any], response: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    """Return (n + m - 1,) floats: what (n,) samples sound like through an impulse response (m,)."""
    length = samples.size + response.size - 1
    power = 1 << (length - 1).bit_length()
    size = 3 * power // 4 if 3 * power // 4 >= length else power  # a fast one: 2**a or 3 * 2**a
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    heard: npt.NDArray[np.floating] = np.fft.irfft(spectrum, size)[:length]
    return heard


def rounded(samples: npt.NDArray[np.floating]) -> Samples:
    """Round to the nearest int16; what is beyond saturates."""
    whole: Samples = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return whole


def _resample(
    samples: npt.NDArray[np.floating], from_hz: int, to_hz: int
) -> npt.NDArray[np.float32]:
    import soxr

    check_rates(from_hz, to_hz)
    converted = soxr.resample(np.asarray(samples, np.float32), from_hz, to_hz, quality="HQ")
    return np.asarray(converted, np.float32)
