"""What the benchmarks work on: speech made from formulas, and a model of a wake word's size."""

import struct
import zlib

import numpy as np
import numpy.typing as npt

from kws.engine import model_file
from kws.engine.model_file import Model
from kws.engine.weights import Matrix, Weights
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.settings.model import WAKE_WORD_BYTES, DetectorConfig, FeatureConfig


def speech_like(seconds: int, seed: int = 0) -> npt.NDArray[np.int16]:
    """Return syllables of a voice that glides, with pauses and a little noise: int16 at 16 kHz."""
    rng = np.random.default_rng(seed)
    count = seconds * SAMPLE_RATE_HZ
    time_s = np.arange(count) / SAMPLE_RATE_HZ
    syllables = np.interp(time_s, np.arange(4 * seconds + 1) / 4, rng.random(4 * seconds + 1))
    pitch_hz = 90 + 120 * np.interp(time_s, np.arange(seconds + 1), rng.random(seconds + 1))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    loudness = 6000 * np.maximum(syllables - 0.3, 0)
    return np.rint(loudness * voice + rng.normal(0, 30, count)).astype(np.int16)


def shipped_model() -> Model:
    """Return the first model of models/ of at most 1,024 bytes, or a random one of that size."""
    for path in model_file.shipped():
        if path.stat().st_size <= WAKE_WORD_BYTES:
            return model_file.load(path)
    return random_model()


def random_model() -> Model:
    """Return a model of nearly 1,024 bytes: 44 units, ranks 9 and 12, int4, random weights."""
    rng = np.random.default_rng(0)
    units, rank_w, rank_u, inputs = 44, 9, 12, 16

    def matrix(rows: int, cols: int, multiplier: int, shift: int) -> Matrix:
        weights = rng.integers(-7, 8, (rows, cols)).astype(np.int8)
        return Matrix("int4", weights, multiplier, shift)

    weights = Weights(
        input_offset=np.zeros(inputs, np.int8),
        input_scale=np.full(inputs, 64, np.uint8),
        w=(matrix(units, rank_w, 160, 4), matrix(rank_w, inputs, 160, 12)),
        u=(matrix(units, rank_u, 160, 4), matrix(rank_u, units, 160, 12)),
        bias_gate=rng.integers(-32, 32, units).astype(np.int8),
        bias_update=rng.integers(-32, 32, units).astype(np.int8),
        zeta_q8=187,
        nu_q8=5,
        classifier=matrix(1, units, 128, 5),
        bias_class=np.array([-2000], np.int16),
    )
    features, detector = FeatureConfig(n_mfcc=inputs), DetectorConfig(threshold=0.99)
    return model_file.parse(model_file.encode(features, detector, ("random",), weights))


def with_hop(model: Model, hop_length: int) -> Model:
    """Return the model with another hop: the same bytes but for that field and the checksum."""
    data = bytearray(model.data[:-4])
    data[9] = hop_length * 1000 // SAMPLE_RATE_HZ
    return model_file.parse(bytes(data) + struct.pack("<I", zlib.crc32(data)))
