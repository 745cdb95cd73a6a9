"""A network that goes on from a model file begins with that file, to the byte."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kws.audio.files import read_audio
from kws.engine import batch, model_file
from kws.engine.read_weights import read_weights
from kws.network import restored
from kws.network.network import Network
from kws.network.quantized import QuantizedNetwork
from kws.settings.compression import CompressionConfig

ROOT = Path(__file__).resolve().parents[3]
MODELS, TALK = ROOT / "models", ROOT / "data/sample/stream/held_out.opus"
NAMES = sorted(path.stem for path in MODELS.glob("*/*.kws"))


def quantized_of(model: model_file.Model) -> QuantizedNetwork:
    weights = read_weights(model)
    network = Network(
        cell=model.cell,
        n_features=model.features.n_features,
        hidden=model.hidden,
        classes=len(model.classes),
        ranks=model.ranks,
        hard=model.hard,
    )
    normalization = restored.restore(network, weights)
    features = np.random.default_rng(0).integers(-2000, 2000, (4, 30, model.features.n_features))
    quantized = QuantizedNetwork(
        network,
        normalization,
        CompressionConfig(
            w=weights.w[0].kind,
            u=weights.u[0].kind,
            classifier=weights.classifier.kind,
            gate_bias_limit=3.96,
        ),
        features=model.features,
        classes=model.classes,
        calibration=features.astype(np.int16),
    )
    quantized.detector = model.detector
    restored.restore_steps(quantized, weights)
    return quantized


def test_there_are_models_to_go_on_from() -> None:
    assert len(NAMES) > 4


@pytest.mark.parametrize("name", NAMES)
def test_it_encodes_to_the_bytes_that_it_was_read_from(name: str) -> None:
    model = model_file.load(MODELS / name)
    assert quantized_of(model).encode() == model.data


def test_the_floats_do_as_the_integers_do() -> None:
    """What the gradient sees is near what ships, from the first step on."""
    quantized = quantized_of(model_file.load(MODELS / "hey_cortana"))
    config = quantized.features
    heard = batch.features(read_audio(TALK), config)[None, :3000]
    quantized.network.begin_at_rest(quantized.normalization(batch.silence(config)))
    shipped = quantized(heard)
    with torch.no_grad():
        normalized = quantized.normalization(heard)
        states = quantized.cell(normalized)
        estimate = quantized.network.classifier(states)
    assert torch.corrcoef(torch.stack([shipped.flatten(), estimate.flatten()]))[0, 1] > 0.98
