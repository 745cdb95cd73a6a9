"""The optimizer of a training stage with its schedule, as one."""

import math
from typing import Any

from torch import optim

from kws.errors import ConfigError
from kws.settings.schedule import ScheduleConfig
from kws.settings.stages import Stage
from kws.training.soap import Soap

WARM_UP_SHARE = 0.15  # of the one-cycle schedule

Groups = list[dict[str, Any]]


class ScheduledOptimizer:
    """An optimizer on its course of learning rates."""

    def __init__(
        self,
        kind: str,
        groups: Groups,
        *,
        learning_rate: float,
        weight_decay: float,
        steps: int,
        annealing: str,
        drop_at: float = 1.0,
    ) -> None:
        """`kind`: adamw or soap; `groups`: parameters, as torch's optimizers take them.

        `annealing` over `steps` steps: one-cycle, cosine, cosine-cubed or step, which is a tenth
        from the share `drop_at` on.
        """
        self._optimizer: optim.Optimizer
        if kind == "soap":
            self._optimizer = Soap(groups, learning_rate, weight_decay=weight_decay)
        else:
            self._optimizer = optim.AdamW(
                groups, lr=learning_rate, weight_decay=weight_decay, fused=True
            )
        self._scheduler = _schedule(self._optimizer, steps + 1, annealing, drop_at)

    def step(self) -> None:
        """Move the parameters and the learning rate on."""
        self._optimizer.step()
        self._scheduler.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._optimizer.zero_grad()

    @property
    def learning_rate(self) -> float:
        """The learning rate of the first group."""
        return float(self._scheduler.get_last_lr()[0])

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])


def _schedule(optimizer: optim.Optimizer, steps: int, annealing: str, drop_at: float) -> Any:
    if annealing == "step":
        drop = round(drop_at * (steps - 1))
        return optim.lr_scheduler.MultiStepLR(optimizer, [drop], gamma=0.1)
    if annealing == "cosine":
        return optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    if annealing == "cosine-cubed":
        # Weights of few levels go on changing at rates that hardly move a float: it is in the
        # last tenth of a cosine that they come to rest, and here in the last third.
        return optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: ((1 + math.cos(math.pi * min(1.0, step / steps))) / 2) ** 3
        )
    rates = [group["lr"] for group in optimizer.param_groups]
    return optim.lr_scheduler.OneCycleLR(
        optimizer,
        rates,
        total_steps=steps,
        pct_start=WARM_UP_SHARE,
        cycle_momentum=not isinstance(optimizer, Soap),  # its betas stay
    )


def annealing_of(schedule: ScheduleConfig, stage: Stage) -> str:
    """Return the course of the learning rate that a recipe gives a stage."""
    if stage.name == "float" or (schedule.annealing == "step" and not stage.quantized):
        return schedule.annealing
    return schedule.quantized_annealing if stage.quantized else "cosine"


def refuse_divergence(loss: float, epoch: int) -> None:
    """ConfigError where the loss of an epoch, counted from 0, is no number."""
    if not math.isfinite(loss):
        raise ConfigError(
            f"The loss of epoch {epoch + 1} is no longer a number: the training diverged; "
            "lower learning_rate or quantized_learning_rate."
        )
