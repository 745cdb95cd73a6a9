"""Run a network on many clips, a part at a time, without gradients."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def run_in_pieces(forward: Callable[[np.ndarray], Tensor], features: np.ndarray) -> np.ndarray:
    """Return the logits (clips, frames, classes) that `forward` gives, of features in int16."""
    with torch.no_grad():
        parts = [forward(part).cpu() for part in np.array_split(features, pieces(features))]
        logits: np.ndarray = torch.cat(parts).numpy()
    return logits


def pieces(features: np.ndarray) -> int:
    """Return in how many parts to run features, to bound their memory; none leaves lanes idle."""
    clips, frames = len(features), int(features.shape[1])
    return max(1, min(clips * frames // 50_000, clips // 32))
