"""Teachers of a wake word: larger float networks, whose mean score a small one learns.

Two trainings of one kilobyte that differ in nothing but their seed fire at different sounds; the
mean of several fires at what they agree on. What is learnt is the smoothed score of every frame,
for it is the score that the detector sees: most where the teachers come near a detection.

Source: Hinton et al., "Distilling the knowledge in a neural network", arXiv:1503.02531, for an
ensemble as the teacher.
"""

import dataclasses
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kws.engine import batch
from kws.network import fit
from kws.network.network import Network, parameters
from kws.network.quantized import Normalization
from kws.settings.compression import CompressionConfig
from kws.settings.model import DetectorConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.schedule import DistillationConfig
from kws.support.parallel import run_each
from kws.support.progress import progress
from kws.training.feature_store import Examples, FeatureStore, cache_key
from kws.training.metrics import FLOAT, Metrics
from kws.training.prepare import is_long
from kws.training.run_folder import RunFolder
from kws.training.task import Task
from kws.training.teacher_answers import is_trained, kept_answers
from kws.training.teachers import FIRST_SEED, LARGEST_BYTES
from kws.training.trainer import Trainer
from kws.training.wake import WakeTask
from kws.training.wake_loss import smoothed

UNSURE_FRAMES = 10  # of a window's start, where a teacher has heard too little
LARGEST_SCORE = 9.0  # log-odds beyond which nobody asks how sure
ROWS_AT_ONCE = 256


def teacher_recipe(recipe: Recipe, index: int) -> Recipe:
    """Return the recipe of a teacher: the windows of `recipe`, sizes and a seed of its own."""
    config = recipe.distillation
    return dataclasses.replace(
        recipe,
        name=f"teacher{index}",
        seed=FIRST_SEED + index,
        max_bytes=LARGEST_BYTES,
        network=NetworkConfig(hidden=config.hidden, rank_w=config.rank_w, rank_u=config.rank_u),
        compression=CompressionConfig(),
        schedule=config.schedule_of(recipe.schedule),
        distillation=DistillationConfig(),
        detector=DetectorConfig(smoothing_shift=recipe.detector.smoothing_shift),
    )


def train_teacher(recipe: Recipe, cache: Path, folder: Path) -> None:
    """Train one teacher into a folder, unless it is there."""
    run = RunFolder(folder)
    if run.finished(recipe) is not None:
        return
    run.make()
    task = WakeTask(recipe, cache)
    network = fit.untrained(recipe, len(task.classes))
    store = FeatureStore(cache, task.identity)
    trainer = Trainer(recipe, task, network, folder, store=store)
    trainer.run()
    digest = run.write_network(recipe, network)
    loss = trainer.state.best_figures["validation_loss"]
    metrics = Metrics(
        parameters=parameters(network),
        seed=recipe.seed,
        training_seconds=round(trainer.state.seconds),
        validation={"validation_loss": loss},
        epochs=len(trainer.state.history),
        evaluations=({"name": "validation", "validation_loss": loss},),
        measured=FLOAT,
        network_sha256=digest,
    )
    run.write_results(recipe, metrics)


class WakeTeachers:
    """The teachers of a recipe, trained where they are not in the cache yet, and their answers."""

    def __init__(
        self, recipe: Recipe, task: Task, cache: Path, *, say: Callable[[str], None] = print
    ) -> None:
        """`task`: the windows that the network learns, too. Errors are those of a training."""
        self.config, self._recipe = recipe.distillation, recipe
        self._shift = recipe.detector.smoothing_shift
        self._copies = FeatureStore(cache, task.identity)
        self._task = task
        self._recipes = [teacher_recipe(recipe, index) for index in range(self.config.teachers)]
        self._folders = [self._kept(cache, each.to_toml()) for each in self._recipes]
        wanted = [
            (each, cache, folder)
            for each, folder in zip(self._recipes, self._folders, strict=True)
            if not is_trained(folder, each, len(task.classes))
        ]
        if wanted:
            run_each(train_teacher, wanted, "Training the teachers", apart=is_long(recipe))
        losses = [self._loss_of(folder) for folder in self._folders]
        say(
            f"Taught by {len(losses)} networks of {self.config.hidden} units, validation loss "
            f"{', '.join(f'{loss:.4f}' for loss in losses)}."
        )
        self._answers = self._kept(cache, "".join(each.to_toml() for each in self._recipes))
        for index in progress(range(recipe.schedule.versions), label="Asking the teachers"):
            self.answers(index, 1)

    def _kept(self, cache: Path, what: str) -> Path:
        key = cache_key(f"{self._task.identity}\n{what}")
        return cache / f"teacher-{key}"

    @staticmethod
    def _loss_of(folder: Path) -> float:
        metrics = RunFolder(folder).metrics()
        assert metrics is not None  # it is finished
        return metrics.validation["validation_loss"]

    @cached_property
    def _networks(self) -> list[Network]:
        networks = []
        silence = self._normalize(batch.silence(self._recipe.features))
        for recipe, folder in zip(self._recipes, self._folders, strict=True):
            network = fit.untrained(recipe, 1)
            RunFolder(folder).load_network(network)
            network.begin_at_rest(silence)
            networks.append(network.eval())
        return networks

    @cached_property
    def _normalize(self) -> Normalization:
        return Normalization.of(self._copy(0)[0])

    def _copy(self, index: int) -> Examples:
        return self._copies(index, self._task.blocks)

    def answers(self, index: int, clips: int) -> np.ndarray:
        """Return the mean logit of every frame of copy `index`: (rows, frames) float16.

        `clips` is 1: a window is no stream. CorpusError where they cannot be kept.
        """
        return kept_answers(self._answers, index, lambda: self._asked(index))

    def _asked(self, index: int) -> Tensor:
        features, _ = self._copy(index)
        parts = []
        with torch.no_grad():
            for first in range(0, len(features), ROWS_AT_ONCE):
                inputs = self._normalize(features[first : first + ROWS_AT_ONCE])
                each = [network(inputs)[:, :, 0] for network in self._networks]
                parts.append(torch.stack(each).mean(0))
        return torch.cat(parts)

    def loss(self, labelled: Tensor, logits: Tensor, answers: np.ndarray) -> Tensor:
        """Mix the loss by labels with the distance of the scores, by the recipe's share.

        logits: (windows, frames, 1) float32; answers: (windows, frames). Huber's loss of the
        smoothed log-odds, weighed by how near the teachers are to a detection.
        """
        given = torch.from_numpy(answers.astype(np.float32))
        own = smoothed(logits[:, :, 0], self._shift)[:, UNSURE_FRAMES:]
        wanted = smoothed(given, self._shift)[:, UNSURE_FRAMES:]
        weight = 0.05 + torch.sigmoid(wanted + 3)
        distance = nn.functional.huber_loss(
            own.clamp(-LARGEST_SCORE, LARGEST_SCORE),
            wanted.clamp(-LARGEST_SCORE, LARGEST_SCORE),
            reduction="none",
        )
        soft = (weight * distance).sum() / weight.sum()
        return (1 - self.config.share) * labelled + self.config.share * soft
