"""The float front end against librosa, scipy and hand-computed values: answers from outside."""

import math
import subprocess
import sys

import librosa
import numpy as np
import pytest
import scipy.fft

from kws.errors import AudioError, ConfigError, ToolError
from kws.reference.front_end import log_mel, mfcc
from kws.reference.torchaudio_import import import_torchaudio
from kws.settings.front_end import (
    F_MAX_HZ,
    F_MIN_HZ,
    LOG_FLOOR,
    N_FFT,
    N_MELS,
    SAMPLE_RATE_HZ,
    mel_edges_hz,
    mel_weights,
)

FLOOR = math.log(LOG_FLOOR)


def noise(samples: int = 16_000, amplitude: int = 8000) -> np.ndarray:
    return np.random.default_rng(0).integers(-amplitude, amplitude, samples).astype(np.int16)


def chirp(samples: int = 16_000) -> np.ndarray:
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * (20.0 * time_s + 0.5 * 7900.0 * time_s**2)
    return np.rint(32_767 * np.sin(phase)).astype(np.int16)


def impulse(samples: int = 16_000) -> np.ndarray:
    clip = np.zeros(samples, np.int16)
    clip[samples // 2] = 32_767
    return clip


SIGNALS = {
    "noise": noise(),
    "one step of noise": noise(amplitude=2),
    "chirp": chirp(),
    "clipped": np.clip(4 * chirp().astype(np.int32), -32768, 32767).astype(np.int16),
    "impulse": impulse(),
    "full scale": np.full(16_000, -32768, np.int16),
    "silence": np.zeros(16_000, np.int16),
}


def librosa_log_mel(samples: np.ndarray, hop_length: int) -> np.ndarray:
    spectrum = librosa.stft(
        samples / 32768.0, n_fft=N_FFT, hop_length=hop_length, window="hann", center=False
    )
    filters = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=40, fmin=80.0, fmax=7600.0, htk=True, norm=None
    )
    return np.log(filters @ np.abs(spectrum) ** 2 + 2.0**-23).T


@pytest.mark.parametrize("hop_length", [160, 320])
@pytest.mark.parametrize("name", SIGNALS)
def test_log_mel_agrees_with_librosa(name, hop_length):
    ours = log_mel(SIGNALS[name], hop_length=hop_length)
    theirs = librosa_log_mel(SIGNALS[name], hop_length)
    assert ours.dtype == np.float32 and ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("name", SIGNALS)
def test_log_mel_at_8_khz_agrees_with_librosa(name):
    samples = SIGNALS[name]
    spectrum = librosa.stft(
        samples / 32768.0, n_fft=256, hop_length=160, window="hann", center=False
    )
    filters = librosa.filters.mel(
        sr=8000, n_fft=256, n_mels=24, fmin=80.0, fmax=3800.0, htk=True, norm=None
    )
    theirs = np.log(filters @ np.abs(spectrum) ** 2 + 2.0**-23).T
    ours = log_mel(samples, sample_rate_hz=8000, hop_length=160, n_mels=24)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("n_mfcc", [1, 13, 40])
@pytest.mark.parametrize("name", SIGNALS)
def test_mfcc_agrees_with_librosa_and_scipy(name, n_mfcc):
    ours = mfcc(SIGNALS[name], hop_length=320, n_mfcc=n_mfcc)
    bands = librosa_log_mel(SIGNALS[name], 320)
    by_librosa = librosa.feature.mfcc(S=bands.T, n_mfcc=n_mfcc, dct_type=2, norm="ortho").T
    by_scipy = scipy.fft.dct(bands, type=2, norm="ortho")[:, :n_mfcc]
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, by_librosa, atol=5e-4)
    np.testing.assert_allclose(ours, by_scipy, atol=5e-4)


def test_our_mel_weights_are_librosas_and_torchaudios():
    """The engine's tables come from these weights, the reference from torchaudio's."""
    weights = mel_weights()
    theirs = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=40, fmin=80.0, fmax=7600.0, htk=True, norm=None
    )
    assert weights.shape == (257, 40)
    np.testing.assert_allclose(weights, theirs.T, atol=1e-6)
    torchaudios = import_torchaudio().functional.melscale_fbanks(
        257, F_MIN_HZ, F_MAX_HZ, N_MELS, SAMPLE_RATE_HZ, norm=None, mel_scale="htk"
    )
    np.testing.assert_allclose(weights, torchaudios.numpy(), atol=1e-5)


def test_every_band_has_a_bin_and_neighbours_share_theirs():
    """Between two centres the falling and the rising band's weights add up to 1 in every bin."""
    edges_hz, weights = mel_edges_hz(), mel_weights()
    assert len(edges_hz) == 42
    assert edges_hz[0] == pytest.approx(80.0) and edges_hz[-1] == pytest.approx(7600.0)
    assert np.all(weights.sum(axis=0) > 0.3)
    bins_hz = np.arange(257) * 31.25
    between = (bins_hz >= edges_hz[1]) & (bins_hz <= edges_hz[-2])
    np.testing.assert_allclose(weights.sum(axis=1)[between], 1.0)
    np.testing.assert_array_equal(weights[(bins_hz < 80.0) | (bins_hz > 7600.0)], 0.0)


def test_silence_is_the_floor_in_every_band_and_only_coefficient_0():
    silence = SIGNALS["silence"]
    np.testing.assert_allclose(log_mel(silence), FLOOR, rtol=1e-6)
    coefficients = mfcc(silence, n_mfcc=13)
    np.testing.assert_allclose(coefficients[:, 0], FLOOR * math.sqrt(40), rtol=1e-5)
    np.testing.assert_allclose(coefficients[:, 1:], 0.0, atol=1e-4)


def test_an_impulse_is_the_squared_window_in_every_bin():
    """At distance n in its frame it has the power (Hann(n) * amplitude)**2 in each bin."""
    clip = np.zeros(512, np.int16)
    clip[128] = 16_384
    hann = 0.5 - 0.5 * math.cos(2 * math.pi * 128 / 512)
    expected = np.log(mel_weights().sum(axis=0) * (0.5 * hann) ** 2 + LOG_FLOOR)
    np.testing.assert_allclose(log_mel(clip)[0], expected, atol=1e-4)


def test_a_tone_in_the_middle_of_a_bin_is_an_eighth_of_the_frame_squared():
    """sin at bin k under Hann: |X[k]| = 512 / 4, and half of that in the two bins beside."""
    k = 64  # 2 kHz
    tone = np.sin(2 * np.pi * k * np.arange(512) / 512)
    power = np.zeros(257)
    power[[k - 1, k, k + 1]] = (64.0**2, 128.0**2, 64.0**2)
    heard = mel_weights().T @ power
    bands = heard > 1.0
    np.testing.assert_allclose(log_mel(tone)[0, bands], np.log(heard[bands]), atol=1e-5)


@pytest.mark.parametrize(
    "samples, frames", [(0, 0), (1, 0), (511, 0), (512, 1), (831, 1), (832, 2), (16_000, 49)]
)
def test_only_whole_frames_are_analysed(samples, frames):
    clip = noise(16_000)[:samples]
    assert log_mel(clip, hop_length=320).shape == (frames, 40)
    assert mfcc(clip, hop_length=320, n_mfcc=13).shape == (frames, 13)


@pytest.mark.parametrize("hop_length", [160, 320])
def test_a_frame_depends_on_its_own_samples_alone(hop_length):
    """What streams: a loud end of the clip leaves the quiet frames before it as they were."""
    quiet = noise(8000, amplitude=20)
    loud = np.concatenate([quiet, SIGNALS["full scale"]])
    before = mfcc(quiet, hop_length=hop_length)
    np.testing.assert_array_equal(mfcc(loud, hop_length=hop_length)[: len(before)], before)
    for t in (0, 7, len(before) - 1):
        alone = mfcc(quiet[t * hop_length : t * hop_length + 512], hop_length=hop_length)
        np.testing.assert_allclose(alone[0], before[t], atol=1e-5)


def test_integers_and_floats_mean_the_same():
    clip = noise()
    expected = mfcc(clip)
    np.testing.assert_array_equal(mfcc((clip / 32768.0).astype(np.float32)), expected)
    np.testing.assert_array_equal(mfcc(clip / 32768.0), expected)


@pytest.mark.parametrize(
    "samples, words",
    [
        (np.zeros((2, 600), np.int16), "2-D int16"),
        (np.zeros(600, np.int32), "1-D int32"),
        (np.array([0.0, math.nan] * 300), "NaN"),
    ],
)
def test_samples_that_mean_nothing_are_refused(samples, words):
    with pytest.raises(AudioError, match=words):
        mfcc(samples)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"hop_length": 0}, "hop_length is 0"),
        ({"hop_length": 513}, "from 1 to 512"),
        ({"n_mfcc": 41}, "n_mfcc is 41"),
        ({"n_mels": 0}, "n_mels is 0"),
        ({"sample_rate_hz": 11025}, "sample_rate_hz is 11025: give 16000 or 8000"),
    ],
)
def test_settings_out_of_range_are_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        mfcc(noise(), **settings)


# A CUDA-linked torchaudio beside a CPU torch, wherever this runs: torch refuses to load any
# library of torchaudio's, as it does where the CUDA libraries are missing.
BROKEN_EXTENSION = """
import sys, torch
load = torch.ops.load_library
def refuse(path):
    if "torchaudio" in str(path):
        raise OSError(f"Could not load this library: {path}")
    load(path)
torch.ops.load_library = refuse
from kws.reference.torchaudio_import import import_torchaudio
torchaudio = import_torchaudio()
assert import_torchaudio() is torchaudio and sys.modules["torchaudio"] is torchaudio
from kws.reference.front_end import mfcc
import numpy as np
print(mfcc(np.zeros(512, np.int16)).shape)
"""


def test_torchaudio_is_imported_where_its_compiled_part_cannot_load():
    done = subprocess.run(
        [sys.executable, "-c", BROKEN_EXTENSION], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "(1, 40)\n"), done.stderr


def test_without_torchaudio_the_error_says_what_to_install(monkeypatch):
    def absent(name: str):
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr("importlib.import_module", absent)
    with pytest.raises(ToolError, match="pip install torchaudio"):
        import_torchaudio()
