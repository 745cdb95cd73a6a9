"""The largest network for a number of bytes: what is predicted is what the file will take."""

import dataclasses

import numpy as np
import pytest
import torch

from kws.engine.model_file import Model, parse
from kws.errors import ConfigError
from kws.network import fit
from kws.network.fastgrnn import FastCell
from kws.network.network import Network
from kws.network.quantized import Normalization, QuantizedNetwork, keep_largest
from kws.settings.compression import CompressionConfig
from kws.settings.model import MAX_HIDDEN, FeatureConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe

TEN = ("yes", "no", "up", "down", "left", "right", "stop", "go", "_unknown_", "_silence_")
SPARSE = CompressionConfig(w="sparse8", u="sparse8", density_w=0.3, density_u=0.2)


def recipe_with(**changes) -> Recipe:
    recipe = Recipe(task="commands", name="a", words=TEN[:8], features=FeatureConfig(n_mfcc=13))
    return dataclasses.replace(recipe, **changes)


def encoded(recipe: Recipe, network: NetworkConfig, classes: tuple[str, ...]) -> Model:
    """The file that training would write, from random weights thinned to their density."""
    torch.manual_seed(0)
    n_features, compression = recipe.features.n_features, recipe.compression
    made = Network(
        cell=network.cell,
        n_features=n_features,
        hidden=network.hidden,
        classes=len(classes),
        ranks=(network.rank_w, network.rank_u),
    )
    assert isinstance(made.cell, FastCell)
    for factors, density in (
        (made.cell.W, compression.density_w),
        (made.cell.U, compression.density_u),
    ):
        for factor in factors:
            # One magnitude, so that no kept weight becomes a zero when it is rounded.
            factor.data = factor.data.sign() * keep_largest(factor, density)
    features = np.random.default_rng(0).integers(-900, 900, (4, 20, n_features)).astype(np.int16)
    quantized = QuantizedNetwork(
        made,
        Normalization.of(features),
        compression,
        features=recipe.features,
        classes=classes,
        calibration=features,
    )
    return parse(quantized.encode())


@pytest.mark.parametrize("cell", ["fastgrnn", "fastrnn"])
@pytest.mark.parametrize("ranks", [(0, 0), (5, 0), (0, 3), (4, 7)])
@pytest.mark.parametrize(
    "compression",
    [
        CompressionConfig(),
        CompressionConfig(w="int8", u="int4", classifier="int8"),
        SPARSE,
        CompressionConfig(w="sparse8", u="sparse8", density_w=0.001, density_u=1.0),
    ],
    ids=["int4", "mixed", "sparse", "very sparse"],
)
def test_the_predicted_bytes_are_those_of_the_file(cell, ranks, compression):
    recipe = recipe_with(compression=compression)
    network = NetworkConfig(cell=cell, hidden=19, rank_w=ranks[0], rank_u=ranks[1])
    model = encoded(recipe, network, TEN)
    assert fit.file_bytes(recipe, network, TEN) == len(model.data)
    assert (model.cell, model.hidden, model.ranks) == (cell, 19, ranks)


@pytest.mark.parametrize("max_bytes", [230, 500, 1024, 1025, 3000, 5632])
@pytest.mark.parametrize("cell", ["fastgrnn", "fastrnn"])
@pytest.mark.parametrize("compression", [CompressionConfig(), SPARSE], ids=["int4", "sparse"])
def test_the_chosen_network_fits_and_one_unit_more_would_not(max_bytes, cell, compression):
    network = NetworkConfig(cell=cell, rank_w=2, rank_u=3)
    recipe = recipe_with(max_bytes=max_bytes, compression=compression, network=network)
    chosen = fit.fit(recipe, TEN[:1])
    size = fit.file_bytes(recipe, chosen, TEN[:1])
    assert size <= max_bytes
    assert len(encoded(recipe, chosen, TEN[:1]).data) == size
    assert (chosen.cell, chosen.rank_w, chosen.rank_u) == (cell, 2, 3)
    if chosen.hidden < MAX_HIDDEN:
        larger = dataclasses.replace(chosen, hidden=chosen.hidden + 1)
        assert fit.file_bytes(recipe, larger, TEN[:1]) > max_bytes


@pytest.mark.parametrize("max_bytes", [230, 1024, 5632])
@pytest.mark.parametrize("compression", [CompressionConfig(), SPARSE], ids=["int4", "sparse"])
def test_ranks_that_nobody_names_never_take_more_bytes_than_full_matrices(max_bytes, compression):
    recipe = recipe_with(max_bytes=max_bytes, compression=compression)
    chosen = fit.fit(recipe, TEN[:1])
    size = fit.file_bytes(recipe, chosen, TEN[:1])
    assert len(encoded(recipe, chosen, TEN[:1]).data) == size <= max_bytes
    for full in (dataclasses.replace(chosen, rank_w=0), dataclasses.replace(chosen, rank_u=0)):
        assert fit.file_bytes(recipe, full, TEN[:1]) >= size


def test_more_bytes_never_give_fewer_units():
    hidden = [fit.fit(recipe_with(max_bytes=limit), TEN).hidden for limit in range(400, 6000, 400)]
    assert hidden == sorted(hidden) and hidden[0] < hidden[-1]


def test_ranks_that_the_recipe_names_are_kept_where_they_save_bytes():
    network = NetworkConfig(rank_w=4, rank_u=6)
    chosen = fit.fit(recipe_with(network=network, max_bytes=1024), TEN)
    assert (chosen.rank_w, chosen.rank_u) == (4, 6)


def test_the_network_that_the_recipe_names_is_taken_as_it_is():
    network = NetworkConfig(hidden=21, rank_w=0, rank_u=9)
    exact = fit.file_bytes(recipe_with(), network, TEN)
    assert fit.fit(recipe_with(network=network, max_bytes=exact), TEN) == network
    with pytest.raises(ConfigError, match=rf"21 units takes {exact} bytes.* {exact - 1}; lower"):
        fit.fit(recipe_with(network=network, max_bytes=exact - 1), TEN)


def test_a_budget_that_nothing_fits_in_is_told():
    long_names = tuple(f"a word of some length, number {i}" for i in range(20))
    with pytest.raises(ConfigError, match="20 classes do not fit in 300 bytes"):
        fit.fit(recipe_with(max_bytes=300), long_names)
