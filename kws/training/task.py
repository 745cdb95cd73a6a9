"""What the training loop asks of a task, and of those that teach."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from torch import Tensor

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


class Teacher(Protocol):
    """What the loop asks of those who know better than the labels alone."""

    def answers(self, index: int, clips: int) -> np.ndarray:
        """Return what they answer to a copy of the training set: (rows, clips, classes) float32."""

    def loss(self, labelled: Tensor, logits: Tensor, answers: np.ndarray) -> Tensor:
        """Return the loss by labels, mixed with that by the answers to these rows."""
