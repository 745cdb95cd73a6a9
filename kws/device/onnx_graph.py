"""One frame of the network and the detector's smoothing as an ONNX graph, in floating point.

The graph has the engine's saturations and none of its roundings: weights are the file's integers
times their scale, tables are the functions that they stand for. So its scores are near the
engine's and not equal to them. Equations: kws/reference/network.py has them in integers.
"""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.engine.model_file import Model
from kws.engine.read_weights import read_weights
from kws.engine.weights import Matrix, Weights
from kws.errors import ToolError
from kws.settings.model import LOGIT_ONE, log_odds_q10

OPSET = 17
IR_VERSION = 8
STREAMS = "streams"  # the free dimension: that many streams go through at once
STATE_LIMIT = 32_767 / 32_768
LOGIT_LIMIT = 32_767 / LOGIT_ONE
SEMANTICS = (
    "Floating point: the engine's saturations without its roundings. Scores are near those of the "
    "fixed-point engine and not equal to them; accuracies that kws quotes are the engine's."
)
Floats = npt.NDArray[np.float32]


def onnx_bytes(model: Model) -> bytes:
    """Return the graph as a file's bytes; ToolError where the package onnx is not installed.

    Inputs, float32: features (streams, n_features), natural logarithms: those of `kws.features`
    divided by 128; hidden (streams, hidden) in [-1, 1); scores (streams, classes), log-odds.
    Outputs: hidden_next and scores_next, to be given with the next frame. A detection is for the
    caller to make; the metadata have threshold, release and refractory time.
    """
    try:
        from onnx import checker, helper
    except ModuleNotFoundError as missing:
        raise ToolError(
            "Exporting to onnx needs the package onnx: pip install 'kws[onnx]'."
        ) from missing
    graph = _Graph(helper)
    _network(graph, read_weights(model))
    _smoothing(graph, model)
    sizes = {"features": model.features.n_features, "hidden": model.hidden}
    sizes |= {"scores": len(model.classes)}
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "kws_step",
            [_value(helper, name, size) for name, size in sizes.items()],
            [_value(helper, f"{name}_next", sizes[name]) for name in ("hidden", "scores")],
            graph.constants,
        ),
        producer_name="kws",
        doc_string=SEMANTICS,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(made, metadata(model))
    checker.check_model(made, full_check=True)
    data: bytes = made.SerializeToString()
    return data


def metadata(model: Model) -> dict[str, str]:
    """Return what the file says beside the graph: JSON values by name.

    hidden_at_rest and scores_at_rest are the engine's state at rest, with which a stream begins.
    """
    spotter, front, detector = model.c[0], model.features, model.detector
    hidden = [spotter.fastgrnn.hidden_q15[i] / 32_768 for i in range(model.hidden)]
    scores = [spotter.detector.score_q10[i] / LOGIT_ONE for i in range(len(model.classes))]
    values = {
        "semantics": SEMANTICS,
        "classes": list(model.classes),
        "words": list(model.words),
        "sample_rate_hz": front.sample_rate_hz,
        "frame_length": front.frame_length,
        "hop_length": front.hop_length,
        "n_mels": front.n_mels,
        "n_mfcc": front.n_mfcc,
        "energy": front.energy,
        "feature_unit": "natural logarithm; the engine's integers divided by 128",
        "score_unit": "log-odds of a class against the best other one, smoothed",
        "threshold": log_odds_q10(detector.threshold) / LOGIT_ONE,
        "release": log_odds_q10(detector.release) / LOGIT_ONE,
        "refractory_frames": detector.refractory_frames,
        "hidden_at_rest": hidden,
        "scores_at_rest": scores,
    }
    return {name: json.dumps(value) for name, value in values.items()}


class _Graph:
    """Nodes and constants, in the order in which they are added."""

    def __init__(self, helper: Any) -> None:
        self.helper = helper
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        array = np.asarray(values, np.float32)
        flat = array.ravel().tolist()
        self.constants.append(
            self.helper.make_tensor(name, self.helper.TensorProto.FLOAT, array.shape, flat)
        )
        return name

    def add(self, kind: str, *inputs: str, to: str, **attributes: Any) -> str:
        self.nodes.append(self.helper.make_node(kind, inputs, [to], name=to, **attributes))
        return to

    def clip(self, value: str, low: float, high: float, to: str) -> str:
        ends = (self.constant(f"{to}_low", low), self.constant(f"{to}_high", high))
        return self.add("Clip", value, *ends, to=to)

    def product(self, factors: tuple[Matrix, ...], x: str, to: str, one: float) -> str:
        """W x of a full matrix, or w1 (w2 x) with a saturated vector in between.

        x is in the units of int8; `one` is what the result's integers call 1.
        """
        if len(factors) == 2:
            weights = self.constant(f"{to}_right", _real(factors[1]).T)
            x = self.clip(self.add("MatMul", x, weights, to=f"{to}_low_rank"), -128, 127, f"{to}_8")
        return self.add("MatMul", x, self.constant(f"{to}_left", _real(factors[0]).T / one), to=to)


def _real(matrix: Matrix) -> Floats:
    scale = matrix.multiplier / 2.0**matrix.shift
    return (matrix.weights * scale).astype(np.float32)


def _value(helper: Any, name: str, size: int) -> Any:
    return helper.make_tensor_value_info(name, helper.TensorProto.FLOAT, [STREAMS, size])


def _network(graph: _Graph, weights: Weights) -> None:
    """features, hidden to hidden_next, logits."""
    scale = weights.input_scale / np.float32(512)
    given = graph.add("Mul", "features", graph.constant("in_scale", 128 * scale), to="in_scaled")
    shift = graph.constant("in_offset", 32 * weights.input_offset.astype(np.float32) * scale)
    x = graph.clip(graph.add("Sub", given, shift, to="in_centred"), -128, 127, "in_8")
    h = graph.add("Mul", "hidden", graph.constant("state_to_8", 128), to="hidden_8")
    w = graph.product(weights.w, x, "wx", 4096)
    pre = graph.add("Add", w, graph.product(weights.u, h, "uh", 4096), to="pre")
    bias = graph.constant("bias_update", weights.bias_update / np.float32(32))
    update = graph.add("Add", pre, bias, to="pre_update")
    if weights.hard:
        candidate = graph.clip(update, -1, 1, "candidate")
    else:
        candidate = graph.add("Tanh", graph.clip(update, -4, 4, "update"), to="candidate")
    keep, write = _gate(graph, weights, pre)
    kept = graph.add("Mul", keep, "hidden", to="kept")
    written = graph.add("Mul", write, candidate, to="written")
    state = graph.clip(graph.add("Add", kept, written, to="state"), -1, STATE_LIMIT, "hidden_next")
    out = graph.clip(graph.add("Mul", state, "state_to_8", to="state_scaled"), -128, 127, "state_8")
    sums = graph.product((weights.classifier,), out, "classified", LOGIT_ONE)
    bias = graph.constant("bias_class", weights.bias_class / np.float32(LOGIT_ONE))
    biased = graph.add("Add", sums, bias, to="biased")
    graph.clip(biased, -32, LOGIT_LIMIT, "logits")


def _gate(graph: _Graph, weights: Weights, pre: str) -> tuple[str, str]:
    """How much of the state stays, and how much of the candidate comes."""
    zeta = graph.constant("zeta", weights.zeta_q8 / 256)
    nu = graph.constant("nu", weights.nu_q8 / 256)
    if weights.bias_gate is None:
        return nu, zeta
    bias = graph.constant("bias_gate", weights.bias_gate / np.float32(32))
    biased = graph.add("Add", pre, bias, to="pre_gate")
    if weights.hard:
        half = graph.constant("half", 0.5)
        halved = graph.add("Mul", biased, half, to="gate_halved")
        keep = graph.clip(graph.add("Add", halved, half, to="gate_line"), 0, STATE_LIMIT, "gate")
    else:
        keep = graph.add("Sigmoid", graph.clip(biased, -8, 8, "gate_8"), to="gate")
    rest = graph.add("Sub", graph.constant("one", 1), keep, to="gate_rest")
    scaled = graph.add("Mul", rest, zeta, to="gate_zeta")
    return keep, graph.add("Add", scaled, nu, to="write")


def _smoothing(graph: _Graph, model: Model) -> None:
    """logits, scores to scores_next: each class against the best other one, then the average."""
    classes, odds = len(model.classes), "logits"
    if classes > 1:
        # (streams, 1, classes) + (classes, classes): what is beyond every logit hides a class
        own = graph.constant("own", np.diag(np.full(classes, -65_536.0)))
        axes = graph.helper.make_tensor("axis", graph.helper.TensorProto.INT64, [1], [1])
        graph.constants.append(axes)
        row = graph.add("Unsqueeze", "logits", "axis", to="logits_row")
        others = graph.add("Add", row, own, to="others")
        best = graph.add("ReduceMax", others, to="best_other", axes=[2], keepdims=0)
        odds = graph.add("Sub", "logits", best, to="odds")
    odds = graph.clip(odds, -32, LOGIT_LIMIT, "odds_16")
    weight = graph.constant("smoothing", 2.0**-model.detector.smoothing_shift)
    change = graph.add("Sub", odds, "scores", to="change")
    step = graph.add("Mul", change, weight, to="step")
    graph.add("Add", "scores", step, to="scores_next")
