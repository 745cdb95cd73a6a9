"""The convolutional peers: the sizes that their papers give, and honest normalization."""

import pytest
import torch

from kws.errors import ConfigError
from kws.network.cost import costs
from kws.network.network import Network, parameters
from kws.network.peers import BroadcastedBlock, SubSpectralNorm
from kws.settings.model import FeatureConfig
from kws.settings.names import CONVOLUTIONAL
from kws.settings.network import NetworkConfig

SHAPES = {"ds_cnn": (10, 49), "bc_resnet": (40, 97)}  # features, frames of a second
MFCC_10 = FeatureConfig(hop_length=320, n_mfcc=10)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def network_of(cell: str, hidden: int, classes: int = 10) -> Network:
    return Network(cell=cell, n_features=SHAPES[cell][0], hidden=hidden, classes=classes)


def test_bc_resnet_has_the_parameters_of_its_paper():
    """The authors' code has 9,166 for ten classes; the paper 321 thousand for BC-ResNet-8."""
    assert parameters(network_of("bc_resnet", 32)) == 9_166
    assert parameters(network_of("bc_resnet", 256, 12)) == pytest.approx(321_000, rel=0.001)


def test_ds_cnn_s_has_the_products_of_its_paper():
    """5.4 million operations, two a product."""
    found = costs(network_of("ds_cnn", 64, 12), MFCC_10)
    assert found["macs_per_second"] == pytest.approx(2.7e6, rel=0.02)
    # first convolution and four depthwise-separable ones at 25 x 5 places, classifier
    layers = 40 * 64 + 4 * (9 * 64 + 64 * 64)
    assert found["macs_per_second"] == 25 * 5 * layers + 64 * 12
    assert found["parameters"] == layers + 9 * 2 * 64 + 65 * 12  # and batch normalizations


@pytest.mark.parametrize("cell", CONVOLUTIONAL)
def test_a_peer_gives_one_state_a_clip_and_trains_every_parameter(cell):
    n_features, frames = SHAPES[cell]
    network = network_of(cell, 20)
    logits = network(torch.randn(6, frames, n_features))
    assert logits.shape == (6, 1, 10)
    logits.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("cell", CONVOLUTIONAL)
def test_a_clip_is_judged_by_itself_once_trained(cell):
    n_features, frames = SHAPES[cell]
    network = network_of(cell, 20)
    clips = torch.randn(6, frames, n_features)
    network(clips)  # running means
    network.eval()
    torch.testing.assert_close(network(clips[:1]), network(clips)[:1])


def test_each_fifth_of_the_bands_is_normalized_by_itself():
    x = torch.randn(8, 3, 10, 7)
    x[:, 1, 4:6] = 5 * x[:, 1, 4:6] + 9  # one channel, one fifth
    normalized = SubSpectralNorm(3)(x)
    for channel in range(3):
        for fifth in range(5):
            part = normalized[:, channel, 2 * fifth : 2 * fifth + 2]
            assert part.mean().abs() < 1e-5
            assert abs(part.std(correction=0).item() - 1.0) < 1e-3


def test_a_block_adds_what_it_heard_in_time_to_every_band():
    block = BroadcastedBlock(4, 4, 1, 2).eval()
    x = torch.randn(2, 4, 10, 9)
    with torch.no_grad():
        over_bands = block.f2(x)
        over_time = block.f1(over_bands.mean(2, keepdim=True))
        expected = torch.relu(x + over_bands + over_time)  # over_time: (2, 4, 1, 9)
        torch.testing.assert_close(block(x), expected)


def test_a_recipe_may_name_a_peer_and_no_other():
    assert NetworkConfig(cell="bc_resnet", hidden=32).hidden == 32
    with pytest.raises(ConfigError, match=r"cell is 'resnet'; choose one of .*ds_cnn, bc_resnet"):
        NetworkConfig(cell="resnet")
