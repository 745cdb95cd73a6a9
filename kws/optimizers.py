"""The optimizers of a training stage with their schedules, as one.

Muon (Jordan et al., 2024) takes an orthogonalised step in every matrix: a low-rank factor then
learns in all its directions at once, and a recurrent network needs a third fewer epochs. Biases,
scalars and the quantizers' steps are AdamW's.
"""

import math
from collections.abc import Sequence
from typing import Any

from torch import nn, optim

WARM_UP_SHARE = 0.15  # of the one-cycle schedule


class Optimizers:
    """One or two optimizers, each on its own course of learning rates."""

    def __init__(
        self,
        optimizers: Sequence[optim.Optimizer],
        steps: int,
        annealing: str,
        drop_at: float = 1.0,
    ) -> None:
        """`annealing` over `steps` steps: one-cycle, cosine, cosine-cubed or step.

        Step: a tenth from the share `drop_at` on.
        """
        self._optimizers = list(optimizers)
        self._schedulers = [_schedule(each, steps + 1, annealing, drop_at) for each in optimizers]

    def step(self) -> None:
        """Move the parameters and the learning rates on."""
        for each in (*self._optimizers, *self._schedulers):
            each.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for optimizer in self._optimizers:
            optimizer.zero_grad()

    @property
    def learning_rate(self) -> float:
        """The learning rate of AdamW, which is always the last."""
        return float(self._schedulers[-1].get_last_lr()[0])

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {
            "optimizers": [each.state_dict() for each in self._optimizers],
            "schedulers": [each.state_dict() for each in self._schedulers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        for optimizer, kept in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        for scheduler, kept in zip(self._schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(kept)


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
        cycle_momentum=not isinstance(optimizer, optim.Muon),  # it has no betas to cycle
    )


def matrices_apart(
    parameters: Sequence[nn.Parameter],
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the matrices, and what is none."""
    return [p for p in parameters if p.ndim == 2], [p for p in parameters if p.ndim != 2]
