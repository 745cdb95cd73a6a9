"""A network that goes on from a model file: its integers, as the floats that round to them."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from kws.engine.weights import Matrix, Weights
from kws.network.fastgrnn import FastCell
from kws.network.network import Network
from kws.network.quantized import (
    BIAS_ONE,
    INPUT_ONE,
    PRE_ONE,
    STATE_ONE,
    Normalization,
    QuantizedNetwork,
    Quantizer,
)
from kws.settings.model import LOGIT_ONE

# The real value of a step of the vector within a low-rank product. The file does not say it, and
# any will do: what one factor gains the other loses.
MIDDLE_STEP = 1 / 16


def restore(network: Network, weights: Weights) -> Normalization:
    """Give a network of the same sizes the model's weights in float, in place.

    Returns how the model makes the network's input of the features.
    """
    cell = network.cell
    assert isinstance(cell, FastCell)
    with torch.no_grad():
        for factors, matrices, step in (
            (cell.W, weights.w, 1 / INPUT_ONE),
            (cell.U, weights.u, 1 / STATE_ONE),
        ):
            units = _units(len(matrices), step)
            for factor, matrix, unit in zip(factors, matrices, units, strict=True):
                factor.copy_(_floats(matrix, unit))
        cell.bias_update.copy_(torch.tensor(weights.bias_update / BIAS_ONE))
        if cell.bias_gate is not None:
            assert weights.bias_gate is not None  # the cells are the same
            cell.bias_gate.copy_(torch.tensor(weights.bias_gate / BIAS_ONE))
        cell.zeta.fill_(_logit_q8(weights.zeta_q8))
        cell.nu.fill_(_logit_q8(weights.nu_q8))
        classifier = network.classifier
        classifier.weight.copy_(_floats(weights.classifier, LOGIT_ONE / STATE_ONE))
        classifier.bias.copy_(torch.tensor(weights.bias_class / LOGIT_ONE))
    return Normalization(weights.input_offset, weights.input_scale)


def restore_steps(quantized: QuantizedNetwork, weights: Weights) -> None:
    """Give the quantizers the model's own steps, so that it encodes to the very same bytes."""
    for quantizers, matrices, step in (
        (quantized.w, weights.w, 1 / INPUT_ONE),
        (quantized.u, weights.u, 1 / STATE_ONE),
        (nn.ModuleList([quantized.v]), (weights.classifier,), 0.0),
    ):
        units = _units(len(matrices), step) if step else [LOGIT_ONE / STATE_ONE]
        for quantizer, matrix, unit in zip(quantizers, matrices, units, strict=True):
            assert isinstance(quantizer, Quantizer)
            quantizer._unit.fill_(unit)
            quantizer.log_step.data.fill_(math.log(_step(matrix, unit)))


def _units(factors: int, input_step: float) -> list[float]:
    """The `unit` of each quantizer of a product, as `QuantizedNetwork` orders them."""
    if factors == 1:
        return [input_step * PRE_ONE]
    return [MIDDLE_STEP * PRE_ONE, input_step / MIDDLE_STEP]


def _step(matrix: Matrix, unit: float) -> float:
    """The real value of one step of a weight."""
    return float(matrix.multiplier / 2**matrix.shift / unit)


def _floats(matrix: Matrix, unit: float) -> Tensor:
    return torch.tensor(matrix.weights.astype(np.float32)) * _step(matrix, unit)


def _logit_q8(value: int) -> float:
    """What the sigmoid of which rounds to value / 256."""
    share = min(max(value / 256, 0.25 / 256), 255.75 / 256)
    return math.log(share / (1 - share))
