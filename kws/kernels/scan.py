"""The fused recurrence as a PyTorch operator: FastGRNN and FastRNN, forward and backward.

Source of the equations: Kusupati et al., NeurIPS 2018, equations 2 and 4.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from kws.kernels._scan import ffi, lib

LANES = 16  # clips in one vector
STATE_BOUND = 32767 / 32768  # the engine's state is int16 with 15 fractional bits
_pool: ThreadPoolExecutor | None = None


def _float_pointer(tensor: torch.Tensor) -> Any:
    return ffi.cast("float *", tensor.data_ptr())


def _shares(clips: int) -> list[tuple[int, int]]:
    """Split `clips`, a multiple of LANES, among torch's threads."""
    blocks = clips // LANES
    threads = max(1, min(torch.get_num_threads(), blocks))
    bounds = [blocks * i // threads * LANES for i in range(threads + 1)]
    return list(zip(bounds, bounds[1:], strict=False))


def _each_share(clips: int, work: Callable[[int, int, int], None]) -> None:
    global _pool
    shares = _shares(clips)
    if len(shares) == 1:
        work(0, *shares[0])
        return
    _pool = _pool or ThreadPoolExecutor(torch.get_num_threads())
    for done in [_pool.submit(work, i, *share) for i, share in enumerate(shares)]:
        done.result()


def _describe(
    shape: tuple[int, int, int], u: torch.Tensor, bias: tuple[torch.Tensor | None, torch.Tensor],
    scalars: tuple[float, float],
) -> Any:
    frames, units, clips = shape
    gate, update = bias
    scan = ffi.new("kws_scan *")
    scan.frames, scan.units, scan.clips, scan.gated = frames, units, clips, gate is not None
    scan.u, scan.bias_update = _float_pointer(u), _float_pointer(update)
    scan.bias_gate = _float_pointer(gate) if gate is not None else ffi.NULL
    scan.zeta, scan.nu = scalars
    scan.bound = STATE_BOUND
    return scan


def _backward(
    scan: Any,
    grads: torch.Tensor,
    kept: tuple[torch.Tensor, torch.Tensor | None, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of wx (frames, units, clips) and the sums (2 units + 2,)."""
    states, gates, candidates = kept
    _, units, clips = states.shape
    wx_grads = torch.empty_like(states)
    sums = torch.zeros(len(_shares(clips)), 2 * units + 2)
    gate_pointer = _float_pointer(gates) if gates is not None else ffi.NULL

    def work(i: int, first: int, last: int) -> None:
        share = ffi.new("kws_scan *", scan[0])
        share.first, share.last = first, last
        lib.kws_scan_backward(
            *(share, _float_pointer(grads), _float_pointer(states), gate_pointer),
            *(_float_pointer(candidates), _float_pointer(wx_grads), _float_pointer(sums[i])),
        )

    _each_share(clips, work)
    return wx_grads, sums.sum(0)


class Scan(torch.autograd.Function):
    """states = scan(wx, u, bias_gate, bias_update, zeta, nu).

    wx: (frames, units, clips) float32, clips a multiple of 16; u: (units in, units out);
    bias_gate None is FastRNN; zeta and nu: scalars after their sigmoid. states: as wx.
    With `given` states (of the integer engine) the forward pass takes them as they are, and
    the backward pass is that of the float cell around them: a straight-through estimate.
    """

    @staticmethod
    def forward(ctx: Any, wx: torch.Tensor, u: torch.Tensor, bias_gate: torch.Tensor | None,
                bias_update: torch.Tensor, zeta: torch.Tensor, nu: torch.Tensor,
                given: torch.Tensor | None) -> torch.Tensor:
        wx, u = wx.contiguous(), u.contiguous()
        gates = None if bias_gate is None else torch.empty_like(wx)
        if given is not None:
            states = given
            before = torch.cat([torch.zeros_like(states[:1]), states[:-1]])
            pre = wx + torch.matmul(u.t(), before)
            candidates = torch.tanh(pre + bias_update[:, None])
            if bias_gate is not None:
                gates = torch.sigmoid(pre + bias_gate[:, None])
        else:
            states, candidates = torch.empty_like(wx), torch.empty_like(wx)
            scan = _describe(wx.shape, u, (bias_gate, bias_update), (zeta.item(), nu.item()))
            gate_pointer = _float_pointer(gates) if gates is not None else ffi.NULL

            def work(_: int, first: int, last: int) -> None:
                share = ffi.new("kws_scan *", scan[0])
                share.first, share.last = first, last
                lib.kws_scan_forward(
                    *(share, _float_pointer(wx), _float_pointer(states)),
                    *(gate_pointer, _float_pointer(candidates)),
                )

            _each_share(wx.shape[2], work)
        ctx.save_for_backward(u, bias_gate, bias_update, zeta, nu, states, gates, candidates)
        return states

    @staticmethod
    def backward(ctx: Any, grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        u, bias_gate, bias_update, zeta, nu, states, gates, candidates = ctx.saved_tensors
        units = states.shape[1]
        transposed = u.t().contiguous()
        scan = _describe(
            states.shape, transposed, (bias_gate, bias_update), (zeta.item(), nu.item())
        )
        wx_grads, sums = _backward(scan, grads.contiguous(), (states, gates, candidates))
        u_grad = torch.bmm(states[:-1], wx_grads[1:].transpose(1, 2)).sum(0)
        gate_grad = sums[:units] if bias_gate is not None else None
        update_grad = sums[units : 2 * units]
        return wx_grads, u_grad, gate_grad, update_grad, sums[-2], sums[-1], None


def scan(
    wx: torch.Tensor,
    u: torch.Tensor,
    bias: tuple[torch.Tensor | None, torch.Tensor],
    scalars: tuple[torch.Tensor, torch.Tensor],
    given: torch.Tensor | None = None,
) -> torch.Tensor:
    """Run the recurrence over (clips, frames, units) inputs and return states of that shape."""
    clips = wx.shape[0]
    padding = -clips % LANES

    def to_lanes(tensor: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(tensor.permute(1, 2, 0), (0, padding)).contiguous()

    states = Scan.apply(
        to_lanes(wx), u, *bias, *scalars, None if given is None else to_lanes(given)
    )
    return states[:, :, :clips].permute(2, 0, 1)
