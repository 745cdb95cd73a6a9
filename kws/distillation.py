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

from kws import engine
from kws.command_task import CommandTask
from kws.comparison import CONFIG, NETWORK, compare, network_of
from kws.compress import CompressionConfig, Normalization
from kws.config import DetectorConfig, FeatureConfig, check
from kws.corpus import SILENCE, UNKNOWN
from kws.distributed import device_of
from kws.errors import ConfigError, CorpusError
from kws.fastgrnn import Network, parameters
from kws.feature_store import Examples, FeatureStore
from kws.files import replacing
from kws.model_file import MODELS
from kws.peers import BATCH_SIZE, DS_CNN_CHANNELS, DS_CNN_MFCC, DS_CNN_RATE
from kws.progress import progress
from kws.recipe import DistillationConfig, NetworkConfig, Recipe, ScheduleConfig, load_recipe
from kws.stages import stages_of

LARGEST_BYTES = 65_535
FIRST_SEED = 1000  # apart from those of the networks that are taught
ROWS_AT_ONCE = 32  # a convolutional layer of more falls out of the cache: twice the time


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


def find_network(name: str) -> Path:
    """Return the folder of a finished network: a path, or a name under models/; ConfigError."""
    for folder in (Path(name), *(models / name for models in MODELS)):
        if (folder / NETWORK).is_file() and (folder / CONFIG).is_file():
            return folder
    raise ConfigError(
        f"There is no trained network {name!r}: `networks` names folders with {NETWORK} and "
        f"{CONFIG}; without any, teachers = 4 trains others."
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


class _Copies:
    """A task's copies, not kept but for the last: several networks are asked about each in turn."""

    def __init__(self, task: CommandTask) -> None:
        """`task`: whose copies these are."""
        self._task = task
        self._last: tuple[int, Examples] | None = None

    def __call__(self, index: int) -> Examples:
        """Return copy `index`."""
        if self._last is None or self._last[0] != index:
            features, labels = zip(*self._task.blocks(index), strict=True)
            self._last = index, (np.concatenate(features), np.concatenate(labels))
        return self._last[1]


class _Teacher:
    """One trained network, and its answers to each copy of the training set."""

    def __init__(
        self,
        network: Network,
        task: CommandTask,
        copies: Callable[[int], Examples],
        folder: Path,
        classes: tuple[str, ...],
    ) -> None:
        """`folder`: where its answers are kept. `classes`: its own, the task's or more words."""
        self._task, self._copies, self._folder = task, copies, folder
        self._merging = _merging(classes, task.classes)
        self._device = device_of(network)
        self._network = network.eval().to(self._device)

    @cached_property
    def _normalize(self) -> Normalization:
        return Normalization.of(self._copies(0)[0])

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
        normalize = self._normalize
        features, labels = self._copies(index)
        parts = []
        with torch.no_grad():
            for first in range(0, len(features), ROWS_AT_ONCE):
                inputs = normalize(features[first : first + ROWS_AT_ONCE], self._device)
                answers = self._task.answers(self._network(inputs), labels.shape[1])
                parts.append(answers.flatten(0, 1).cpu())
        made: np.ndarray = torch.cat(parts).numpy().astype(np.float16)
        with replacing(path, CorpusError) as file:
            np.save(file, made)
        return made

    def posteriors(self, index: int, temperature: float) -> Tensor:
        """Return (clips, the task's classes) float32 for copy `index`, at a temperature."""
        softened = torch.from_numpy(self.logits(index).astype(np.float32)).div(temperature)
        return softened.softmax(-1) @ self._merging


def _merging(given: tuple[str, ...], wanted: tuple[str, ...]) -> Tensor:
    """Return (given, wanted) 0 and 1: which class each becomes, unknown where it is not wanted."""
    column = {name: index for index, name in enumerate(wanted)}
    merging = torch.zeros(len(given), len(wanted))
    for row, name in enumerate(given):
        merging[row, column[name if name in column else UNKNOWN]] = 1
    return merging


class Teachers:
    """The teachers of a recipe, trained where they are not in the cache yet."""

    def __init__(
        self, recipe: Recipe, task: CommandTask, cache: Path, *, say: Callable[[str], None] = print
    ) -> None:
        """`task`: the clips that the network learns, too. Errors are those of a training."""
        self._task, self.config = task, recipe.distillation
        self._recipe, self._cache, self._say = recipe, cache, say
        self._apart: dict[FeatureConfig, tuple[ApartTask, _Copies]] = {}
        self.each = [self._finished(find_network(name)) for name in self.config.networks]
        self.each += map(self._trained, range(self.config.trained))
        epochs = sum(stage.epochs for stage in stages_of(recipe))
        copies = min(recipe.schedule.versions, epochs)
        for index in progress(range(copies), label="Asking the teachers", unit="copies"):
            for teacher in self.each:
                teacher.logits(index)

    def _shown(self, recipe: Recipe) -> tuple[CommandTask, _Copies]:
        """Return the clips as a teacher of this recipe hears them."""
        if recipe.data.stream_clips > 1:
            return self._task, _Copies(self._task)
        features = recipe.features
        if features not in self._apart:
            data = dataclasses.replace(self._recipe.data, stream_clips=1)
            own = dataclasses.replace(self._recipe, features=features, data=data)
            task = ApartTask(self._task, own, self._cache)
            self._apart[features] = task, _Copies(task)
        return self._apart[features]

    def _finished(self, folder: Path) -> _Teacher:
        """A network that is there already."""
        recipe = load_recipe(folder / CONFIG)
        classes = (*recipe.words, UNKNOWN, SILENCE)
        unheard = sorted(set(self._task.classes) - set(classes))
        check(
            not unheard,
            f"The network in {folder} does not know {', '.join(unheard)}, so it cannot teach them; "
            "leave it out of `networks` and set teachers = 4, or use --teachers 4.",
        )
        task, copies = self._shown(recipe)
        network = network_of(recipe, len(classes), folder).eval()
        self._say(f"Taught by {folder}: {recipe.network.cell}, {parameters(network):,} parameters.")
        content = hashlib.sha256((folder / NETWORK).read_bytes()).hexdigest()
        return _Teacher(network, task, copies, self._kept(task.identity + content), classes)

    def _trained(self, index: int) -> _Teacher:
        own = teacher_recipe(self._recipe, index)
        task, _ = self._shown(own)
        folder = self._kept(task.identity + own.to_toml())
        figures = compare(own, task, folder, cache=self._cache)
        self._say(
            f"Teacher {index + 1} of {self.config.trained}: {own.network.cell} with "
            f"{figures['parameters']:,} parameters, "
            f"{100 * figures['validation']:.2f} % of validation."
        )
        store = FeatureStore(self._cache, task.identity)
        copies = partial(store, blocks=task.blocks)
        network = network_of(own, len(task.classes), folder)
        return _Teacher(network, task, copies, folder, task.classes)

    def _kept(self, identity: str) -> Path:
        return self._cache / f"teacher-{hashlib.sha256(identity.encode()).hexdigest()[:24]}"

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
