"""From float to the engine's integers: sparsity by iterative hard thresholding, learned step sizes.

Fine-tuning runs the C engine in its forward pass, on the very bytes that would ship, and the float
cell around the engine's states in its backward pass (a straight-through estimate). So the loss that
training lowers is the loss of the shipped integers.

Sources: Kusupati et al., NeurIPS 2018, section 3.2 (thresholding); Esser et al., "Learned Step Size
Quantization", ICLR 2020; Bengio et al., arXiv:1308.3432 (straight-through).
"""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from kws.engine import batch, model_file
from kws.engine.weights import Matrix, Weights
from kws.network.fastgrnn import FastCell
from kws.network.network import Network
from kws.settings.compression import LEVELS, CompressionConfig
from kws.settings.model import LOGIT_ONE, DetectorConfig, FeatureConfig

INPUT_ONE = 32  # the network's int8 input has 5 fractional bits: standard deviations
STATE_ONE = 128  # the int8 copy of the state that is multiplied with U and the classifier
PRE_ONE = 4096
BIAS_ONE = 32


@dataclass(frozen=True)
class Normalization:
    """Engine features to the network's int8 input: (feature - 32 offset) scale / 512, rounded.

    offset: (n_features,) int8; scale: (n_features,) uint8.
    """

    offset: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> "Normalization":
        """Fit to training features (..., n_features) int16: mean 0, deviation 1 (32 steps)."""
        flat = features.reshape(-1, features.shape[-1]).astype(np.float64)
        offset = np.clip(np.round(flat.mean(0) / 32), -128, 127)
        scale = np.clip(np.round(INPUT_ONE * 512 / (flat.std(0) + 1e-9)), 1, 255)
        return cls(offset.astype(np.int8), scale.astype(np.uint8))

    def __call__(self, features: np.ndarray, device: torch.device | None = None) -> Tensor:
        """Return what the engine feeds its network: (..., n_features) float32, int8 steps / 32.

        device: where it is computed, and lies afterwards; the processor unless another is named.
        """
        # In floats, which hold all of it exactly: at most (32768 + 4096) 255 < 2^24.
        offset, scale = (torch.tensor(v, dtype=torch.float32) for v in (self.offset, self.scale))
        # A copy: torch warns of arrays that cannot be written, as those of a memory map.
        steps = torch.from_numpy(np.array(features)).to(device).float()
        steps = steps.sub_(32 * offset.to(device)).mul_(scale.to(device)).add_(256)
        return steps.div_(512).floor_().clamp_(-128, 127).div_(INPUT_ONE)


def straight_through(value: Tensor, shipped: Tensor) -> Tensor:
    """`shipped` in the forward pass, the gradient of `value` in the backward pass."""
    return value + (shipped - value).detach()


class Quantizer(nn.Module):
    """One matrix in integers with a learned step, which is always one that the file can hold.

    The engine scales a row's sum by multiplier / 2^shift; `unit` is the real value of one step of
    the input times that of the output, so that step = multiplier / 2^shift / unit.
    """

    def __init__(self, weight: Tensor, kind: str, unit: float) -> None:
        """Start from the step with the least squared error."""
        super().__init__()
        self.kind = kind
        # In the state, since what it was calibrated on is gone when a checkpoint is read.
        self._unit: Tensor
        self.register_buffer("_unit", torch.tensor(unit, dtype=torch.float64))
        self.low, self.high = LEVELS[kind]
        self.log_step = nn.Parameter(torch.tensor(math.log(self._best_step(weight.detach()))))

    @property
    def unit(self) -> float:
        """The real value of one step of the input times that of the output."""
        return float(self._unit.item())

    def _best_step(self, weight: Tensor) -> float:
        largest = max(weight.abs().max().item(), 1e-4) / self.high
        steps = [largest * ratio for ratio in np.linspace(0.3, 1.1, 33)]
        errors = [
            ((weight / s).round().clamp(self.low, self.high) * s - weight).square().sum().item()
            for s in steps
        ]
        return float(steps[int(np.argmin(errors))])

    def scale(self) -> tuple[int, int]:
        """Return multiplier (128..255, or less for tiny scales) and shift (0..30) of the step."""
        value = math.exp(self.log_step.item()) * self.unit
        shift = min(30, max(0, 7 - math.floor(math.log2(value))))
        multiplier = round(value * 2**shift)
        if multiplier > 255 and shift > 0:
            multiplier, shift = multiplier // 2, shift - 1
        return min(255, max(1, multiplier)), shift

    def forward(self, weight: Tensor) -> Tensor:
        """Return the shipped real values; gradients reach the weight and the step."""
        multiplier, shift = self.scale()
        step = straight_through(
            self.log_step.exp(), torch.tensor(multiplier / 2**shift / self.unit)
        )
        # LSQ: the step's gradient is scaled to the size of the weights' own
        damping = 1.0 / math.sqrt(weight.numel() * self.high)
        step = step * damping + (step * (1 - damping)).detach()
        ratio = (weight / step).clamp(self.low, self.high)
        return straight_through(ratio, ratio.round()) * step

    def integers(self, weight: Tensor) -> Matrix:
        """Return the matrix as the file holds it."""
        multiplier, shift = self.scale()
        step = torch.tensor(multiplier / 2**shift / self.unit)
        steps = (weight.detach() / step).clamp(self.low, self.high).round()
        return Matrix(self.kind, steps.numpy().astype(np.int8), multiplier, shift)


class QuantizedNetwork(nn.Module):
    """A network whose forward pass is the C engine on its own current bytes."""

    def __init__(
        self,
        network: Network,
        normalization: Normalization,
        config: CompressionConfig,
        *,
        features: FeatureConfig,
        classes: tuple[str, ...],
        calibration: np.ndarray,
    ) -> None:
        """calibration: (clips, frames, n_features) int16 features, to size the low-rank middles."""
        super().__init__()
        assert isinstance(network.cell, FastCell)
        self.network, self.cell = network, network.cell
        self.normalization, self.features, self.classes = normalization, features, classes
        self._gate_bias_limit = config.gate_bias_limit
        self.detector = DetectorConfig()
        with torch.no_grad():
            x = normalization(calibration)
            self.w = self._product(self.cell.W, config.w, x, 1 / INPUT_ONE)
            self.u = self._product(self.cell.U, config.u, self.cell(x), 1 / STATE_ONE)
        unit = LOGIT_ONE / STATE_ONE
        self.v = Quantizer(network.classifier.weight, config.classifier, unit)

    @staticmethod
    def _product(
        factors: nn.ParameterList, kind: str, inputs: Tensor, input_step: float
    ) -> nn.ModuleList:
        """Quantizers for one full matrix, or for (left, right) with an int8 vector in between."""
        quantizers = []
        if len(factors) == 2:
            middle = (inputs @ factors[1].t()).abs().flatten()
            largest = max(middle.max().item(), 1e-3)
            middle_step = 2.0 ** math.ceil(math.log2(largest / 127))
            quantizers.append(Quantizer(factors[1], kind, input_step / middle_step))
            input_step = middle_step
        return nn.ModuleList([Quantizer(factors[0], kind, input_step * PRE_ONE), *quantizers])

    def weights(self) -> Weights:
        """Return the integers of this moment."""
        cell, gate = self.cell, self.cell.bias_gate

        def product(quantizers: nn.ModuleList, factors: nn.ParameterList) -> tuple[Matrix, ...]:
            pairs = zip(quantizers, factors, strict=True)
            return tuple(cast(Quantizer, q).integers(f) for q, f in pairs)

        return Weights(
            input_offset=self.normalization.offset,
            input_scale=self.normalization.scale,
            w=product(self.w, cell.W),
            u=product(self.u, cell.U),
            bias_gate=None if gate is None else _bias(gate, self._gate_bias_limit),
            bias_update=_bias(cell.bias_update),
            zeta_q8=_scalar_q8(cell.zeta),
            nu_q8=_scalar_q8(cell.nu),
            classifier=self.v.integers(self.network.classifier.weight),
            bias_class=_steps(self.network.classifier.bias, LOGIT_ONE, 32767).astype(np.int16),
            hard=cell.hard,
        )

    def encode(self) -> bytes:
        """Return the bytes of the model file at this moment."""
        return model_file.encode(self.features, self.detector, self.classes, self.weights())

    def forward(self, clip_features: np.ndarray) -> Tensor:
        """Engine features (clips, frames, n_features) int16 to the engine's logits, as float32."""
        logits, states = self._run(clip_features, is_trained=torch.is_grad_enabled())
        if states is None:
            return logits
        estimate = torch.nn.functional.linear(
            states, self.v(self.network.classifier.weight), self.network.classifier.bias
        )
        return straight_through(estimate, logits)

    def states(self, clip_features: np.ndarray) -> Tensor:
        """The engine's states instead: (clips, frames, hidden) float32, with their gradient."""
        states = self._run(clip_features, is_trained=True)[1]
        assert states is not None
        return states

    def _run(self, clip_features: np.ndarray, *, is_trained: bool) -> tuple[Tensor, Tensor | None]:
        """The engine's logits, and its states where they are trained."""
        model = model_file.parse(self.encode())
        logits_q10, states_q15 = batch.network_batch(
            model, clip_features, hidden=is_trained, threads=torch.get_num_threads()
        )
        logits = torch.from_numpy(logits_q10).float().div_(LOGIT_ONE)
        if states_q15 is None:
            return logits, None
        given = torch.from_numpy(states_q15).float().div_(32768)
        w = [q(f) for q, f in zip(self.w, self.cell.W, strict=True)]
        u = [q(f) for q, f in zip(self.u, self.cell.U, strict=True)]
        initial = torch.from_numpy(batch.rest(model)).float().div_(32768)
        inputs = self.normalization(clip_features)
        return logits, self.cell.scan_with(inputs, w, u, given, initial=initial)


def _steps(value: Tensor, one: int, limit: int) -> np.ndarray:
    return (value.detach() * one).round().clamp(-limit, limit).numpy()


def _bias(value: Tensor, limit: float = 127 / BIAS_ONE) -> np.ndarray:
    """Of both signs alike: from -limit to limit."""
    return _steps(value, BIAS_ONE, round(limit * BIAS_ONE)).astype(np.int8)


def _scalar_q8(value: Tensor) -> int:
    return min(255, max(0, round(torch.sigmoid(value).item() * 256)))


def keep_largest(weight: Tensor, density: float) -> Tensor:
    """Return the mask of the `density` share of largest weights (hard thresholding)."""
    kept = max(1, round(density * weight.numel()))
    mask = torch.zeros_like(weight.detach())
    # By place, not by a limit, which would keep every one of many equal weights (zeros).
    mask.view(-1)[weight.detach().abs().flatten().topk(kept).indices] = 1.0
    return mask
