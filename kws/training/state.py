"""What a training changes and a checkpoint holds: weights, their support, the best epoch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from kws.network.fastgrnn import FastCell
from kws.network.network import Network
from kws.network.quantized import QuantizedNetwork, keep_largest
from kws.settings.model import DetectorConfig
from kws.settings.stages import Stage
from kws.training.optimizers import Groups, ScheduledOptimizer

STEP_RATE_SHARE = 0.3  # learning rate of the quantizers' steps, against the weights'


@dataclass
class TrainingState:
    """A network in training; `quantizer` makes its quantized form when the stage for it begins.

    masks: which weights of each factor stay. history: a row an epoch. best: the epoch of this stage
    with the highest score, with `figures`, `state` and `model`. seconds: of training so far.
    averages: of the parameters over the `steps` of this stage, where it asks for them.
    """

    network: Network
    quantizer: Callable[[], QuantizedNetwork]
    quantized: QuantizedNetwork | None = None
    masks: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    averages: dict[str, Tensor] = field(default_factory=dict)
    steps: int = 0

    @property
    def module(self) -> Network | QuantizedNetwork:
        """The network as it is trained now: quantized from that stage on."""
        return self.quantized if self.quantized is not None else self.network

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All that is trained."""
        return list(self.module.parameters())

    def parameter_groups(self, stage: Stage) -> Groups:
        """Return the parameters as an optimizer takes them: the quantizers' steps apart."""
        groups: Groups = [{"params": list(self.network.parameters())}]
        if stage.quantized:
            assert self.quantized is not None
            named = self.quantized.named_parameters()
            steps = [each for name, each in named if name.endswith("log_step")]
            rate = stage.learning_rate * STEP_RATE_SHARE
            groups.append({"params": steps, "lr": rate, "weight_decay": 0.0})
        return groups

    def begin(self, stage: Stage) -> None:
        """Begin a stage: its best epoch is yet to come."""
        self.best, self.averages, self.steps = {}, {}, 0
        if stage.quantized and self.quantized is None:
            self.quantized = self.quantizer()

    def after_step(self, stage: Stage) -> None:
        """Keep the support of the weights, and follow them with their average."""
        self.sparsify(stage)
        if stage.averaging:
            self.steps += 1
            kept = min(stage.averaging, 1 - 1 / self.steps)
            for name, value in self.module.named_parameters():
                average = self.averages.setdefault(name, value.detach().clone())
                average.lerp_(value.detach(), 1 - kept)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The network with its averages in the place of its weights, where there are any."""
        parameters = dict(self.module.named_parameters())
        own = {name: parameters[name].detach().clone() for name in self.averages}
        for name, average in self.averages.items():
            parameters[name].data.copy_(average)
        try:
            yield
        finally:
            for name, value in own.items():
                parameters[name].data.copy_(value)

    def sparsify(self, stage: Stage) -> None:
        """Iterative hard thresholding; afterwards the support that it found stays fixed."""
        cell = self.network.cell
        if min(stage.density_w, stage.density_u) == 1.0 or not isinstance(cell, FastCell):
            return
        for kind, factors, density in (
            ("W", cell.W, stage.density_w),
            ("U", cell.U, stage.density_u),
        ):
            for i, factor in enumerate(factors):
                if stage.name == "thresholding" or f"{kind}{i}" not in self.masks:
                    self.masks[f"{kind}{i}"] = keep_largest(factor, density)
                factor.data.mul_(self.masks[f"{kind}{i}"])

    def encode(self) -> bytes | None:
        """Return the model file of the network as it is now; None before it is quantized."""
        return None if self.quantized is None else self.quantized.encode()

    def model(self, detector: DetectorConfig) -> bytes:
        """Return the file of the trained model with this detector."""
        assert self.quantized is not None  # there was a quantized stage
        self.quantized.detector = detector
        return self.quantized.encode()

    def remember_best(self, epoch: int, figures: dict[str, float]) -> None:
        """Keep this epoch of the stage where none scored as high before it."""
        if not self.best or figures["score"] > self.best["figures"]["score"]:
            with self.averaged():
                weights = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
                self.best = {
                    "epoch": epoch,
                    "figures": figures,
                    "state": weights,
                    "model": self.encode(),
                }

    def restore_best(self, stage: Stage) -> None:
        """End a stage: go back to its best epoch."""
        self.module.load_state_dict(self.best["state"])
        if stage.name == "thresholding":
            self.sparsify(stage)  # the best epoch has a support of its own

    @property
    def best_figures(self) -> dict[str, float]:
        """What the epoch that was chosen reached on validation."""
        return {key: value for key, value in self.best["figures"].items() if key != "score"}

    def content(self, stage: int, epoch: int, optimizer: ScheduledOptimizer) -> dict[str, Any]:
        """Return what a checkpoint after this epoch of this stage holds."""
        return {
            "stage": stage,
            "epoch": epoch,
            "is_quantized": self.quantized is not None,
            "state": self.module.state_dict(),
            "optimizer": optimizer.state_dict(),
            "masks": self.masks,
            "averages": self.averages,
            "steps": self.steps,
            "best": self.best,
            "history": self.history,
            "seconds": self.seconds,
        }

    def load(self, content: dict[str, Any]) -> None:
        """Go back to where a checkpoint was written; the optimizer is its stage's to restore."""
        self.history, self.best = content["history"], content["best"]
        self.masks, self.seconds = content["masks"], content["seconds"]
        self.averages, self.steps = content["averages"], content["steps"]
        if content["is_quantized"]:
            self.quantized = self.quantizer()
        self.module.load_state_dict(content["state"])
