"""Teachers: larger networks, whose mean answer a small one learns beside the labels.

They are float networks, trained once for a training set and kept in the cache with their answers to
every copy of it, where all seeds and sizes find them.

Source: Hinton et al., "Distilling the knowledge in a neural network", arXiv:1503.02531.
"""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kws.command_task import CommandTask
from kws.comparison import compare, network_of
from kws.compress import CompressionConfig, Normalization
from kws.config import DetectorConfig
from kws.errors import CorpusError
from kws.files import replacing
from kws.recipe import DistillationConfig, NetworkConfig, Recipe, ScheduleConfig

LARGEST_BYTES = 65_535
FIRST_SEED = 1000  # apart from those of the networks that are taught
ROWS_AT_ONCE = 128


def teacher_recipe(recipe: Recipe, index: int) -> Recipe:
    """Return the recipe of a teacher: the clips and features of `recipe`, sizes of its own."""
    config = recipe.distillation
    return dataclasses.replace(
        recipe,
        name=f"teacher{index}",
        seed=FIRST_SEED + index,
        max_bytes=LARGEST_BYTES,
        network=NetworkConfig(hidden=config.hidden, rank_w=config.rank_w, rank_u=config.rank_u),
        compression=CompressionConfig(),
        schedule=ScheduleConfig(
            float_epochs=config.epochs,
            quantized_epochs=0,
            versions=recipe.schedule.versions,
            dropout=config.dropout,
        ),
        distillation=DistillationConfig(),
        detector=DetectorConfig(),
    )


class Teachers:
    """The teachers of a recipe, trained where they are not in the cache yet."""

    def __init__(
        self, recipe: Recipe, task: CommandTask, cache: Path, *, say: Callable[[str], None] = print
    ) -> None:
        """`task`: the clips that the network learns, too. Errors are those of a training."""
        self._task, self.config = task, recipe.distillation
        recipes = [teacher_recipe(recipe, i) for i in range(self.config.teachers)]
        text = task.identity + recipes[0].to_toml()
        folder = cache / f"teachers-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
        self.networks = []
        for index, each in enumerate(recipes):
            figures = compare(each, task, folder / str(index), cache=cache)
            say(
                f"Teacher {index + 1} of {len(recipes)}: {figures['parameters']:,} parameters, "
                f"{100 * figures['validation']:.2f} % of validation."
            )
            self.networks.append(network_of(each, task, folder / str(index)).eval())
        kept = f"answers-{len(recipes)}-{self.config.temperature:g}"
        self._folder = folder / kept

    def answers(self, index: int, features: np.ndarray, normalize: Normalization) -> np.ndarray:
        """Return the mean posteriors of copy `index`, at the recipe's temperature.

        features: (streams, frames, n_features) int16. Returns (streams, clips, classes) float16,
        from the cache where they are there. CorpusError where they cannot be written.
        """
        path = self._folder / f"{index:04d}.npy"
        try:
            kept: np.ndarray = np.load(path)
        except (OSError, ValueError, EOFError):
            kept = np.empty(0)
        if kept.ndim == 3 and len(kept) == len(features):
            return kept
        parts = [
            self._posteriors(normalize(features[first : first + ROWS_AT_ONCE]))
            for first in range(0, len(features), ROWS_AT_ONCE)
        ]
        made = np.concatenate(parts).astype(np.float16)
        with replacing(path, CorpusError) as file:
            np.save(file, made)
        return made

    def _posteriors(self, inputs: Tensor) -> np.ndarray:
        clips = self._task.recipe.data.stream_clips
        with torch.no_grad():
            logits = [self._task.answers(network(inputs), clips) for network in self.networks]
            total = torch.stack(logits).div(self.config.temperature).softmax(-1).mean(0)
        return total.numpy()

    def loss(self, labelled: Tensor, logits: Tensor, answers: np.ndarray) -> Tensor:
        """Mix the loss by labels with the divergence from the answers, by the recipe's share.

        logits: (streams, frames, classes) float32; answers: (streams, clips, classes).
        """
        config, given = self.config, torch.from_numpy(answers.astype(np.float32))
        own = self._task.answers(logits, given.shape[1]).div(config.temperature).log_softmax(-1)
        divergence = nn.functional.kl_div(
            own.flatten(0, 1), given.flatten(0, 1), reduction="batchmean"
        )
        # As large as at temperature 1, so that `share` means the same at any.
        return (1 - config.share) * labelled + config.share * config.temperature**2 * divergence
