"""A task of random features that a network learns in a second, and kills at a chosen epoch."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kws.network.network import Network
from kws.settings.compression import CompressionConfig
from kws.settings.model import FeatureConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.schedule import ScheduleConfig
from kws.training.feature_store import Examples
from kws.training.task import Run
from kws.training.trainer import Trainer

SPARSE = CompressionConfig(w="sparse8", u="sparse8", density_w=0.4, density_u=0.3)
SHORT = ScheduleConfig(
    float_epochs=2,
    thresholding_epochs=3,
    fixed_support_epochs=2,
    quantized_epochs=3,
    batch_size=16,
    versions=3,
)


class Toy:
    """Two classes of random features that a network can tell apart; validation as told."""

    classes: tuple[str, ...] = ("rising", "falling")

    def __init__(
        self, scores: Iterable[float] | None = None, *, clips: int = 48, seed: int = 0
    ) -> None:
        self.scores, self.clips, self.seed = iter(scores or ()), clips, seed
        self.made: list[int] = []
        self.validated: list[bytes | None] = []

    def version(self, index: int) -> Examples:
        self.made.append(index)
        rng = np.random.default_rng([self.seed, index])
        labels = rng.integers(0, 2, self.clips)
        slope = np.linspace(-300, 300, 10)[None, :, None] * (1 - 2 * labels)[:, None, None]
        features = slope + rng.normal(0, 200, (self.clips, 10, 6))
        return features.astype(np.int16), labels

    identity = "a toy"

    def blocks(self, index: int) -> Iterator[Examples]:
        features, labels = self.version(index)
        yield features[:20], labels[:20]
        yield features[20:], labels[20:]

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits.amax(1), labels)

    def validate(self, run: Run, model: bytes | None) -> dict[str, float]:
        features, labels = self.version(99)
        self.threads = torch.get_num_threads()
        logits = torch.from_numpy(run(features))
        self.validated.append(model)
        accuracy = (logits.amax(1).argmax(1).numpy() == labels).mean().item()
        return {"score": next(self.scores, accuracy), "accuracy": accuracy}


def recipe_of(
    schedule: ScheduleConfig = SHORT, compression: CompressionConfig | None = None, **network: Any
) -> Recipe:
    return Recipe(
        task="commands",
        name="toy",
        words=("rising",),
        features=FeatureConfig(n_mfcc=6),
        network=NetworkConfig(**{"hidden": 8, "rank_w": 3, "rank_u": 4, **network}),
        compression=compression or CompressionConfig(),
        schedule=schedule,
    )


def make(
    recipe: Recipe,
    folder: Path,
    task: Any = None,
    *,
    seed: int = 0,
    log: Callable[[Any], None] = lambda row: None,
) -> Trainer:
    torch.manual_seed(seed)
    task, sizes = task or Toy(), recipe.network
    network = Network(
        cell=sizes.cell,
        n_features=6,
        hidden=sizes.hidden,
        classes=len(task.classes),
        ranks=(sizes.rank_w, sizes.rank_u),
    )
    return Trainer(recipe, task, network, folder, log=log)


class Killed(Exception):
    pass


def kill_after(epoch: int) -> Callable[[Any], None]:
    """A log that ends the run once this epoch's checkpoint is written."""

    def log(row: Any) -> None:
        if row["epoch"] == epoch:
            raise Killed

    return log


def supports(network: Any) -> dict[str, np.ndarray]:
    factors = {"W": network.cell.W, "U": network.cell.U}
    return {
        f"{name}{i}": (factor != 0).numpy()
        for name, pair in factors.items()
        for i, factor in enumerate(pair)
    }
