"""The integers of a .kws file as arrays: what `model_file.encode` wrote, read back."""

from typing import Any

import numpy as np

from kws.engine.model_file import Model
from kws.engine.native._engine import ffi
from kws.engine.weights import MATRIX_KINDS, Matrix, Weights


def read_weights(model: Model) -> Weights:
    """Return the weights that the engine found in a model; `encode` makes the same bytes of them.

    The engine has checked every size; this follows its pointers into the model's bytes.
    """
    m = model.c[0].model
    features, hidden = model.features.n_features, model.hidden
    inputs = _bytes(m.input, 2 * features).reshape(features, 2)

    def product(left: Any, right: Any) -> tuple[Matrix, ...]:
        return (_matrix(left), _matrix(right)) if right.rows else (_matrix(left),)

    gated = model.cell == "fastgrnn"
    return Weights(
        input_offset=inputs[:, 0].copy().view(np.int8),
        input_scale=inputs[:, 1].copy(),
        w=product(m.w1, m.w2),
        u=product(m.u1, m.u2),
        bias_gate=_bytes(m.bias_gate, hidden).view(np.int8) if gated else None,
        bias_update=_bytes(m.bias_update, hidden).view(np.int8),
        zeta_q8=m.zeta_q8,
        nu_q8=m.nu_q8,
        classifier=_matrix(m.classifier),
        bias_class=_bytes(m.bias_class, 2 * len(model.classes)).view("<i2").astype(np.int16),
        hard=model.hard,
    )


def _bytes(pointer: Any, count: int) -> np.ndarray:
    return np.frombuffer(bytearray(ffi.buffer(pointer, count)), np.uint8)


def _matrix(matrix: Any) -> Matrix:
    kind = MATRIX_KINDS[matrix.kind]
    unpack = {"int8": _dense8, "int4": _dense4, "sparse8": _sparse8}[kind]
    return Matrix(kind, unpack(matrix), matrix.multiplier, matrix.shift)


def _dense8(matrix: Any) -> np.ndarray:
    packed = _bytes(matrix.data, matrix.rows * matrix.cols)
    return packed.view(np.int8).reshape(matrix.rows, matrix.cols)


def _dense4(matrix: Any) -> np.ndarray:
    row_bytes = (matrix.cols + 1) // 2
    packed = _bytes(matrix.data, matrix.rows * row_bytes).reshape(matrix.rows, row_bytes)
    halves = np.stack([packed & 15, packed >> 4], axis=2).reshape(matrix.rows, -1)
    return ((halves.astype(np.int8) ^ 8) - 8)[:, : matrix.cols]


def _sparse8(matrix: Any) -> np.ndarray:
    weights = np.zeros((matrix.rows, matrix.cols), np.int8)
    bitmap_bytes, at = (matrix.cols + 7) // 8, 0
    for row in weights:
        bitmap = _bytes(matrix.data + at, bitmap_bytes)
        columns = np.flatnonzero(np.unpackbits(bitmap, bitorder="little"))
        at += bitmap_bytes
        row[columns] = _bytes(matrix.data + at, len(columns)).view(np.int8)
        at += len(columns)
    return weights
