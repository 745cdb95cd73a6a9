"""Teachers: larger networks, whose mean answer a small one learns beside the labels.

They are float networks, finished ones (models/commands_teacher) or trained once for a training set
and kept in the cache; there lie their answers to every copy of it, too, where all seeds and sizes
find them. Of those that are trained here two kinds err apart: FastGRNN, which hears a stream, and
DS-CNN, which sees each clip as a picture.

Source: Hinton et al., "Distilling the knowledge in a neural network", arXiv:1503.02531.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kws.corpus.listing import SILENCE, UNKNOWN
from kws.engine import batch
from kws.engine.model_file import MODELS
from kws.errors import ConfigError
from kws.network.network import parameters
from kws.network.peers import BATCH_SIZE, DS_CNN_CHANNELS, DS_CNN_MFCC, DS_CNN_RATE
from kws.settings.checks import check
from kws.settings.compression import CompressionConfig
from kws.settings.model import DetectorConfig, FeatureConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.schedule import DistillationConfig, ScheduleConfig
from kws.settings.stages import stages_of
from kws.settings.toml import load_recipe
from kws.support.progress import progress
from kws.training.commands import CommandTask
from kws.training.comparison import compare, network_of
from kws.training.feature_store import Examples, FeatureStore, cache_key
from kws.training.run_folder import CONFIG, NETWORK, RunFolder
from kws.training.task import ClipTask
from kws.training.teacher_answers import Copies, TrainedTeacher, is_trained

LARGEST_BYTES = 65_535
FIRST_SEED = 1000  # apart from those of the networks that are taught


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
            schedule=config.schedule_of(schedule),
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


def is_network(name: str) -> bool:
    """Whether there is a finished network of this name: a path, or a folder under models/."""
    return any(_folders(name))


def find_network(name: str) -> Path:
    """Return the folder of a finished network, a path or a name under models/; ConfigError."""
    for folder in _folders(name):
        return folder
    raise ConfigError(
        f"There is no trained network {name!r}: `networks` names folders with {NETWORK} and "
        f"{CONFIG}; without any, teachers = 4 trains others."
    )


def _folders(name: str) -> Iterator[Path]:
    for folder in (Path(name), *(models / name for models in MODELS)):
        if RunFolder(folder).has_network:
            yield folder


class ApartTask(CommandTask):
    """The very clips of another task's streams, each by itself."""

    def __init__(self, streams: ClipTask, recipe: Recipe, cache: Path | None) -> None:
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
            yield batch.features_batch(clips, self.recipe.features), labels[:, None]


class Teachers:
    """The teachers of a recipe, trained where they are not in the cache yet."""

    def __init__(
        self, recipe: Recipe, task: ClipTask, cache: Path, *, say: Callable[[str], None] = print
    ) -> None:
        """`task`: the clips that the network learns, too. Errors are those of a training."""
        self._task, self.config = task, recipe.distillation
        self._recipe, self._cache, self._say = recipe, cache, say
        self._apart: dict[FeatureConfig, tuple[ApartTask, Copies]] = {}
        self.each = [self._finished(find_network(name)) for name in self.config.networks]
        self.each += map(self._trained, range(self.config.trained))
        epochs = sum(stage.epochs for stage in stages_of(recipe))
        copies = min(recipe.schedule.versions, epochs)
        for index in progress(range(copies), label="Asking the teachers", unit="copies"):
            for teacher in self.each:
                teacher.logits(index)

    def _shown(self, recipe: Recipe) -> tuple[ClipTask, Callable[[int], Examples]]:
        """Return the clips as a teacher of this recipe hears them, and their copies."""
        if recipe.data.stream_clips > 1:
            return self._task, self._stored(self._task)  # as the network that learns has them
        features = recipe.features
        if features not in self._apart:
            data = dataclasses.replace(self._recipe.data, stream_clips=1)
            own = dataclasses.replace(self._recipe, features=features, data=data)
            task = ApartTask(self._task, own, self._cache)
            self._apart[features] = task, Copies(task)
        return self._apart[features]

    def _finished(self, folder: Path) -> TrainedTeacher:
        """A network that is there already."""
        recipe = load_recipe(folder / CONFIG)
        classes = (*recipe.words, UNKNOWN, SILENCE)
        unheard = sorted(set(self._task.classes) - set(classes))
        check(
            not unheard,
            f"The network in {folder} does not know {', '.join(unheard)}, so it cannot teach them; "
            "leave it out of `networks` and set teachers = 4, or use --teachers 4.",
        )
        wanted, own = self._recipe.features, recipe.features
        check(
            own == wanted
            if recipe.data.stream_clips > 1
            else own.sample_rate_hz == wanted.sample_rate_hz,
            f"The network in {folder} has other features ({own}) than the recipe ({wanted}); only "
            "one that was trained with stream_clips = 1 at the same sample rate may have its own.",
        )
        task, copies = self._shown(recipe)
        network = network_of(recipe, len(classes), folder)
        self._say(f"Taught by {folder}: {recipe.network.cell}, {parameters(network):,} parameters.")
        content = hashlib.sha256((folder / NETWORK).read_bytes()).hexdigest()
        return TrainedTeacher(network, task, copies, self._kept(task.identity + content), classes)

    def _trained(self, index: int) -> TrainedTeacher:
        own = teacher_recipe(self._recipe, index)
        task, _ = self._shown(own)
        folder = self._kept(task.identity + own.to_toml())
        is_trained(folder, own, len(task.classes))  # a damaged one makes way
        figures = compare(own, task, folder, cache=self._cache)
        self._say(
            f"Teacher {index + 1} of {self.config.trained}: {own.network.cell} with "
            f"{figures.parameters:,} parameters, "
            f"{100 * figures.accuracy('validation'):.2f} % of validation."
        )
        network = network_of(own, len(task.classes), folder)
        return TrainedTeacher(network, task, self._stored(task), folder, task.classes)

    def _stored(self, task: ClipTask) -> Callable[[int], Examples]:
        return partial(FeatureStore(self._cache, task.identity), blocks=task.blocks)

    def _kept(self, identity: str) -> Path:
        return self._cache / f"teacher-{cache_key(identity)}"

    def answers(self, index: int, clips: int) -> np.ndarray:
        """Return the mean posteriors at the recipe's temperature for copy `index`.

        clips: in a stream. Returns (streams, clips, classes) float32.
        """
        each = [teacher.posteriors(index, self.config.temperature) for teacher in self.each]
        mean = torch.stack(each).mean(0)
        posteriors: np.ndarray = mean.reshape(-1, clips, mean.shape[-1]).numpy()
        return posteriors

    def loss(self, labelled: Tensor, logits: Tensor, answers: np.ndarray) -> Tensor:
        """Mix the loss by labels with the divergence from the answers, by the recipe's share.

        logits: (streams, frames, classes) float32; answers: (streams, clips, classes).
        """
        config, given = self.config, torch.from_numpy(answers).to(logits.device)
        own = self._task.answers(logits, given.shape[1]).div(config.temperature).log_softmax(-1)
        divergence = nn.functional.kl_div(
            own.flatten(0, 1), given.flatten(0, 1), reduction="batchmean"
        )
        # As large as at temperature 1, so that `share` means the same at any.
        return (1 - config.share) * labelled + config.share * config.temperature**2 * divergence
