"""Small random models, valid and lively: states and logits use most of their range.

Every test of "the same integers" runs on these, one for each cell, rank and kind of matrix.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from kws.engine.model_file import encode
from kws.engine.weights import Matrix, Weights
from kws.settings.model import DetectorConfig, FeatureConfig

CELLS = ("fastgrnn", "fastrnn")
RANKS = ((0, 0), (5, 7))
KINDS = ("int8", "int4", "sparse8")
LARGEST = {"int8": 127, "int4": 7, "sparse8": 127}
INT8_STD = 40  # of the vectors between products: much of int8, little saturation


@dataclass(frozen=True, kw_only=True)
class RandomModel:
    """A description that makes the same model every time."""

    cell: str = "fastgrnn"
    ranks: tuple[int, int] = (5, 7)
    kind: str = "int4"
    hidden: int = 19  # odd, so that the last half byte of a row stays empty
    features: FeatureConfig = field(default_factory=lambda: FeatureConfig(n_mfcc=13))
    classes: tuple[str, ...] = ("hey_you", "stop", "_unknown_")
    detector: DetectorConfig = field(
        default_factory=lambda: DetectorConfig(
            threshold=0.6, release=0.5, smoothing_shift=2, refractory_frames=7
        )
    )
    hard: bool = False
    recurrence: float = 1.2  # standard deviation of U h
    seed: int = 0

    @property
    def name(self) -> str:
        """A C identifier and a test id: fastgrnn_5_7_int4_hop320_absolute."""
        parts = (self.cell, *self.ranks, self.kind, f"hop{self.features.hop_length}")
        rate = ("8khz",) if self.features.sample_rate_hz == 8000 else ()
        hard = ("hard",) if self.hard else ()
        return "_".join(map(str, (*parts, self.features.energy, *rate, *hard)))

    def weights(self) -> Weights:
        """Return the integers."""
        rng = np.random.default_rng(self.seed)
        n_features, hidden, classes = self.features.n_features, self.hidden, len(self.classes)
        gated = self.cell == "fastgrnn"
        return Weights(
            input_offset=np.where(np.arange(n_features) == 0, -60, 0).astype(np.int8),
            input_scale=rng.integers(40, 256, n_features).astype(np.uint8),
            w=self._product(rng, (hidden, self.ranks[0], n_features), 1.5),
            u=self._product(rng, (hidden, self.ranks[1], hidden), self.recurrence),
            bias_gate=rng.integers(-50, 90, hidden).astype(np.int8) if gated else None,
            bias_update=rng.integers(-40, 40, hidden).astype(np.int8),
            zeta_q8=200 if gated else 60,
            nu_q8=9 if gated else 200,
            classifier=self._matrix(rng, classes, hidden, 1800),
            bias_class=rng.integers(-500, 500, classes).astype(np.int16),
            hard=self.hard,
        )

    def encode(self) -> bytes:
        """Return the bytes of the .kws file."""
        return encode(self.features, self.detector, self.classes, self.weights())

    def _product(
        self, rng: np.random.Generator, shape: tuple[int, int, int], std: float
    ) -> tuple[Matrix, ...]:
        rows, rank, cols = shape
        if not rank:
            return (self._matrix(rng, rows, cols, 4096 * std),)
        left = self._matrix(rng, rows, rank, 4096 * std)
        return left, self._matrix(rng, rank, cols, INT8_STD)

    def _matrix(self, rng: np.random.Generator, rows: int, cols: int, std: float) -> Matrix:
        """Random weights with the scale that gives rows this standard deviation."""
        largest = LARGEST[self.kind]
        weights = rng.integers(-largest - (self.kind == "int4"), largest + 1, (rows, cols))
        if self.kind == "sparse8":
            weights[rng.random((rows, cols)) > 0.4] = 0
        spread = math.sqrt(cols) * max(float(weights.std()), 1.0) * INT8_STD
        shift = min(30, math.floor(math.log2(255 * spread / std)))
        multiplier = round(std / spread * 2**shift)
        return Matrix(self.kind, weights.astype(np.int8), multiplier, shift)


# What the engine here takes and a chip's does not unless told so: the paper's bands, many units.
LARGE = (
    RandomModel(features=FeatureConfig(hop_length=160, n_mels=32, n_mfcc=0), seed=101),
    RandomModel(features=FeatureConfig(n_mels=32, n_mfcc=20, energy="delta"), seed=102),
    RandomModel(hidden=255, ranks=(0, 61), classes=tuple("abcdefghijkl"), seed=103),
)
ALL = tuple(
    RandomModel(
        cell=cell,
        ranks=ranks,
        kind=kind,
        features=FeatureConfig(
            hop_length=(320, 160)[index % 2],
            n_mfcc=0 if kind == "int8" and ranks == (0, 0) and cell == "fastrnn" else 13,
            energy=FeatureConfig.ENERGIES[index // 2 % 2],
        ),
        classes=("hey_you",) if index % 4 == 3 else ("hey_you", "stop", "_unknown_"),
        seed=index,
    )
    for index, (cell, ranks, kind) in enumerate(
        (cell, ranks, kind) for cell in CELLS for ranks in RANKS for kind in KINDS
    )
)
ALL += tuple(
    RandomModel(cell=cell, hard=True, ranks=ranks, seed=30 + index)
    for index, (cell, ranks) in enumerate((cell, ranks) for cell in CELLS for ranks in RANKS[:2])
)

# 8 kHz, at both hops; one with the bands themselves.
ALL += tuple(
    RandomModel(
        features=FeatureConfig(
            sample_rate_hz=8000, hop_length=hop, n_mels=24, n_mfcc=n_mfcc, energy=energy
        ),
        seed=20 + hop,
    )
    for hop, n_mfcc, energy in ((160, 13, "delta"), (80, 0, "absolute"))
)
