"""FastRNN and FastGRNN (Kusupati et al., NeurIPS 2018), with their peers behind one interface.

Shapes: features (clips, frames, n_features), states (clips, frames, hidden),
logits (clips, frames, classes); all float32.
"""

import math

import torch
from torch import Tensor, nn

from kws.network.scan.operator import STATE_BOUND, scan

REST_FRAMES = 100  # of silence, by which the state at rest is computed, as in the engine


class FastCell(nn.Module):
    """FastGRNN, or FastRNN where gated is false: W and U full, or low-rank products.

    FastGRNN: z = sigmoid(W x + U h + bias_gate), c = tanh(W x + U h + bias_update),
              h' = z h + (sigmoid(zeta) (1 - z) + sigmoid(nu)) c            (equation 4)
    FastRNN:  h' = sigmoid(nu) h + sigmoid(zeta) c                          (equation 2)
    With `hard`, sigmoid is clip((x + 1) / 2, 0, 1) and tanh is clip(x, -1, 1), its integer code's.
    Beyond the paper, h' is clamped to the engine's [-1, 1): z near 1 would make it drift.
    """

    def __init__(
        self,
        n_features: int,
        hidden: int,
        ranks: tuple[int, int] = (0, 0),
        *,
        gated: bool = True,
        hard: bool = False,
    ) -> None:
        """Ranks of W and U; 0 makes the matrix full. Initial values are the paper's."""
        super().__init__()
        self.hidden, self.gated, self.hard = hidden, gated, hard
        self.W = _factors(hidden, ranks[0], n_features)
        self.U = _factors(hidden, ranks[1], hidden)
        self.bias_update = nn.Parameter(torch.ones(hidden))
        self.bias_gate = nn.Parameter(torch.ones(hidden)) if gated else None
        # the paper: zeta starts at 1.0 and nu at -4.0; FastRNN's alpha and beta at -3 and 3
        self.zeta = nn.Parameter(torch.tensor(1.0 if gated else -3.0))
        self.nu = nn.Parameter(torch.tensor(-4.0 if gated else 3.0))
        self.silence: Tensor | None = None

    def begin_at_rest(self, silence: Tensor) -> None:
        """Begin every clip in the state that silence leads to, as the engine does.

        silence: (n_features,), the input of a silent frame. Until then clips begin with zeros.
        """
        self.silence = silence

    def rest(self) -> Tensor | None:
        """Return the state at rest of this moment, (hidden,), without a gradient."""
        if self.silence is None:
            return None
        with torch.no_grad():
            frames = self.silence.to(self.bias_update.device).expand(1, REST_FRAMES, -1)
            return self._run(frames, None)[0, -1]

    def forward(self, features: Tensor) -> Tensor:
        """Return all states, by the fused scan on the processor and eagerly elsewhere.

        Not through torch.compile (2.13, tried on a CPU): it gives the same states and gradients,
        but takes a minute for 8 frames, was not done with 99 after 400 s, and is no faster.
        """
        return self._run(features, self.rest())

    def _run(self, features: Tensor, initial: Tensor | None) -> Tensor:
        if features.device.type != "cpu":
            return self.eager(features, initial)
        return self.scan_with(features, list(self.W), list(self.U), initial=initial)

    def scan_with(
        self,
        inputs: Tensor,
        w: list[Tensor],
        u: list[Tensor],
        given: Tensor | None = None,
        *,
        initial: Tensor | None = None,
    ) -> Tensor:
        """The fused scan with these factors in place of the cell's own (quantized ones)."""
        scalars = (torch.sigmoid(self.zeta), torch.sigmoid(self.nu))
        bias = (self.bias_gate, self.bias_update)
        return scan(inputs, w, u, bias, scalars, given, initial=initial, hard=self.hard)

    def eager(self, features: Tensor, initial: Tensor | None = None) -> Tensor:
        """The readable reference: the paper's equations, one frame after another.

        initial: the state before the first frame, (hidden,), zeros unless given.
        """
        zeta, nu = torch.sigmoid(self.zeta), torch.sigmoid(self.nu)
        h = features.new_zeros(features.shape[0], self.hidden)
        if initial is not None:
            h = h + initial
        states = []
        for x in features.unbind(1):
            pre = _apply(self.W, x) + _apply(self.U, h)
            c = self._tanh(pre + self.bias_update)
            if self.bias_gate is not None:
                z = self._sigmoid(pre + self.bias_gate)
                h = z * h + (zeta * (1 - z) + nu) * c
            else:
                h = nu * h + zeta * c
            h = h.clamp(-STATE_BOUND, STATE_BOUND)
            states.append(h)
        return torch.stack(states, 1)

    def _sigmoid(self, x: Tensor) -> Tensor:
        return ((x + 1) / 2).clamp(0, 1) if self.hard else torch.sigmoid(x)

    def _tanh(self, x: Tensor) -> Tensor:
        return x.clamp(-1, 1) if self.hard else torch.tanh(x)


def _factors(rows: int, rank: int, cols: int) -> nn.ParameterList:
    shapes = [(rows, rank), (rank, cols)] if rank else [(rows, cols)]
    return nn.ParameterList([nn.Parameter(torch.randn(s) / math.sqrt(s[1])) for s in shapes])


def _apply(factors: nn.ParameterList, x: Tensor) -> Tensor:
    for factor in reversed(list(factors)):
        x = x @ factor.t()
    return x
