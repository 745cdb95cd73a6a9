"""The integers of a network, and how their matrices are packed into the bytes of a model file."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MATRIX_KINDS = ("int8", "int4", "sparse8")


@dataclass(frozen=True)
class Matrix:
    """Integer weights and their scale: real value = weights * multiplier / 2^shift.

    weights: (rows, cols) int8; int4 holds -8..7.
    """

    kind: str
    weights: npt.NDArray[np.int8]
    multiplier: int
    shift: int

    def pack(self) -> bytes:
        """Return head and rows as the file holds them."""
        head = bytes([MATRIX_KINDS.index(self.kind), self.multiplier, self.shift])
        return head + {"int8": _pack8, "int4": _pack4, "sparse8": _pack_sparse8}[self.kind](
            self.weights
        )


def _pack8(weights: npt.NDArray[np.int8]) -> bytes:
    return weights.astype(np.int8).tobytes()


def _pack4(weights: npt.NDArray[np.int8]) -> bytes:
    """Two weights a byte, the even column in the low half; rows end on whole bytes."""
    halves = weights.astype(np.int8).view(np.uint8) & 15
    packed = halves[:, 0::2].copy()
    packed[:, : weights.shape[1] // 2] |= halves[:, 1::2] << 4
    return packed.tobytes()


def _pack_sparse8(weights: npt.NDArray[np.int8]) -> bytes:
    """A bitmap of the columns that hold a weight (lowest bit first), then these weights."""
    rows = []
    for row in weights:
        rows.append(np.packbits(row != 0, bitorder="little").tobytes() + row[row != 0].tobytes())
    return b"".join(rows)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The integers of a network.

    w and u hold one full matrix, or the low-rank pair (left, right) with W = left @ right.
    input_offset: (n_features,) int8, units of 32; input_scale: (n_features,) uint8, 9 fractional
    bits; biases of the cell: (hidden,) int8, 5 fractional bits; bias_class: (classes,) int16, 10.
    """

    input_offset: npt.NDArray[np.int8]
    input_scale: npt.NDArray[np.uint8]
    w: tuple[Matrix, ...]
    u: tuple[Matrix, ...]
    bias_gate: npt.NDArray[np.int8] | None
    bias_update: npt.NDArray[np.int8]
    zeta_q8: int
    nu_q8: int
    classifier: Matrix
    bias_class: npt.NDArray[np.int16]
    hard: bool = False  # clip((x + 1) / 2, 0, 1) for sigmoid, clip(x, -1, 1) for tanh

    @property
    def cell(self) -> str:
        """`fastgrnn` where there is a gate, else `fastrnn`."""
        return "fastrnn" if self.bias_gate is None else "fastgrnn"

    @property
    def hidden(self) -> int:
        """Units of the hidden state."""
        return len(self.bias_update)
