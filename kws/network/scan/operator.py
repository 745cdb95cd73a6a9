"""The fused recurrence as a PyTorch operator: FastGRNN and FastRNN, forward and backward.

Shapes: inputs (clips, frames, inputs), states (clips, frames, units), W (units, inputs),
U (units, units) or its factors (units, rank) and (rank, units); all float32.

Source of the equations: Kusupati et al., NeurIPS 2018, equations 2 and 4.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from kws.network.scan._scan import ffi, lib

STATE_BOUND = 32767 / 32768  # the engine's state is int16 with 15 fractional bits
RANK_SHARE = 0.4  # of the units: above it, two factors take longer than their product
_pool: ThreadPoolExecutor | None = None


def _pointer(tensor: Tensor | None) -> Any:
    return ffi.NULL if tensor is None else ffi.cast("float *", tensor.data_ptr())


def _shares(clips: int) -> list[tuple[int, int]]:
    """Split the clips among torch's threads, in whole groups."""
    group: int = lib.kws_scan_group()  # clips that go through the frames together
    groups = -(-clips // group)
    threads = max(1, min(torch.get_num_threads(), groups))
    bounds = [min(clips, groups * i // threads * group) for i in range(threads + 1)]
    return list(pairwise(bounds))


def _run(function: Callable[[Any], None], scan: Any, clips: int, grads: Tensor | None) -> None:
    """Call the kernel on every share of the clips; its calls release the GIL."""
    global _pool
    parts = []
    for i, (first, last) in enumerate(_shares(clips)):
        part = ffi.new("kws_scan *", scan[0])
        part.first, part.last = first, last
        part.weight_grads = _pointer(None if grads is None else grads[i])
        parts.append(part)
    if len(parts) == 1:
        function(parts[0])
        return
    _pool = _pool or ThreadPoolExecutor(torch.get_num_threads())
    list(_pool.map(function, parts))


def _describe(
    sizes: tuple[int, int, int, int],
    scalars: tuple[float, float],
    tensors: dict[str, Tensor | None],
    hard: bool,
) -> Any:
    """Return the kernel's struct; `tensors` must outlive it."""
    scan = ffi.new("kws_scan *")
    scan.frames, scan.inputs, scan.units, scan.rank = sizes
    scan.gated = tensors["bias_gate"] is not None
    scan.hard = hard
    scan.zeta, scan.nu = scalars
    scan.bound = STATE_BOUND
    for name, tensor in tensors.items():
        setattr(scan, name, _pointer(tensor))
    return scan


def _forward(
    x: Tensor,
    w: Tensor,
    u: tuple[Tensor, Tensor | None],
    bias: tuple[Tensor | None, Tensor],
    scalars: tuple[Tensor, Tensor],
    given: Tensor | None,
    initial: Tensor | None,
    hard: bool,
    is_kept: bool,
) -> tuple[Tensor, Tensor | None]:
    """Return the states, and what the backward pass needs where it is to be kept."""
    clips, frames, inputs = x.shape
    units, rank = len(w), 0 if u[1] is None else len(u[1])
    states = x.new_empty(clips, frames, units) if given is None else given.contiguous()
    tensors = {
        "w": w.t().contiguous(),
        "u": u[0].t().contiguous(),
        "u_right": None if u[1] is None else u[1].t().contiguous(),
        "bias_gate": bias[0],
        "bias_update": bias[1],
        "x": x,
        "states": states,
        "given": None if given is None else states,
        "initial": initial,
    }
    zeta, nu = scalars
    described = _describe((frames, inputs, units, rank), (zeta.item(), nu.item()), tensors, hard)
    kept = x.new_empty(lib.kws_scan_kept(described, clips)) if is_kept else None
    described.kept = _pointer(kept)
    _run(lib.kws_scan_forward, described, clips, None)
    return states, kept


class Scan(torch.autograd.Function):
    """states = scan(x, W, U or its factors, biases, zeta, nu, given, initial, hard).

    A right factor of None makes U full; bias_gate None is FastRNN; zeta and nu are scalars after
    their sigmoid.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        w: Tensor,
        u: Tensor,
        u_right: Tensor | None,
        bias_gate: Tensor | None,
        bias_update: Tensor,
        zeta: Tensor,
        nu: Tensor,
        given: Tensor | None,
        initial: Tensor | None,
        hard: bool,
    ) -> Tensor:
        """Return every state, (clips, frames, units), and keep what `backward` needs."""
        bias, scalars, ctx.hard = (bias_gate, bias_update), (zeta, nu), hard
        states, kept = _forward(
            x, w, (u, u_right), bias, scalars, given, initial, hard, is_kept=True
        )
        ctx.save_for_backward(x, w, u, u_right, *bias, *scalars, states, kept, initial)
        return states

    @staticmethod
    def backward(ctx: Any, grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return a gradient for each argument of `forward`, None where there is none."""
        x, w, u, u_right, bias_gate, bias_update, zeta, nu, states, kept, initial = (
            ctx.saved_tensors
        )
        clips, frames, units = states.shape
        sum_grads = torch.empty_like(states) if ctx.needs_input_grad[0] else None
        tensors = {
            "u": u.contiguous(),
            "u_right": None if u_right is None else u_right.contiguous(),
            "bias_gate": bias_gate,
            "bias_update": bias_update,
            "x": x,
            "states": states,
            "kept": kept,
            "initial": initial,
            "state_grads": grads.contiguous(),
            "sum_grads": sum_grads,
        }
        rank = 0 if u_right is None else len(u_right)
        sizes, scalars = (frames, x.shape[2], units, rank), (zeta.item(), nu.item())
        described = _describe(sizes, scalars, tensors, ctx.hard)
        counts = [w.numel(), u.numel(), rank * units, units, units, 1, 1]
        weight_grads = x.new_empty(len(_shares(clips)), sum(counts))
        _run(lib.kws_scan_backward, described, clips, weight_grads)
        parts = weight_grads.sum(0).split(counts)
        return (
            None if sum_grads is None else sum_grads @ w,
            parts[0].view(w.shape),
            parts[1].view(u.shape),
            None if u_right is None else parts[2].view(u_right.shape),
            None if bias_gate is None else parts[3],
            parts[4],
            parts[5].view(()),
            parts[6].view(()),
            None,
            None,
            None,
        )


def scan(
    inputs: Tensor,
    w: Sequence[Tensor],
    u: Sequence[Tensor],
    bias: tuple[Tensor | None, Tensor],
    scalars: tuple[Tensor, Tensor],
    given: Tensor | None = None,
    *,
    initial: Tensor | None = None,
    hard: bool = False,
) -> Tensor:
    """Run the recurrence over inputs (clips, frames, inputs); return states (clips, frames, units).

    w and u: one full matrix, or the low-rank pair (left, right). hard: piecewise linear gates.
    With `given` states (of the integer engine) the forward pass takes them as they are, and
    the backward pass is that of the float cell around them: a straight-through estimate.
    initial: the state before the first frame of every clip, (units,), zeros unless given; it gets
    no gradient.
    """
    left, right = (u[0], None) if len(u) == 1 else (u[0], u[1])
    if right is not None and len(right) > RANK_SHARE * len(left):
        left, right = left @ right, None
    full_w = w[0] if len(w) == 1 else w[0] @ w[1]
    inputs = inputs.contiguous()
    initial = None if initial is None else initial.detach().contiguous()
    if not torch.is_grad_enabled():
        return _forward(
            inputs, full_w, (left, right), bias, scalars, given, initial, hard, is_kept=False
        )[0]
    states: Tensor = Scan.apply(  # type: ignore[no-untyped-call]
        inputs, full_w, left, right, *bias, *scalars, given, initial, hard
    )
    return states
