"""What the training loop, `kws train` and teachers ask of a task."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor

from kws.audio.samples import Samples
from kws.corpus.labelled import LabelledClips
from kws.settings.model import DetectorConfig
from kws.settings.recipe import Recipe
from kws.training.feature_store import Examples

Run = Callable[[np.ndarray], np.ndarray]  # features -> logits (n, frames, classes), float32


class Task(Protocol):
    """What the loop asks of a task."""

    classes: tuple[str, ...]

    @property
    def identity(self) -> str:
        """Everything that decides what the versions hold."""

    def blocks(self, index: int) -> Iterator[Examples]:
        """Yield one augmented copy of the training set; the same index gives the same copy."""

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of (batch, frames, classes) logits."""

    def validate(self, run: Run, model: bytes | None) -> dict[str, float]:
        """Return validation figures: `score` (higher is better) and others to log.

        `run` gives logits; `model` is the file, once there is one.
        """


class ClipTask(Task, Protocol):
    """Labelled clips, which several networks can be asked about."""

    recipe: Recipe
    validation: LabelledClips
    testing: LabelledClips

    def clips(self, index: int) -> Iterator[tuple[Samples, np.ndarray]]:
        """Yield a copy's clips (n, samples) int16 in the order of their streams, and labels."""

    def readout(self, logits: Tensor) -> Tensor:
        """Return a clip's logits, of those of its frames."""

    def answers(self, logits: Tensor, clips: int) -> Tensor:
        """Return each clip's logits (streams, clips, classes), of (streams, frames, classes)."""


class ShippedTask(Task, Protocol):
    """What `kws train` asks of a task besides: how its model is made ready, measured and drawn."""

    can_teach: ClassVar[bool]  # whether a network that ships no bytes is of use

    @property
    def taught(self) -> ClipTask | None:
        """The clips that teachers are asked about; None where nobody can teach."""

    def detector(self, model: bytes) -> DetectorConfig:
        """Return the detector that ships with this model."""

    def evaluations(self, model: bytes) -> Sequence[Mapping[str, Any]]:
        """Measure a model file on what is held out, through the C engine."""

    def draw(self, evaluations: Sequence[Mapping[str, Any]], folder: Path) -> None:
        """Draw what was measured."""


class Teacher(Protocol):
    """What the loop asks of those who know better than the labels alone."""

    def answers(self, index: int, clips: int) -> np.ndarray:
        """Return what they answer to a copy of the training set: (rows, clips, classes) float32."""

    def loss(self, labelled: Tensor, logits: Tensor, answers: np.ndarray) -> Tensor:
        """Return the loss by labels, mixed with that by the answers to these rows."""
