"""The front end's fixed numbers, from which the float reference and the C tables both come.

A frame is `N_FFT` samples under a periodic Hann window, without padding: frame t covers samples
[t * hop_length, t * hop_length + N_FFT).  Its power spectrum goes through triangles evenly spaced
on the mel scale, each with a peak of 1; then natural logarithm, then orthonormal DCT-II.
"""

import math

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000
N_FFT = 512  # 32 ms, the window's length too
HOP_LENGTHS = (160, 320)  # 10 and 20 ms
N_MELS = 40
MEL_COUNTS = (N_MELS, 32)  # 32 as in the FastGRNN paper; a chip compiles it in on request
F_MIN_HZ = 80.0  # above mains hum, below most voices
F_MAX_HZ = 7_600.0  # the top of what resampled recordings of every kind still hold

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


def mel_edges_hz(n_mels: int = N_MELS) -> list[float]:
    """Return the n_mels + 2 corners: band m rises from corner m, peaks at m + 1, ends at m + 2."""
    low, high = hz_to_mel(F_MIN_HZ), hz_to_mel(F_MAX_HZ)
    return [mel_to_hz(low + (high - low) * i / (n_mels + 1)) for i in range(n_mels + 2)]


def mel_weights(n_mels: int = N_MELS) -> npt.NDArray[np.float64]:
    """Return what each FFT bin gives to each band: (N_FFT // 2 + 1, n_mels) float64 in [0, 1]."""
    edges_hz = np.array(mel_edges_hz(n_mels))
    bins_hz = np.arange(N_FFT // 2 + 1)[:, None] * (SAMPLE_RATE_HZ / N_FFT)
    lower, peak, upper = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz - lower) / (peak - lower)
    falling = (upper - bins_hz) / (upper - peak)
    weights: npt.NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return weights
