"""The exact seam within the engine: many clips at once have the integers of each clip alone."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_models import CELLS, KINDS, RandomModel

from kws.engine import batch, model_file
from kws.engine.weights import Weights
from kws.errors import ModelError
from kws.settings.model import FeatureConfig

EXTREMES = np.array([-32768, -4000, -1, 0, 1, 4000, 32767])


def with_largest_scales(weights: Weights) -> None:
    """Rows that clamp, states that stick at both ends."""
    for matrix in (*weights.w, *weights.u, weights.classifier):
        object.__setattr__(matrix, "multiplier", 255)
        object.__setattr__(matrix, "shift", 0)


@settings(max_examples=60, deadline=None)
@given(
    cell=st.sampled_from(CELLS),
    kind=st.sampled_from(KINDS),
    hard=st.booleans(),
    hidden=st.integers(1, 255),
    ranks=st.tuples(st.integers(0, 40), st.integers(0, 70)),
    n_mfcc=st.integers(0, 32),
    classes=st.integers(1, 40),
    clips=st.integers(4, 40),
    largest_scales=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_model_and_any_number_of_clips(
    cell, kind, hard, hidden, ranks, n_mfcc, classes, clips, largest_scales, seed
):
    recipe = RandomModel(
        cell=cell,
        kind=kind,
        hard=hard,
        hidden=hidden,
        ranks=ranks,
        features=FeatureConfig(n_mfcc=n_mfcc),
        classes=tuple(f"word_{i}" for i in range(classes)),
        seed=seed,
    )
    weights = recipe.weights()
    if largest_scales:
        with_largest_scales(weights)
    try:
        data = model_file.encode(recipe.features, recipe.detector, recipe.classes, weights)
    except ModelError as error:
        assume("at most 65,535" not in str(error))  # full matrices of many units
        raise
    model = model_file.parse(data)
    rng = np.random.default_rng(seed)
    shape = (clips, 12, recipe.features.n_features)
    features = rng.integers(-32768, 32768, shape) >> rng.integers(0, 8, (clips, 1, 1))
    features[::5] = rng.choice(EXTREMES, features[::5].shape)
    features = features.astype(np.int16)
    logits, states = batch.network_batch(model, features, hidden=True, threads=1)
    assert states is not None
    for clip in range(clips):
        alone, alone_states = batch.network_batch(model, features[clip : clip + 1], hidden=True)
        assert alone_states is not None
        np.testing.assert_array_equal(logits[clip], alone[0])
        np.testing.assert_array_equal(states[clip], alone_states[0])
    without_states, _ = batch.network_batch(model, features, threads=1)
    np.testing.assert_array_equal(without_states, logits)
