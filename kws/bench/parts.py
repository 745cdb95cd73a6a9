"""Where the time of a training batch goes: its parts, in float and through the engine.

Shapes are those of the shipped command words, features are random; what an epoch has beside its
batches (validation, checkpoint) is not in it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from kws.bench.timing import Figure, Found, Timings, median
from kws.engine import batch, model_file
from kws.evaluation.clip_stream import Windows
from kws.network.network import Network
from kws.network.quantized import Normalization, QuantizedNetwork
from kws.settings.compression import CompressionConfig
from kws.settings.model import FeatureConfig
from kws.support.threads import one_thread
from kws.training.optimizers import ScheduledOptimizer

STREAMS, CLIPS, FRAMES = 32, 4, 199  # a batch of the recipes: 128 clips, four to a stream
CLASSES = tuple(f"word_{i}" for i in range(10))
# name: units, ranks of W and U
NETWORKS = {"1 KB": (38, (8, 9)), "5.5 KB": (123, (10, 31))}
N_MFCC = 20
PARTS = ("forward", "loss", "backward", "optimizer")


class _Clock:
    """CPU seconds of each part, one a batch."""

    def __init__(self) -> None:
        self.taken: Timings = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        started = time.process_time()
        yield
        self.taken.setdefault(part, []).append(time.process_time() - started)


class _Batch:
    """One network with what trains it."""

    def __init__(self, hidden: int, ranks: tuple[int, int], *, quantized: bool) -> None:
        config = FeatureConfig(n_mfcc=N_MFCC, energy="delta")
        noise = np.random.default_rng(0).normal(0, 900, (STREAMS, FRAMES, N_MFCC))
        self.features, self.windows = noise.astype(np.int16), Windows(config, CLIPS)
        self.normalization = Normalization.of(self.features)
        self.labels = torch.randint(len(CLASSES), (STREAMS * CLIPS,))
        self.network = Network(n_features=N_MFCC, hidden=hidden, classes=len(CLASSES), ranks=ranks)
        self.quantized = QuantizedNetwork(
            self.network,
            self.normalization,
            CompressionConfig(),
            features=config,
            classes=CLASSES,
            calibration=self.features,
        )
        self.is_quantized = quantized
        trained: nn.Module = self.quantized if quantized else self.network
        self.optimizer = ScheduledOptimizer(
            "soap",
            [{"params": list(trained.parameters())}],
            learning_rate=1e-3,
            weight_decay=0.0,
            steps=1_000_000,
            annealing="cosine",
        )

    def logits(self) -> Tensor:
        """What the stage differentiates."""
        if self.is_quantized:
            quantized: Tensor = self.quantized(self.features)
            return quantized
        plain: Tensor = self.network(self.normalization(self.features))
        return plain

    def loss(self, logits: Tensor) -> Tensor:
        """Cross-entropy of each clip's highest logits, as command words have it."""
        clips = torch.stack([part.amax(1) for part in self.windows.cut(logits, CLIPS)], 1)
        return nn.functional.cross_entropy(clips.flatten(0, 1), self.labels)

    def run(self, clock: _Clock) -> None:
        """Train on one batch; in float, or on the engine's own logits."""
        with clock("batch"):
            with clock("forward"):
                logits = self.logits()
            with clock("loss"):
                loss = self.loss(logits)
            with clock("backward"):
                self.optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
            with clock("optimizer"):
                nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
                self.optimizer.step()
        if self.is_quantized:
            model = model_file.parse(self.quantized.encode())
            with clock("engine"):
                batch.network_batch(model, self.features, hidden=True, threads=1)


def bench_parts(rounds: int) -> Found:
    """The CPU time of a batch of the command words' recipes, and each part's share of it."""
    figures = []
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for name, sizes in NETWORKS.items():
            for kind in ("float", "quantized"):
                batch, clock = _Batch(*sizes, quantized=kind == "quantized"), _Clock()
                batch.run(_Clock())
                for _ in range(10 * rounds):
                    batch.run(clock)
                figures += _figures(f"{name}, {kind}", clock.taken)
    return figures, [
        f"{STREAMS} streams of {CLIPS} clips; the engine's share is a part of forward's.",
    ]


def _figures(prefix: str, taken: Timings) -> list[Figure]:
    whole = median(taken, "batch")
    figures = [Figure(f"batch of {prefix}", whole * 1e3, "ms of CPU")]
    for part in (*PARTS, "engine"):
        if part in taken:
            share = 100 * median(taken, part) / whole
            figures.append(Figure(f"batch of {prefix}: {part}", share, "% of it"))
    return figures
