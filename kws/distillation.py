"""Teachers: larger networks, whose mean answer a small one learns beside the labels.

They are float networks, trained once for a training set and kept in the cache with their answers to
every copy of it, where all seeds and sizes find them. Networks of two kinds err apart: FastGRNN,
which hears a stream, and DS-CNN, which sees each clip as a picture.

Source: Hinton et al., "Distilling the knowledge in a neural network", arXiv:1503.02531.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kws import engine
from kws.command_task import CommandTask
from kws.comparison import compare, network_of
from kws.compress import CompressionConfig, Normalization
from kws.config import DetectorConfig
from kws.errors import CorpusError
from kws.feature_store import Examples, FeatureStore
from kws.files import replacing
from kws.peers import BATCH_SIZE, DS_CNN_CHANNELS, DS_CNN_MFCC, DS_CNN_RATE
from kws.progress import progress
from kws.recipe import DistillationConfig, NetworkConfig, Recipe, ScheduleConfig
from kws.stages import stages_of

LARGEST_BYTES = 65_535
FIRST_SEED = 1000  # apart from those of the networks that are taught
ROWS_AT_ONCE = 128


def teacher_recipe(recipe: Recipe, index: int) -> Recipe:
    """Return the recipe of a teacher: the clips of `recipe`, sizes of its own.

    The first `teachers` are recurrent and take its features, too; the others are convolutional.
    """
    config = recipe.distillation
    plain = dataclasses.replace(
        recipe,
        name=f"teacher{index}",
        seed=FIRST_SEED + index,
        max_bytes=LARGEST_BYTES,
        compression=CompressionConfig(),
        distillation=DistillationConfig(),
        detector=DetectorConfig(),
    )
    schedule = ScheduleConfig(quantized_epochs=0, versions=recipe.schedule.versions)
    if index < config.teachers:
        return dataclasses.replace(
            plain,
            network=NetworkConfig(hidden=config.hidden, rank_w=config.rank_w, rank_u=config.rank_u),
            schedule=dataclasses.replace(
                schedule, float_epochs=config.epochs, dropout=config.dropout
            ),
        )
    return dataclasses.replace(
        plain,
        data=dataclasses.replace(recipe.data, stream_clips=1),
        features=dataclasses.replace(recipe.features, n_mfcc=DS_CNN_MFCC, energy="absolute"),
        network=NetworkConfig(cell="ds_cnn", hidden=DS_CNN_CHANNELS),
        schedule=dataclasses.replace(
            schedule,
            float_epochs=config.convolutional_epochs,
            batch_size=BATCH_SIZE,
            learning_rate=DS_CNN_RATE,
        ),
    )


class ApartTask(CommandTask):
    """The very clips of another task's streams, each by itself."""

    def __init__(self, streams: CommandTask, recipe: Recipe, cache: Path | None) -> None:
        """`recipe`: that of the streams, but for its features and `stream_clips` of 1."""
        super().__init__(recipe, cache)
        self._streams = streams

    @cached_property
    def identity(self) -> str:
        """Everything that decides what the versions hold: the streams' draw is part of it."""
        return f"apart {self.recipe.features} {self._streams.identity}"

    def blocks(self, index: int) -> Iterator[Examples]:
        """Features (clips, frames, n_features) int16 and labels (clips, 1), in streams' order."""
        for clips, labels in self._streams.clips(index):
            yield engine.features_batch(clips, self.recipe.features), labels[:, None]


class _Teacher:
    """One trained network, and its answers to each copy of the training set."""

    def __init__(self, recipe: Recipe, task: CommandTask, folder: Path, cache: Path) -> None:
        """Trained where it is not in `folder` yet."""
        self._task, self._folder = task, folder
        self.figures = compare(recipe, task, folder, cache=cache)
        self._network = network_of(recipe, task, folder).eval()
        self._store = FeatureStore(cache, task.identity)

    @cached_property
    def _normalize(self) -> Normalization:
        return Normalization.of(self._store(0, self._task.blocks)[0])

    def logits(self, index: int) -> np.ndarray:
        """Return (clips, classes) float16 for copy `index`, kept from the first time on.

        CorpusError where they cannot be written.
        """
        path = self._folder / "logits" / f"{index:04d}.npy"
        try:
            kept: np.ndarray = np.load(path)
        except (OSError, ValueError, EOFError):
            kept = np.empty(0)
        if kept.ndim == 2:
            return kept
        features, labels = self._store(index, self._task.blocks)
        parts = []
        with torch.no_grad():
            for first in range(0, len(features), ROWS_AT_ONCE):
                logits = self._network(self._normalize(features[first : first + ROWS_AT_ONCE]))
                parts.append(self._task.answers(logits, labels.shape[1]).flatten(0, 1))
        made: np.ndarray = torch.cat(parts).numpy().astype(np.float16)
        with replacing(path, CorpusError) as file:
            np.save(file, made)
        return made


class Teachers:
    """The teachers of a recipe, trained where they are not in the cache yet."""

    def __init__(
        self, recipe: Recipe, task: CommandTask, cache: Path, *, say: Callable[[str], None] = print
    ) -> None:
        """`task`: the clips that the network learns, too. Errors are those of a training."""
        self._task, self.config = task, recipe.distillation
        self.each = []
        total = self.config.total
        shown = task
        for index in range(total):
            own = teacher_recipe(recipe, index)
            if index == self.config.teachers:
                shown = ApartTask(task, own, cache)  # for this one and all that follow
            text = shown.identity + own.to_toml()
            name = f"teacher-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
            teacher = _Teacher(own, shown, cache / name, cache)
            self.each.append(teacher)
            say(
                f"Teacher {index + 1} of {total}: {own.network.cell} with "
                f"{teacher.figures['parameters']:,} parameters, "
                f"{100 * teacher.figures['validation']:.2f} % of validation."
            )
        epochs = sum(stage.epochs for stage in stages_of(recipe))
        copies = min(recipe.schedule.versions, epochs)
        for index in progress(range(copies), label="Asking the teachers", unit="copies"):
            self._logits(index)

    def _logits(self, index: int) -> list[np.ndarray]:
        return [teacher.logits(index) for teacher in self.each]

    def answers(self, index: int, clips: int) -> np.ndarray:
        """Return the mean posteriors at the recipe's temperature for copy `index`.

        clips: in a stream. Returns (streams, clips, classes) float32.
        """
        softened = np.stack(self._logits(index)).astype(np.float32) / self.config.temperature
        mean = torch.from_numpy(softened).softmax(-1).mean(0)
        posteriors: np.ndarray = mean.reshape(-1, clips, mean.shape[-1]).numpy()
        return posteriors

    def loss(self, labelled: Tensor, logits: Tensor, answers: np.ndarray) -> Tensor:
        """Mix the loss by labels with the divergence from the answers, by the recipe's share.

        logits: (streams, frames, classes) float32; answers: (streams, clips, classes).
        """
        config, given = self.config, torch.from_numpy(answers)
        own = self._task.answers(logits, given.shape[1]).div(config.temperature).log_softmax(-1)
        divergence = nn.functional.kl_div(
            own.flatten(0, 1), given.flatten(0, 1), reduction="batchmean"
        )
        # As large as at temperature 1, so that `share` means the same at any.
        return (1 - config.share) * labelled + config.share * config.temperature**2 * divergence
