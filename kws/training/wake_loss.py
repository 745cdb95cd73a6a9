"""What a wake word's training lowers: how windows part, by the score that the detector hears."""

import math

import torch
from torch import Tensor


def smoothed(logits: Tensor, shift: int) -> Tensor:
    """Exponential smoothing over time as the detector does it: (batch, frames), weight 2^-shift.

    The first logit stands for what came before it.
    """
    if shift == 0:
        return logits
    weight = 2.0**-shift
    taps = weight * (1 - weight) ** torch.arange(6 * 2**shift, dtype=logits.dtype)
    taps = (taps / taps.sum()).flip(0)[None, None, :]
    padded = torch.nn.functional.pad(logits[:, None, :], (taps.shape[2] - 1, 0), mode="replicate")
    return torch.nn.functional.conv1d(padded, taps)[:, 0, :]


def window_loss(logits: Tensor, labels: Tensor, shift: int) -> Tensor:
    """Binary cross-entropy of each window's highest logit, of a phrase's from its middle on.

    logits: (batch, frames, 1); labels: (batch,), 0 without the phrase, else its middle frame.
    Where the phrase's maximum may lie anywhere, it can lie where nothing was heard yet, for every
    window alike; the loss then stays at the entropy of the labels for ever.
    """
    scores = smoothed(logits[:, :, 0], shift)
    is_early = torch.arange(logits.shape[1])[None, :] < labels[:, None]
    highest = scores.masked_fill(is_early, -math.inf).amax(1)
    truth = (labels > 0).to(highest.dtype)
    return torch.nn.functional.binary_cross_entropy_with_logits(highest, truth)
