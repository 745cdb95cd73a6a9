"""The largest network that fits in a number of bytes, and a network of a recipe's sizes."""

import dataclasses

import numpy as np
import torch

from kws.engine import model_file
from kws.engine.weights import Matrix, Weights
from kws.errors import ConfigError
from kws.network.network import Network
from kws.settings.model import MAX_HIDDEN, DetectorConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe

RANK_W_SHARE, RANK_U_SHARE = 0.2, 0.25  # of the hidden units; the paper's lie around these
MIN_HIDDEN = 4


def file_bytes(recipe: Recipe, network: NetworkConfig, classes: tuple[str, ...]) -> int:
    """Return the size of the model file, exactly; sparse matrices at their full density."""
    config, n_features = recipe.compression, recipe.features.n_features

    def product(kind: str, density: float, rank: int, cols: int) -> tuple[Matrix, ...]:
        shapes = [(network.hidden, rank), (rank, cols)] if rank else [(network.hidden, cols)]
        return tuple(Matrix(kind, _filled(shape, density), 128, 7) for shape in shapes)

    gated = network.cell == "fastgrnn"
    bias = np.zeros(network.hidden, np.int8)
    weights = Weights(
        input_offset=np.zeros(n_features, np.int8),
        input_scale=np.ones(n_features, np.uint8),
        w=product(config.w, config.density_w, network.rank_w, n_features),
        u=product(config.u, config.density_u, network.rank_u, network.hidden),
        bias_gate=bias if gated else None,
        bias_update=bias,
        zeta_q8=1,
        nu_q8=1,
        classifier=Matrix(config.classifier, _filled((len(classes), network.hidden), 1.0), 128, 7),
        bias_class=np.zeros(len(classes), np.int16),
        hard=network.nonlinearity == "hard",
    )
    return len(model_file.encode(recipe.features, DetectorConfig(), classes, weights))


def _filled(shape: tuple[int, int], density: float) -> np.ndarray:
    """Weights of which `density` are not zero."""
    weights = np.zeros(shape[0] * shape[1], np.int8)
    weights[: max(1, round(density * weights.size))] = 1
    return weights.reshape(shape)


def fit(recipe: Recipe, classes: tuple[str, ...]) -> NetworkConfig:
    """Return the recipe's network, its sizes chosen where hidden is 0.

    ConfigError where even the smallest, or the one asked for, does not fit in max_bytes.
    """
    network = recipe.network
    if network.hidden:
        size = file_bytes(recipe, network, classes)
        if size > recipe.max_bytes:
            raise ConfigError(
                f"A network with {network.hidden} units takes {size} bytes, more than max_bytes "
                f"{recipe.max_bytes}; lower hidden or the ranks, or set hidden to 0."
            )
        return network
    for hidden in range(MAX_HIDDEN, MIN_HIDDEN - 1, -1):
        candidate = sizes_at(recipe, hidden)
        if file_bytes(recipe, candidate, classes) <= recipe.max_bytes:
            return candidate
    raise ConfigError(
        f"{len(classes)} classes do not fit in {recipe.max_bytes} bytes with any network; "
        "raise max_bytes or name fewer words."
    )


def untrained(recipe: Recipe, classes: int) -> Network:
    """Return a network of the recipe's sizes as its seed draws it."""
    torch.manual_seed(recipe.seed)
    sizes = recipe.network
    return Network(
        cell=sizes.cell,
        n_features=recipe.features.n_features,
        hidden=sizes.hidden,
        classes=classes,
        ranks=(sizes.rank_w, sizes.rank_u),
        hard=sizes.nonlinearity == "hard",
        dropout=recipe.schedule.dropout,
    )


def sizes_at(recipe: Recipe, hidden: int) -> NetworkConfig:
    """Return the recipe's network with so many units, and ranks that go with them."""
    network, n_features = recipe.network, recipe.features.n_features
    rank_w = network.rank_w or round(min(hidden * RANK_W_SHARE, n_features / 2))
    rank_u = network.rank_u or round(hidden * RANK_U_SHARE)
    if rank_w * (hidden + n_features) >= hidden * n_features:
        rank_w = 0
    if rank_u * 2 >= hidden:
        rank_u = 0
    return dataclasses.replace(network, hidden=hidden, rank_w=rank_w, rank_u=rank_u)
