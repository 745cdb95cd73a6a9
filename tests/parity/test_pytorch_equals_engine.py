"""The exact seam: PyTorch's quantized forward pass and the C engine agree in every integer."""

from pathlib import Path

import numpy as np
import pytest
from random_models import ALL, RandomModel

from kws.audio.files import read_audio
from kws.engine import batch, model_file
from kws.engine.read_weights import read_weights
from kws.reference import network

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(ROOT.glob("models/*/*.kws"))
EXTREMES = np.array([-32768, -4000, -1, 0, 1, 4000, 32767])


def assert_no_integer_differs(model: model_file.Model, features: np.ndarray) -> None:
    logits, states = batch.network_batch(model, features, hidden=True)
    hidden, own_logits = network.run(read_weights(model), features, batch.silence(model.features))
    np.testing.assert_array_equal(hidden.numpy(), states)
    np.testing.assert_array_equal(own_logits.numpy(), logits)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    paths = sorted((ROOT / "data" / "sample" / "positives" / "test").rglob("*.opus"))[:12]
    assert paths, "data/sample has no positives/test"
    clips = [read_audio(path) for path in paths]
    length = min(map(len, clips))
    return np.stack([clip[:length] for clip in clips])


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_every_cell_rank_and_kind_on_speech_and_on_extremes(recipe: RandomModel, speech):
    model = model_file.parse(recipe.encode())
    features = batch.features_batch(speech, model.features)
    assert_no_integer_differs(model, features)
    rng = np.random.default_rng(1)
    noise = rng.integers(-32768, 32768, (6, 40, model.features.n_features))
    assert_no_integer_differs(model, noise.astype(np.int16))
    steps = rng.choice(EXTREMES, (6, 40, model.features.n_features))
    assert_no_integer_differs(model, steps.astype(np.int16))


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_the_random_models_are_lively(recipe: RandomModel, speech):
    """A comparison of zeros would prove nothing."""
    model = model_file.parse(recipe.encode())
    features = batch.features_batch(speech, model.features)
    logits, states = batch.network_batch(model, features, hidden=True)
    assert states is not None
    assert len(np.unique(states)) > 1000
    assert states.std() > 2000 and np.abs(states).max() > 15_000
    assert logits.std() > 200


def test_saturating_scales_agree_too(speech):
    """Scales no training would choose: rows that clamp, states that stick at both ends."""
    recipe = RandomModel(ranks=(0, 0), kind="int8", seed=5)
    weights = recipe.weights()
    matrices = [*weights.w, *weights.u, weights.classifier]
    for matrix in matrices:
        object.__setattr__(matrix, "multiplier", 255)
        object.__setattr__(matrix, "shift", 0)
    data = model_file.encode(recipe.features, recipe.detector, recipe.classes, weights)
    model = model_file.parse(data)
    features = batch.features_batch(speech, model.features)
    assert_no_integer_differs(model, features)
    logits, _ = batch.network_batch(model, features)
    assert {-32768, 32767} <= set(np.unique(logits))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_models_on_speech(path: Path, speech):
    model = model_file.load(path)
    assert_no_integer_differs(model, batch.features_batch(speech, model.features))


@pytest.mark.recordings
@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_random_models_over_all_validation_clips(recipe: RandomModel, validation_clips):
    model = model_file.parse(recipe.encode())
    assert_no_integer_differs(model, batch.features_batch(validation_clips, model.features))


@pytest.mark.recordings
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_models_over_all_validation_clips(path: Path, validation_clips):
    model = model_file.load(path)
    assert_no_integer_differs(model, batch.features_batch(validation_clips, model.features))
