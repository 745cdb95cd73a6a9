"""What one teacher answers to the copies of a training set, asked once and kept."""

import io
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kws.corpus.listing import UNKNOWN
from kws.engine import batch
from kws.errors import ConfigError, CorpusError
from kws.network.fit import untrained
from kws.network.network import Network
from kws.network.quantized import Normalization
from kws.settings.recipe import Recipe
from kws.support import cache
from kws.support.notices import Notice, tell
from kws.support.sealed import content_of, sealing
from kws.training.distributed import device_of
from kws.training.feature_store import Examples
from kws.training.run_folder import RunFolder
from kws.training.task import ClipTask

ROWS_AT_ONCE = 32  # a convolutional layer of more falls out of the cache: twice the time


class Copies:
    """A task's copies, not kept but for the last: several networks are asked about each in turn."""

    def __init__(self, task: ClipTask) -> None:
        """`task`: whose copies these are."""
        self._task = task
        self._last: tuple[int, Examples] | None = None

    def __call__(self, index: int) -> Examples:
        """Return copy `index`."""
        if self._last is None or self._last[0] != index:
            features, labels = zip(*self._task.blocks(index), strict=True)
            self._last = index, (np.concatenate(features), np.concatenate(labels))
        return self._last[1]


class TrainedTeacher:
    """One trained network, and its answers to each copy of the training set."""

    def __init__(
        self,
        network: Network,
        task: ClipTask,
        copies: Callable[[int], Examples],
        folder: Path,
        classes: tuple[str, ...],
    ) -> None:
        """`folder`: where its answers are kept. `classes`: its own, the task's or more words."""
        self._task, self._copies, self._folder = task, copies, folder
        self._merging = merging(classes, task.classes)
        self._device = device_of(network)
        self._network = network.eval().to(self._device)

    @cached_property
    def _normalize(self) -> Normalization:
        normalize = Normalization.of(self._copies(0)[0])
        silence = batch.silence(self._task.recipe.features)
        self._network.begin_at_rest(normalize(silence, self._device))
        return normalize

    def logits(self, index: int) -> np.ndarray:
        """Return (clips, classes) float16 for copy `index`, kept from the first time on.

        CorpusError where they cannot be written.
        """
        return kept_answers(self._folder, index, lambda: self._asked(index))

    def _asked(self, index: int) -> Tensor:
        normalize = self._normalize
        features, labels = self._copies(index)
        parts = []
        with torch.no_grad():
            for first in range(0, len(features), ROWS_AT_ONCE):
                inputs = normalize(features[first : first + ROWS_AT_ONCE], self._device)
                answers = self._task.answers(self._network(inputs), labels.shape[1])
                parts.append(answers.flatten(0, 1).cpu())
        return torch.cat(parts)

    def posteriors(self, index: int, temperature: float) -> Tensor:
        """Return (clips, the task's classes) float32 for copy `index`, at a temperature."""
        softened = torch.from_numpy(self.logits(index).astype(np.float32)).div(temperature)
        return softened.softmax(-1) @ self._merging


def is_trained(folder: Path, recipe: Recipe, classes: int) -> bool:
    """Whether a teacher lies in its folder of the cache; a damaged one is removed, which is told.

    recipe: the teacher's own, by which its folder is named.
    """
    run = RunFolder(folder)
    try:
        if run.finished_or_free(recipe) is None:
            return False
        run.load_network(untrained(recipe, classes))
    except ConfigError:
        tell(Notice("damaged", f"the teacher in {folder} is damaged and trained anew"))
        shutil.rmtree(folder)
        return False
    return True


def kept_answers(folder: Path, index: int, ask: Callable[[], Tensor]) -> np.ndarray:
    """Return the answers to copy `index`, float16, kept below a folder of the cache once asked for.

    CorpusError where they cannot be written.
    """
    path = folder / "logits" / f"{index:04d}.npy"
    stored = content_of(path)
    if stored is not None:
        cache.used(folder)
        kept: np.ndarray = np.load(io.BytesIO(stored))
        return kept
    if path.exists():
        tell(Notice("damaged", f"{path} is damaged: the teacher is asked again"))
    cache.make_room(folder.parent, keep=folder)
    made: np.ndarray = ask().numpy().astype(np.float16)
    with sealing(path, CorpusError) as file:
        np.save(file, made)
    return made


def merging(given: tuple[str, ...], wanted: tuple[str, ...]) -> Tensor:
    """Return (given, wanted) 0 and 1: which class each becomes, unknown where it is not wanted."""
    column = {name: index for index, name in enumerate(wanted)}
    becomes = torch.zeros(len(given), len(wanted))
    for row, name in enumerate(given):
        becomes[row, column[name if name in column else UNKNOWN]] = 1
    return becomes
