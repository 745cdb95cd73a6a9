"""SpecAugment: what a network is to recognise without, hidden from it in training.

Source: Park et al., "SpecAugment", Interspeech 2019, arXiv:1904.08779.
"""

import torch
from torch import Tensor

MASKS = 2  # of each kind, in every row


def masked(inputs: Tensor, frames: int, bands: int) -> Tensor:
    """Return (rows, frames, features) with runs of frames and of features at 0, their mean.

    frames, bands: the largest widths of a mask; each row draws its own, from nothing upwards.
    """
    for axis, widest in ((1, frames), (2, bands)):
        for _ in range(MASKS if widest else 0):
            inputs = inputs * _kept(inputs, axis, widest)
    return inputs


def _kept(inputs: Tensor, axis: int, widest: int) -> Tensor:
    """Return 1 where a row keeps its values, 0 in one run along the axis."""
    rows, length = len(inputs), inputs.shape[axis]
    width = torch.rand(rows, 1, device=inputs.device) * (min(widest, length) + 1)
    start = torch.rand(rows, 1, device=inputs.device) * (length + 1 - width.floor())
    at = torch.arange(length, device=inputs.device)
    hidden = (at >= start.floor()) & (at < start.floor() + width.floor())
    return (~hidden).to(inputs.dtype).unsqueeze(3 - axis)
