"""How long and by what a network is trained, and who teaches it."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from kws.settings.checks import check, check_not_negative
from kws.settings.model import (
    MAX_HIDDEN,
)
from kws.settings.names import OPTIMIZERS


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """The stages of training, in epochs; a stage of 0 epochs is left out.

    The sparse stages only take part where a density is below 1. `versions` is how many differently
    augmented copies of the training set are drawn; epochs take them in turn. `annealing` is the
    learning rate's course in the float stage, one-cycle or cosine; the sparse stages are cosine,
    and the quantized one is cosine or its third power, cosine-cubed.
    With "step", the paper's, it is constant and falls to a tenth after two thirds of the float
    stage, or where there are sparse stages, when the support is found.
    `optimizer`: adamw, or soap, which turns the gradient of each matrix to its eigenvectors first.
    `averaging`: of the weights over the quantized stage's steps, which is what is judged and kept:
    0.999 is of the last thousand, 0 takes them as each step leaves them.
    `settling`: the weight in the loss of how far a state stays from rest in silence; 0 is none.
    `patience` ends a stage after so many epochs without a better validation score; 0 never does.
    `dropout`: share of the units that the float stage hides from the classifier, others in every
    clip. `masked_frames` and `masked_bands`: SpecAugment's widest masks in the float stage, 0 for
    none.
    """

    ANNEALINGS: ClassVar[tuple[str, ...]] = ("one-cycle", "cosine", "step")
    QUANTIZED_ANNEALINGS: ClassVar[tuple[str, ...]] = ("cosine", "cosine-cubed")

    float_epochs: int = 80
    thresholding_epochs: int = 40
    fixed_support_epochs: int = 40
    quantized_epochs: int = 40
    batch_size: int = 128
    optimizer: str = "adamw"
    learning_rate: float = 1e-2
    annealing: str = "one-cycle"
    quantized_learning_rate: float = 3e-3
    quantized_annealing: str = "cosine"
    averaging: float = 0.0
    settling: float = 0.0
    weight_decay: float = 1e-4
    dropout: float = 0.0
    masked_frames: int = 0
    masked_bands: int = 0
    versions: int = 12
    patience: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "versions"):
            value = getattr(self, name)
            check(value >= 1, f"{name} is {value}; give at least 1.")
        for name in ("learning_rate", "quantized_learning_rate"):
            value = getattr(self, name)
            check(0 < value < math.inf, f"{name} is {value}; give a positive number.")
        _check_dropout(self.dropout)
        check(
            0 <= self.averaging < 1,
            f"averaging is {self.averaging}; choose 0 (none) to below 1, such as 0.999.",
        )
        for name, known in (
            ("optimizer", OPTIMIZERS),
            ("annealing", self.ANNEALINGS),
            ("quantized_annealing", self.QUANTIZED_ANNEALINGS),
        ):
            value = getattr(self, name)
            check(value in known, f"{name} is {value!r}; choose one of {', '.join(known)}.")
        check_not_negative(self)


@dataclass(frozen=True, kw_only=True)
class DistillationConfig:
    """Teachers: larger float networks, which answer to the same copies of the clips.

    The network learns their mean answer beside the labels. networks: folders of finished networks
    (or names under models/) that know all its words. teachers: how many FastGRNNs are trained
    first; hidden, rank_w, rank_u, epochs, dropout, masked_frames, masked_bands: theirs.
    convolutional: how many DS-CNN-S, with convolutional_epochs each. None of all learns from the
    labels alone. share: the weight of the answer in the loss; temperature: by which logits are
    divided, so that what is less likely counts too.
    """

    networks: tuple[str, ...] = ()
    teachers: int = 0
    hidden: int = 200
    rank_w: int = 10
    rank_u: int = 50
    epochs: int = 64
    dropout: float = 0.15
    masked_frames: int = 0
    masked_bands: int = 0
    convolutional: int = 0
    convolutional_epochs: int = 40
    share: float = 0.6
    temperature: float = 2.0

    def __post_init__(self) -> None:
        for name in ("teachers", "convolutional"):
            value = getattr(self, name)
            check(0 <= value <= 16, f"{name} is {value}; choose 0 to 16.")
        for name in ("epochs", "convolutional_epochs"):
            value = getattr(self, name)
            check(value >= 1, f"{name} of a teacher is {value}; give at least 1.")
        _check_dropout(self.dropout)
        check(1 <= self.hidden <= MAX_HIDDEN, f"hidden is {self.hidden}; choose 1 to {MAX_HIDDEN}.")
        check(0 <= self.share <= 1, f"share is {self.share}; choose 0 to 1.")
        check(
            0 < self.temperature < math.inf,
            f"temperature is {self.temperature}; give a positive number.",
        )
        check_not_negative(self)

    def schedule_of(self, schedule: ScheduleConfig) -> ScheduleConfig:
        """Return the schedule of a FastGRNN that teaches, from that of its pupil.

        How the pupil is quantized is no part of it: pupils that differ in that share teachers.
        """
        return replace(
            schedule,
            float_epochs=self.epochs,
            quantized_epochs=0,
            quantized_learning_rate=ScheduleConfig.quantized_learning_rate,
            quantized_annealing=ScheduleConfig.quantized_annealing,
            averaging=ScheduleConfig.averaging,
            settling=ScheduleConfig.settling,
            dropout=self.dropout,
            masked_frames=self.masked_frames,
            masked_bands=self.masked_bands,
        )

    @property
    def trained(self) -> int:
        """How many teachers are trained first, of both kinds."""
        return self.teachers + self.convolutional

    @property
    def total(self) -> int:
        """How many teachers there are."""
        return self.trained + len(self.networks)


def _check_dropout(share: float) -> None:
    check(0 <= share < 1, f"dropout is {share}; choose 0 (none) to less than 1.")
