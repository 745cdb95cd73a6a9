"""What a network costs: parameters, bytes, multiply-accumulates per second of audio."""

from typing import Any

import torch
from torch import Tensor, nn

from kws.network.fastgrnn import FastCell
from kws.network.network import Network, PeerCell
from kws.settings.model import FeatureConfig

WINDOW_MS = 32


def costs(network: Network, features: FeatureConfig) -> dict[str, int]:
    """Return `parameters` (those that are not thinned out), the bytes they take, and `macs`.

    bytes_float32 and bytes_int8 are counted as the FastGRNN paper does: 4 bytes or 1 a parameter,
    and as many for the index of each weight of a matrix that was thinned out.
    macs_per_second: products in matrices and convolutions for one second of audio, zeros left out;
    the front end, biases and what goes element by element do not count.
    """
    kept = indexed = 0
    for parameter in network.parameters():
        values = int(torch.count_nonzero(parameter))
        if parameter.dim() > 1 and 2 * values < parameter.numel():
            kept, indexed = kept + values, indexed + values
        else:
            kept += parameter.numel()
    return {
        "parameters": kept,
        "bytes_float32": 4 * (kept + indexed),
        "bytes_int8": kept + indexed,
        "macs_per_second": _macs_per_second(network, features),
    }


def _macs_per_second(network: Network, features: FeatureConfig) -> int:
    """A recurrent network works frame by frame, a convolutional one on a window of a second."""
    cell = network.cell
    classifier = network.classifier.weight.numel()
    if isinstance(cell, (FastCell, PeerCell)):
        matrices = [p for p in cell.parameters() if p.dim() > 1]
        a_frame = sum(int(torch.count_nonzero(matrix)) for matrix in matrices) + classifier
        return a_frame * 1000 // features.hop_ms
    counted: list[int] = []

    def count(module: nn.Conv2d, _: Any, output: Tensor) -> None:
        counted.append(output.numel() * module.weight.numel() // module.out_channels)

    convolutions = [m for m in cell.modules() if isinstance(m, nn.Conv2d)]
    hooks = [m.register_forward_hook(count) for m in convolutions]
    frames = 1 + (1000 - WINDOW_MS) // features.hop_ms
    was_training = cell.training
    cell.eval()
    with torch.no_grad():
        cell(torch.zeros(1, frames, features.n_features))
    cell.train(was_training)
    for hook in hooks:
        hook.remove()
    return sum(counted) + classifier
