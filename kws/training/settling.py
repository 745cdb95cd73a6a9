"""States that go back to rest in silence: a wake word listens all day, and mostly to nothing.

Where silence leads elsewhere than to rest, a phrase after it is heard otherwise than one after a
start, and no window of a few seconds of sound tells a training so.
"""

import numpy as np
import torch
from torch import Tensor

from kws.engine import batch
from kws.network.fastgrnn import FastCell
from kws.network.network import Network
from kws.network.quantized import Normalization, QuantizedNetwork
from kws.settings.recipe import Recipe

SETTLE_EVERY = 4  # batches: the silence takes as long as several of them
AFTER = 15  # windows before silence, beside one of silence alone: the scan takes 16 at a time
SILENCE_S = 10.0


def settling_loss(
    network: Network | QuantizedNetwork,
    normalization: Normalization,
    windows: np.ndarray,
    recipe: Recipe,
) -> Tensor:
    """Return how far states are from rest in the second half of SILENCE_S of zeros.

    windows: (windows, frames, n_features) int16, of which AFTER come before the silence; before one
    more there is silence, too. The squared distance from rest, its mean over time and windows, by
    the recipe's weight. Peers of the cell have no rest, and get 0.
    """
    quantized = network if isinstance(network, QuantizedNetwork) else None
    cell = network.cell
    if not (recipe.schedule.settling and isinstance(cell, FastCell)):
        return torch.zeros(())
    frames = windows.shape[1]
    silent = round(SILENCE_S * 1000 / recipe.features.hop_ms)
    before = windows[:: max(1, len(windows) // AFTER)][:AFTER]
    silence = batch.silence(recipe.features)
    heard = np.tile(silence, (len(before) + 1, frames + silent, 1))
    heard[1:, :frames] = before
    states = quantized.states(heard) if quantized else cell(normalization(heard))
    moved = states[:, -silent // 2 :] - states[0, 0].detach()
    return recipe.schedule.settling * moved.square().sum(2).mean()
