"""The front end's fixed numbers, from which the float reference and the C tables both come.

A frame is 32 ms under a periodic Hann window, without padding: frame t covers samples
[t * hop_length, t * hop_length + n_fft).  Its power spectrum goes through triangles evenly spaced
on the mel scale, each with a peak of 1; then natural logarithm, then orthonormal DCT-II.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000
N_FFT = 512  # 32 ms, the window's length too
HOP_LENGTHS = (160, 320)  # 10 and 20 ms
N_MELS = 40
MEL_COUNTS = (N_MELS, 32)  # 32 as in the FastGRNN paper; a chip compiles it in on request
F_MIN_HZ = 80.0  # above mains hum, below most voices
F_MAX_HZ = 7_600.0  # the top of what resampled recordings of every kind still hold


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """What depends on the sample rate: the window's and the hops' samples, and the mel bands."""

    sample_rate_hz: int
    n_fft: int
    hop_lengths: tuple[int, int]
    n_mels: int
    f_max_hz: float
    more_mels: tuple[int, ...] = ()

    @property
    def mel_counts(self) -> tuple[int, ...]:
        """Every number of bands that there is a table for, the usual one first."""
        return (self.n_mels, *self.more_mels)


# 8 kHz is for chips with 2 KB of RAM: half the samples, and fewer bands, for half the spectrum.
FRONT_ENDS = {
    rate_hz: FrontEnd(
        sample_rate_hz=rate_hz,
        n_fft=n_fft,
        hop_lengths=hops,
        n_mels=counts[0],
        f_max_hz=f_max_hz,
        more_mels=counts[1:],
    )
    for rate_hz, n_fft, hops, counts, f_max_hz in (
        (SAMPLE_RATE_HZ, N_FFT, HOP_LENGTHS, MEL_COUNTS, F_MAX_HZ),
        (8_000, 256, (80, 160), (24,), 3_800.0),
    )
}

# Added to a band's energy (samples in [-1, 1)) before the logarithm.  It is about what rounding
# to 16 bits leaves in a band, and the same for every frame: a floor relative to the loudest part
# of a clip could not be computed on a stream.
LOG_FLOOR = 2.0**-23


def hz_to_mel(frequency_hz: float) -> float:
    """Return the HTK mel value of a frequency: 2595 log10(1 + f / 700)."""
    return 2595.0 * math.log10(1.0 + frequency_hz / 700.0)


def mel_to_hz(mel: float) -> float:
    """Return the frequency of an HTK mel value; the inverse of `hz_to_mel`."""
    return 700.0 * (math.pow(10.0, mel / 2595.0) - 1.0)


def mel_edges_hz(n_mels: int = N_MELS, sample_rate_hz: int = SAMPLE_RATE_HZ) -> list[float]:
    """Return the n_mels + 2 corners: band m rises from corner m, peaks at m + 1, ends at m + 2."""
    low, high = hz_to_mel(F_MIN_HZ), hz_to_mel(FRONT_ENDS[sample_rate_hz].f_max_hz)
    return [mel_to_hz(low + (high - low) * i / (n_mels + 1)) for i in range(n_mels + 2)]


def mel_weights(
    n_mels: int = N_MELS, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> npt.NDArray[np.float64]:
    """Return what each FFT bin gives to each band: (n_fft // 2 + 1, n_mels) float64 in [0, 1]."""
    edges_hz = np.array(mel_edges_hz(n_mels, sample_rate_hz))
    n_fft = FRONT_ENDS[sample_rate_hz].n_fft
    bins_hz = np.arange(n_fft // 2 + 1)[:, None] * (sample_rate_hz / n_fft)
    lower, peak, upper = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz - lower) / (peak - lower)
    falling = (upper - bins_hz) / (upper - peak)
    weights: npt.NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return weights
