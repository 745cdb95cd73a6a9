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
from kws.reference.torchaudio_import import import_torchaudio
from kws.settings.front_end import F_MIN_HZ, FRONT_ENDS, LOG_FLOOR, N_MELS, SAMPLE_RATE_HZ

FloatArray: TypeAlias = npt.NDArray[np.float32]


def log_mel(
    samples: npt.ArrayLike,
    *,
    hop_length: int = 320,
    n_mels: int = N_MELS,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> FloatArray:
    """Return the natural logarithm of each frame's mel band energies.

    samples: (samples,) int16, or float in [-1, 1), at sample_rate_hz, 16000 or 8000; a frame is
    n_fft = 512 or 256 of them.
    Result: (frames, n_mels) float32 with frames = 1 + (samples - n_fft) // hop_length, none below
    n_fft samples; frame t covers samples [t * hop_length, t * hop_length + n_fft).
    AudioError for other samples, ConfigError for a rate, hop or number of bands out of range.
    """
    log_energies = _log_mel(samples, hop_length, n_mels, sample_rate_hz)
    result: FloatArray = log_energies.numpy().astype(np.float32)
    return result


def mfcc(
    samples: npt.ArrayLike,
    *,
    hop_length: int = 320,
    n_mfcc: int | None = None,
    n_mels: int = N_MELS,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> FloatArray:
    """Return each frame's mel-frequency cepstral coefficients, from coefficient 0 on.

    The orthonormal DCT-II of `log_mel`, neither liftered nor normalised: coefficient 0 is the sum
    of the logarithms over sqrt(n_mels).  samples and errors as `log_mel`.
    Result: (frames, n_mfcc) float32; without n_mfcc all n_mels of them.
    """
    n_mfcc = n_mels if n_mfcc is None else n_mfcc
    log_energies = _log_mel(samples, hop_length, n_mels, sample_rate_hz)
    _check("n_mfcc", n_mfcc, n_mels)
    coefficients = log_energies @ _dct(n_mfcc, n_mels)
    result: FloatArray = coefficients.numpy().astype(np.float32)
    return result


def _log_mel(samples: npt.ArrayLike, hop_length: int, n_mels: int, sample_rate_hz: int) -> Any:
    import torch

    if sample_rate_hz not in FRONT_ENDS:
        raise ConfigError(
            f"sample_rate_hz is {sample_rate_hz}: give {' or '.join(map(str, FRONT_ENDS))}"
        )
    n_fft = FRONT_ENDS[sample_rate_hz].n_fft
    _check("hop_length", hop_length, n_fft)
    _check("n_mels", n_mels, n_fft // 2)
    waveform = torch.from_numpy(_to_float(samples))
    if waveform.numel() < n_fft:
        return torch.zeros((0, n_mels), dtype=torch.float64)
    spectrogram = _mel_spectrogram(hop_length, n_mels, sample_rate_hz)
    return torch.log(spectrogram(waveform).T + LOG_FLOOR)


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
def _mel_spectrogram(hop_length: int, n_mels: int, sample_rate_hz: int) -> Any:
    import torch

    front_end = FRONT_ENDS[sample_rate_hz]
    transform = import_torchaudio().transforms.MelSpectrogram(
        sample_rate=sample_rate_hz,
        n_fft=front_end.n_fft,
        hop_length=hop_length,
        f_min=F_MIN_HZ,
        f_max=front_end.f_max_hz,
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
