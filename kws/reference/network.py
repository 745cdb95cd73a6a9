"""The quantized network in PyTorch, to be read: the integers of firmware/src/kws_fastgrnn.c.

It shares no code with the engine and differs from it in no integer: tests/parity compares the two
over whole sets. Values are int64; products run in float64, which is exact below 2^53, so that the
same lines run on any device. Fixed-point formats are named as in C: `_qN` has N fractional bits.

Source of the equations: Kusupati et al., NeurIPS 2018, equations 2 and 4.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from kws.engine.weights import Matrix, Weights

ONE_Q15 = 32_768
ROW_LIMIT = 1 << 24


REST_FRAMES = 100  # the engine's KWS_REST_FRAMES


def run(
    weights: Weights, features: Tensor | np.ndarray, silence: np.ndarray
) -> tuple[Tensor, Tensor]:
    """Return every hidden state and logit, each clip from the state at rest.

    features: (clips, frames, n_features) integers with 7 fractional bits, of the engine;
    silence: (n_features,), those of a frame of silence.
    Result: hidden (clips, frames, hidden) with 15 and logits (clips, frames, classes) with 10
    fractional bits, int64 on the device of the features.
    """
    frames = torch.as_tensor(features).to(torch.int64)
    hidden_q15 = rest(weights, silence).to(frames.device).expand(len(frames), -1)
    states, logits = [], []
    for frame_q7 in frames.unbind(1):
        hidden_q15 = step(weights, frame_q7, hidden_q15)
        states.append(hidden_q15)
        logits.append(classify(weights, hidden_q15))
    return torch.stack(states, 1), torch.stack(logits, 1)


def rest(weights: Weights, silence: np.ndarray) -> Tensor:
    """Return the state that REST_FRAMES of silence lead to: (1, hidden)."""
    frame_q7 = torch.as_tensor(silence)[None].to(torch.int64)
    hidden_q15 = frame_q7.new_zeros(1, weights.hidden)
    for _ in range(REST_FRAMES):
        hidden_q15 = step(weights, frame_q7, hidden_q15)
    return hidden_q15


def step(weights: Weights, frame_q7: Tensor, hidden_q15: Tensor) -> Tensor:
    """Return the next state: (clips, n_features) and (clips, hidden) to (clips, hidden)."""
    x = normalize(weights, frame_q7)
    h = hidden_to_int8(hidden_q15)
    pre_q12 = product(weights.w, x) + product(weights.u, h)
    gate_q15, squash_q15 = (hard_sigmoid_q15, hard_tanh_q15) if weights.hard else SMOOTH
    candidate_q15 = squash_q15(pre_q12 + bias_q12(weights.bias_update, pre_q12))
    if weights.bias_gate is not None:
        keep_q15 = gate_q15(pre_q12 + bias_q12(weights.bias_gate, pre_q12))
        write_q15 = round_shift((ONE_Q15 - keep_q15) * weights.zeta_q8, 8) + weights.nu_q8 * 128
    else:
        keep_q15 = torch.full_like(pre_q12, weights.nu_q8 * 128)
        write_q15 = torch.full_like(pre_q12, weights.zeta_q8 * 128)
    kept = round_shift(keep_q15 * hidden_q15, 15)
    written = round_shift((write_q15 >> 1) * candidate_q15, 14)  # write takes 17 bits, C has 16
    return (kept + written).clamp(-32768, 32767)


def classify(weights: Weights, hidden_q15: Tensor) -> Tensor:
    """Return the logits of a state: (clips, hidden) to (clips, classes)."""
    sums = rows(weights.classifier, hidden_to_int8(hidden_q15))
    bias = torch.as_tensor(weights.bias_class, dtype=torch.int64, device=sums.device)
    return (sums + bias).clamp(-32768, 32767)


def normalize(weights: Weights, frame_q7: Tensor) -> Tensor:
    """Return the network's int8 input: round((feature - 32 offset) scale / 2^9)."""
    offset = torch.as_tensor(weights.input_offset, dtype=torch.int64, device=frame_q7.device)
    scale = torch.as_tensor(weights.input_scale, dtype=torch.int64, device=frame_q7.device)
    return int8(round_shift((frame_q7 - 32 * offset) * scale, 9))


def hidden_to_int8(hidden_q15: Tensor) -> Tensor:
    """Return the copy of the state that is multiplied: 7 fractional bits."""
    return int8(round_shift(hidden_q15, 8))


def product(factors: tuple[Matrix, ...], x: Tensor) -> Tensor:
    """W x of a full matrix, or w1 (w2 x) with an int8 vector in between."""
    if len(factors) == 2:
        x = int8(rows(factors[1], x))
    return rows(factors[0], x)


def rows(matrix: Matrix, x: Tensor) -> Tensor:
    """Return round(matrix @ x * multiplier / 2^shift): (clips, cols) to (clips, rows)."""
    weights = torch.as_tensor(matrix.weights, dtype=torch.float64, device=x.device)
    sums = (x.to(torch.float64) @ weights.t()).to(torch.int64)
    scaled = round_shift(sums * matrix.multiplier, matrix.shift)
    return scaled.clamp(-ROW_LIMIT, ROW_LIMIT)


def bias_q12(bias_q5: np.ndarray, like: Tensor) -> Tensor:
    """Return a bias of the cell in the format of its sum."""
    return torch.as_tensor(bias_q5, dtype=torch.int64, device=like.device) * 128


def sigmoid_q15(x_q12: Tensor) -> Tensor:
    """The sigmoid between table entries 1/8 apart, which end at 8."""
    table = _sigmoid_table(x_q12.device)
    magnitude = x_q12.abs().clamp(max=32767)
    index, fraction = magnitude >> 9, magnitude & 511
    low, high = table[index], table[index + 1]
    y = low + round_shift((high - low) * fraction, 9)
    return torch.where(x_q12 < 0, ONE_Q15 - y, y)


@cache
def _sigmoid_table(device: torch.device) -> Tensor:
    entries = torch.arange(65, dtype=torch.float64) / 8
    return (torch.sigmoid(entries) * ONE_Q15).round().to(torch.int64).to(device)


def tanh_q15(x_q12: Tensor) -> Tensor:
    """tanh(x) = 2 sigmoid(2 x) - 1."""
    return 2 * sigmoid_q15(2 * x_q12) - ONE_Q15


SMOOTH = (sigmoid_q15, tanh_q15)


def hard_sigmoid_q15(x_q12: Tensor) -> Tensor:
    """clip((x + 1) / 2, 0, 1), and below 1: a gate of 1 would never forget."""
    return (4 * x_q12 + ONE_Q15 // 2).clamp(0, ONE_Q15 - 1)


def hard_tanh_q15(x_q12: Tensor) -> Tensor:
    """clip(x, -1, 1)."""
    return (8 * x_q12).clamp(-ONE_Q15, ONE_Q15)


def round_shift(value: Tensor, shift: int) -> Tensor:
    """Divide by 2^shift, to nearest, halves up."""
    return value if shift == 0 else (value + (1 << (shift - 1))) >> shift


def int8(value: Tensor) -> Tensor:
    """Saturate to -128..127."""
    return value.clamp(-128, 127)
