"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

Adam scales each weight by itself. A low-rank factor's gradients point in few directions, none of
which is a single weight: SOAP turns them to the eigenvectors of their own second moments, lets Adam
take its step there and turns it back. After 60 epochs FastGRNN of 123 units has nearly the loss
that AdamW leaves after 300.

Source: Vyas et al., "SOAP: Improving and stabilizing Shampoo using Adam", arXiv:2409.11321.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, optim

BETAS = (0.95, 0.95)
PRECONDITIONER_BETA = 0.95
EPSILON = 1e-8
SIDES = ("left", "right")
PERIOD = 10  # steps between two turns of the bases, as in the paper


class Soap(optim.Optimizer):
    """SOAP for matrices, Adam for all else; weight decay as AdamW's."""

    def __init__(
        self,
        params: Iterable[dict[str, Any]] | Iterable[Tensor],
        lr: float,
        *,
        weight_decay: float = 0.0,
    ) -> None:
        """`params` as of any optimizer; a group may have its own `lr` and `weight_decay`."""
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move what has a gradient; a matrix from the second on, as the first gives its bases."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group["lr"], group["weight_decay"])

    def _move(self, parameter: Tensor, gradient: Tensor, rate: float, decay: float) -> None:
        state = self.state[parameter]
        is_matrix = parameter.ndim == 2
        if not state:
            state["steps"] = 0
            state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
            if is_matrix:
                for side, moment in zip(SIDES, _moments(gradient), strict=True):
                    state[f"{side}_moment"] = moment
                    state[f"{side}_basis"] = _eigenvectors(moment)
                return
        state["steps"] += 1
        state["mean"].lerp_(gradient, 1 - BETAS[0])
        mean = state["mean"]
        if is_matrix:
            left, right = state["left_basis"], state["right_basis"]
            move = left @ _adam(state, left.T @ mean @ right, left.T @ gradient @ right) @ right.T
            _turn(state, gradient)
        else:
            move = _adam(state, mean, gradient)
        parameter.mul_(1 - rate * decay).add_(move, alpha=-rate)


def _adam(state: dict[str, Any], mean: Tensor, gradient: Tensor) -> Tensor:
    """Adam's step by this mean of the gradients; `state` keeps that of their squares."""
    state["square"].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    unbiased = [1 - beta ** state["steps"] for beta in BETAS]
    step: Tensor = (mean / unbiased[0]) / ((state["square"] / unbiased[1]).sqrt() + EPSILON)
    return step


def _moments(gradient: Tensor) -> tuple[Tensor, Tensor]:
    return gradient @ gradient.T, gradient.T @ gradient


def _eigenvectors(moment: Tensor) -> Tensor:
    """In columns, those of the largest eigenvalues first."""
    vectors: Tensor = torch.linalg.eigh(moment.double())[1]
    return vectors.flip(1).to(moment.dtype)


def _turn(state: dict[str, Any], gradient: Tensor) -> None:
    """Move the moments on, and now and then the bases, by one orthogonal iteration."""
    for side, moment in zip(SIDES, _moments(gradient), strict=True):
        kept = state[f"{side}_moment"].lerp_(moment, 1 - PRECONDITIONER_BETA)
        if state["steps"] % PERIOD:
            continue
        basis = state[f"{side}_basis"]
        order = (basis * (kept @ basis)).sum(0).argsort(descending=True)
        state["square"] = state["square"].index_select(SIDES.index(side), order)
        state[f"{side}_basis"] = torch.linalg.qr(kept @ basis[:, order])[0]
