"""The float reference of the front end, on torchaudio: what the fixed-point engine approximates.

Training and detection take their features from the engine (`kws.features`); this module says what
those integers stand for.  It works frame by frame, with no value that depends on a whole clip, so
that a stream and a file give the same frames.
"""

from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kws.errors import AudioError, ConfigError
from kws.frontend_spec import F_MAX_HZ, F_MIN_HZ, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE_HZ
from kws.torchaudio_import import import_torchaudio

FloatArray: TypeAlias = npt.NDArray[np.float32]


def log_mel(samples: npt.ArrayLike, *, hop_length: int = 320, n_mels: int = N_MELS) -> FloatArray:
    """Return the natural logarithm of each frame's mel band energies.

    samples: (samples,) int16, or float in [-1, 1), at 16 kHz.
    Result: (frames, n_mels) float32 with frames = 1 + (samples - 512) // hop_length, none below
    512 samples; frame t covers samples [t * hop_length, t * hop_length + 512).
    AudioError for other samples, ConfigError for a hop or a number of bands out of range.
    """
    _check("hop_length", hop_length, N_FFT)
    _check("n_mels", n_mels, N_FFT // 2)
    result: FloatArray = _log_mel(samples, hop_length, n_mels).numpy().astype(np.float32)
    return result


def mfcc(
    samples: npt.ArrayLike, *, hop_length: int = 320, n_mfcc: int = N_MELS, n_mels: int = N_MELS
) -> FloatArray:
    """Return each frame's mel-frequency cepstral coefficients, from coefficient 0 on.

    The orthonormal DCT-II of `log_mel`, neither liftered nor normalised: coefficient 0 is the sum
    of the logarithms over sqrt(n_mels).  samples and errors as `log_mel`.
    Result: (frames, n_mfcc) float32.
    """
    _check("hop_length", hop_length, N_FFT)
    _check("n_mels", n_mels, N_FFT // 2)
    _check("n_mfcc", n_mfcc, n_mels)
    coefficients = _log_mel(samples, hop_length, n_mels) @ _dct(n_mfcc, n_mels)
    result: FloatArray = coefficients.numpy().astype(np.float32)
    return result


def _log_mel(samples: npt.ArrayLike, hop_length: int, n_mels: int) -> Any:
    import torch

    waveform = torch.from_numpy(_to_float(samples))
    if waveform.numel() < N_FFT:
        return torch.zeros((0, n_mels), dtype=torch.float64)
    return torch.log(_mel_spectrogram(hop_length, n_mels)(waveform).T + LOG_FLOOR)


def _to_float(samples: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(samples)
    if array.ndim != 1 or (array.dtype != np.int16 and array.dtype.kind != "f"):
        raise AudioError(
            f"samples are {array.ndim}-D {array.dtype}: give 1-D int16, or float in [-1, 1)"
        )
    if array.dtype == np.int16:
        return array / 32768.0
    if not np.all(np.isfinite(array)):
        raise AudioError("samples hold NaN or infinity: give finite values in [-1, 1)")
    return array.astype(np.float64)


# Double precision: a reference should not add rounding of its own to what it judges.
@cache
def _mel_spectrogram(hop_length: int, n_mels: int) -> Any:
    import torch

    transform = import_torchaudio().transforms.MelSpectrogram(
        sample_rate=SAMPLE_RATE_HZ,
        n_fft=N_FFT,
        hop_length=hop_length,
        f_min=F_MIN_HZ,
        f_max=F_MAX_HZ,
        n_mels=n_mels,
        window_fn=torch.hann_window,
        wkwargs={"periodic": True, "dtype": torch.float64},
        power=2.0,
        center=False,
        norm=None,
        mel_scale="htk",
    )
    return transform.to(torch.float64)


@cache
def _dct(n_mfcc: int, n_mels: int) -> Any:
    import torch

    matrix = import_torchaudio().functional.create_dct(n_mfcc, n_mels, norm="ortho")
    return matrix.to(torch.float64)


def _check(name: str, value: int, limit: int) -> None:
    if not 1 <= value <= limit:
        raise ConfigError(f"{name} is {value}: give a whole number from 1 to {limit}")
