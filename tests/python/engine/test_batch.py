"""The bounded seam: the engine's fixed-point front end against the float reference.

Two bounds hold it.  On speech the features' signal-to-noise ratio is at least 40 dB.  On every
signal, however hostile, a band's amplitude is right within 0.5 % of itself, plus what rounding puts
into all bands alike: 70 dB below the strongest bin of the frame.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kws
from kws.audio.files import read_audio
from kws.reference.front_end import log_mel, mfcc
from kws.settings.front_end import LOG_FLOOR, MEL_COUNTS, N_FFT, N_MELS, SAMPLE_RATE_HZ
from kws.settings.model import FeatureConfig

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
HOPS = (160, 320)
STEP = 1 / 128  # of a feature, Q7
SPEECH_SNR_DB = 40.0
RELATIVE_ERROR = 0.005
ROUNDING = 10 ** (-70 / 20)  # of the strongest bin's amplitude


# What the 8 kHz front end takes, in the words of FeatureConfig.
EIGHT: dict[str, Any] = {"sample_rate_hz": 8000, "hop_length": 160, "n_mels": 24}


def fixed(samples: np.ndarray, hop_length: int, n_mfcc: int, n_mels: int = N_MELS) -> np.ndarray:
    """The engine's features as real numbers; n_mfcc=0 gives the log-mel bands."""
    config = FeatureConfig(hop_length=hop_length, n_mfcc=n_mfcc, n_mels=n_mels)
    features = kws.features(samples, config)
    assert features.dtype == np.int16
    return features * STEP


def snr_db(reference: np.ndarray, approximation: np.ndarray) -> float:
    error = np.square(reference.astype(np.float64) - approximation).sum()
    return 10 * np.log10(np.square(reference.astype(np.float64)).sum() / error)


def time_s(samples: int = 16_000) -> np.ndarray:
    return np.arange(samples) / SAMPLE_RATE_HZ


def to_int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def chirp(amplitude: float = 32_767.0) -> np.ndarray:
    t = time_s()
    return to_int16(amplitude * np.sin(2 * np.pi * (20.0 * t + 0.5 * 7900.0 * t**2)))


def impulse(amplitude: int) -> np.ndarray:
    clip = np.zeros(16_000, np.int16)
    clip[8000] = amplitude
    return clip


def noise(amplitude: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(-amplitude, amplitude + 1, 16_000).clip(-32768, 32767).astype(np.int16)


def two_tones() -> np.ndarray:
    """A full-scale hum and, 50 dB below, a tone two octaves up: the quiet one must survive."""
    low, high = np.sin(2 * np.pi * 250.0 * time_s()), np.sin(2 * np.pi * 4000.0 * time_s())
    return to_int16(30_000 * low + 95 * high)


SIGNALS = {
    "silence": np.zeros(16_000, np.int16),
    "one step of noise": noise(1),
    "quiet noise": noise(30),
    "full-scale noise": noise(32_768),
    "an impulse": impulse(32_767),
    "a negative impulse": impulse(-32_768),
    "an impulse of one step": impulse(1),
    "constant": np.full(16_000, 1000, np.int16),
    "constant one": np.full(16_000, 1, np.int16),
    "constant full scale": np.full(16_000, 32_767, np.int16),
    "constant negative full scale": np.full(16_000, -32_768, np.int16),
    "highest frequency": np.tile(np.array([-32_768, 32_767], np.int16), 8000),
    "chirp": chirp(),
    "quiet chirp": chirp(3.0),
    "clipped chirp": to_int16(4.0 * chirp().astype(np.float64)),
    "square": np.where(np.sin(2 * np.pi * 440.0 * time_s()) >= 0, 32_767, -32_768).astype(np.int16),
    "two tones": two_tones(),
    "a sudden start": np.concatenate([np.zeros(8000, np.int16), noise(32_768)[8000:]]),
}


def frame_peaks(samples: np.ndarray, hop_length: int) -> np.ndarray:
    """The amplitude of the strongest bin of each frame, that of the constant part included."""
    starts = np.arange(0, len(samples) - N_FFT + 1, hop_length)
    frames = samples[starts[:, None] + np.arange(N_FFT)] / 32768.0
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    return np.abs(np.fft.rfft(frames * window)).max(axis=1)


@pytest.mark.parametrize("n_mels", MEL_COUNTS)
@pytest.mark.parametrize("hop_length", HOPS)
@pytest.mark.parametrize("name", SIGNALS)
def test_every_band_is_right_to_within_rounding(name, hop_length, n_mels):
    samples = SIGNALS[name]
    reference = log_mel(samples, hop_length=hop_length, n_mels=n_mels)
    heard = fixed(samples, hop_length, 0, n_mels)
    assert heard.shape == reference.shape
    amplitude = np.exp(reference.astype(np.float64) / 2)
    allowed = RELATIVE_ERROR * amplitude + ROUNDING * frame_peaks(samples, hop_length)[:, None]
    error = np.abs(np.exp(heard / 2) - amplitude)
    assert np.all(error <= allowed), (error / allowed).max()
    assert np.all(heard >= np.log(LOG_FLOOR) - STEP)


@pytest.mark.parametrize("hop_length", HOPS)
@pytest.mark.parametrize(
    "name", ["silence", "one step of noise", "full-scale noise", "an impulse", "constant", "square"]
)
def test_coefficients_follow_the_reference(name, hop_length):
    samples = SIGNALS[name]
    for n_mfcc in (1, 13, 32):
        reference = mfcc(samples, hop_length=hop_length, n_mfcc=n_mfcc)
        np.testing.assert_allclose(fixed(samples, hop_length, n_mfcc), reference, atol=0.03)


def test_silence_is_the_floor_and_no_other_coefficient():
    features = kws.features(np.zeros(16_000, np.int16), FeatureConfig(n_mfcc=16))
    assert np.all(features[:, 0] == round(np.log(LOG_FLOOR) * 40**0.5 * 128))
    assert np.all(features[:, 1:] == 0)


@pytest.mark.parametrize("hop_length", HOPS)
@pytest.mark.parametrize("samples", [0, 1, 511, 512, 671, 672, 831, 832, 4321])
def test_frame_t_covers_hop_t_and_only_whole_frames_count(samples, hop_length):
    clip = noise(9000)[:samples]
    reference = mfcc(clip, hop_length=hop_length, n_mfcc=16)
    heard = fixed(clip, hop_length, 16)
    assert heard.shape == reference.shape
    np.testing.assert_allclose(heard, reference, atol=0.03)


@pytest.mark.parametrize("hop_length", HOPS)
def test_a_frame_depends_on_its_own_samples_alone(hop_length):
    clip = np.concatenate([noise(20)[:3000], chirp()[:3000], noise(32_768)[:3000]])
    config = FeatureConfig(hop_length=hop_length, n_mfcc=16)
    whole = kws.features(clip, config)
    for t, frame in enumerate(whole):
        alone = kws.features(clip[t * hop_length : t * hop_length + N_FFT], config)
        np.testing.assert_array_equal(alone, frame[None])


def speech_snr_db(
    paths: list[Path], hop_length: int, gain: float = 1.0, n_mels: int = N_MELS
) -> tuple[float, float]:
    """Over all clips together: of all coefficients, and of those that carry no loudness."""
    reference, heard = [], []
    for path in paths:
        samples = to_int16(gain * read_audio(path).astype(np.float64))
        reference.append(mfcc(samples, hop_length=hop_length, n_mfcc=32, n_mels=n_mels))
        heard.append(fixed(samples, hop_length, 32, n_mels))
    ours, theirs = np.concatenate(reference), np.concatenate(heard)
    return snr_db(ours, theirs), snr_db(ours[:, 1:], theirs[:, 1:])


@pytest.mark.parametrize("gain", [1.0, 0.01, 20.0], ids=["as it is", "quiet", "clipped"])
@pytest.mark.parametrize("hop_length", HOPS)
@pytest.mark.parametrize("n_mels", MEL_COUNTS)
def test_on_the_sample_speech_the_engine_is_40_db_true(n_mels, hop_length, gain):
    paths = sorted((SAMPLE / "positives" / "test").rglob("*.o*"))[:20]
    assert paths, "data/sample has no positives/test: run make sample"
    assert min(speech_snr_db(paths, hop_length, gain, n_mels)) >= SPEECH_SNR_DB


@pytest.mark.parametrize("name", SIGNALS)
def test_every_band_at_8_khz_is_right_to_within_rounding(name):
    samples, hop = SIGNALS[name], EIGHT["hop_length"]
    reference = log_mel(samples, **EIGHT)
    heard = kws.features(samples, FeatureConfig(n_mfcc=0, **EIGHT)) * STEP
    assert heard.shape == reference.shape == (1 + (16_000 - 256) // 160, 24)
    frames = samples[np.arange(0, 16_000 - 255, hop)[:, None] + np.arange(256)] / 32768.0
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    peaks = np.abs(np.fft.rfft(frames * window)).max(axis=1)
    amplitude = np.exp(reference.astype(np.float64) / 2)
    allowed = RELATIVE_ERROR * amplitude + ROUNDING * peaks[:, None]
    error = np.abs(np.exp(heard / 2) - amplitude)
    assert np.all(error <= allowed), (error / allowed).max()


@pytest.mark.parametrize("gain", [1.0, 0.01, 20.0], ids=["as it is", "quiet", "clipped"])
def test_on_the_sample_speech_the_8_khz_engine_is_40_db_true(gain):
    paths = sorted((SAMPLE / "positives" / "test").rglob("*.o*"))[:20]
    reference, heard = [], []
    for path in paths:
        samples = to_int16(gain * read_audio(path, 8000).astype(np.float64))
        reference.append(mfcc(samples, n_mfcc=16, **EIGHT))
        heard.append(kws.features(samples, FeatureConfig(n_mfcc=16, **EIGHT)) * STEP)
    ours, theirs = np.concatenate(reference), np.concatenate(heard)
    assert min(snr_db(ours, theirs), snr_db(ours[:, 1:], theirs[:, 1:])) >= SPEECH_SNR_DB


@pytest.mark.recordings
@pytest.mark.parametrize("hop_length", HOPS)
def test_on_real_speech_the_engine_is_40_db_true(recordings, hop_length):
    paths = sorted((recordings / "speech_commands").glob("[a-z]*/*.opus"))[::400]
    assert len(paths) > 50
    assert min(speech_snr_db(paths, hop_length)) >= SPEECH_SNR_DB
