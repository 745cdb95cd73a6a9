"""Models made by hand that hear loudness and colour of noise: real .kws bytes without training.

`wake_word()` fires on any loud noise.  `two_words()` says "low" or "high" for loud noise that is
dull or bright, and `_silence_` else.  With them a test can say beforehand what must be detected.
"""

import struct
import zlib

import numpy as np
import numpy.typing as npt

from kws.audio.samples import Samples
from kws.engine.batch import features
from kws.engine.model_file import encode
from kws.engine.weights import Matrix, Weights
from kws.settings.model import DetectorConfig, FeatureConfig

RATE = 16_000
FEATURES = FeatureConfig(hop_length=320, n_mfcc=2)
FEATURES_8K = FeatureConfig(sample_rate_hz=8_000, hop_length=160, n_mels=24, n_mfcc=2)


def noise(seconds: float, rms: float, seed: int = 0, colour: str = "white") -> Samples:
    """Return noise of a level in int16 steps: white, low (below 1 kHz) or high (above 4 kHz)."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    weakened = {"white": frequency < 0, "low": frequency > 1000, "high": frequency < 4000}
    spectrum[weakened[colour]] *= 0.01
    samples = np.fft.irfft(spectrum, count)
    samples *= rms / np.sqrt(np.mean(samples**2))
    whole: Samples = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return whole


def three_words() -> Samples:
    """Return four seconds in which `wake_word()` fires three times."""
    parts = [(noise(0.5, 3000, seed=i), noise(0.9, 16)) for i in range(3)]
    return np.concatenate([part for pair in parts for part in pair])


def _offsets(config: FeatureConfig) -> npt.NDArray[np.int8]:
    """Between quiet and loud in c0, and halfway between low and high noise in c1."""
    quiet = features(noise(1, 16), config).mean(axis=0)
    low = features(noise(1, 3000, colour="low"), config).mean(axis=0)
    high = features(noise(1, 3000, colour="high"), config).mean(axis=0)
    assert quiet[0] < min(low[0], high[0]) and low[1] > high[1]
    middle = [(quiet[0] + min(low[0], high[0])) / 2, (low[1] + high[1]) / 2]
    offsets: npt.NDArray[np.int8]
    offsets = np.clip(np.rint(np.array(middle) / 32), -128, 127).astype(np.int8)
    return offsets


def _model(
    classes: tuple[str, ...],
    classifier: list[list[int]],
    detector: DetectorConfig,
    config: FeatureConfig = FEATURES,
) -> bytes:
    hidden = np.eye(2, dtype=np.int8) * 127
    weights = Weights(
        input_offset=_offsets(config),
        input_scale=np.array([128, 128], np.uint8),
        w=(Matrix("int8", hidden, 1, 0),),
        u=(Matrix("int8", np.zeros((2, 2), np.int8), 1, 0),),
        bias_gate=None,
        bias_update=np.zeros(2, np.int8),
        zeta_q8=250,
        nu_q8=5,
        classifier=Matrix("int8", np.array(classifier, np.int8), 1, 2),
        bias_class=np.zeros(len(classes), np.int16),
    )
    return encode(config, detector, classes, weights)


def wake_word(
    word: str = "hey_noise", threshold: float = 0.8, config: FeatureConfig = FEATURES
) -> bytes:
    """Return the bytes of a model that fires when it becomes loud."""
    detector = DetectorConfig(
        smoothing_shift=1, threshold=threshold, release=0.4, refractory_frames=25
    )
    return _model((word,), [[127, 0]], detector, config)


def two_words() -> bytes:
    """Return the bytes of a model with the classes low, high and _silence_."""
    classifier = [[64, 127], [64, -127], [-127, 0]]
    detector = DetectorConfig(smoothing_shift=1, threshold=0.8, release=0.4, refractory_frames=25)
    return _model(("low", "high", "_silence_"), classifier, detector)


def foreign_word(word: str) -> bytes:
    """Return `wake_word()` with a word that we would refuse to write, and others may not."""
    data = wake_word("x" * 9)
    body = data[:-4].replace(b"x" * 9 + b"\0", word.encode("utf-8", "surrogateescape") + b"\0")
    sized = body[:6] + struct.pack("<H", len(body) + 4) + body[8:]
    return sized + struct.pack("<I", zlib.crc32(sized))
