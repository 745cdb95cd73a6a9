"""From float to the file's integers: what training sees is what ships."""

import numpy as np
import pytest
import torch
from loudness_models import noise

from kws.engine import batch, model_file
from kws.engine.read_weights import read_weights
from kws.errors import ConfigError
from kws.network.network import Network
from kws.network.quantized import Normalization, QuantizedNetwork, Quantizer, keep_largest
from kws.reference import network
from kws.settings.compression import LEVELS, CompressionConfig
from kws.settings.model import LOGIT_ONE, FeatureConfig

FEATURES = FeatureConfig(hop_length=320, n_mfcc=6)
KINDS = tuple(LEVELS)


def clips(count: int = 12) -> tuple[np.ndarray, torch.Tensor]:
    """Features of dull and of bright noise, and which is which."""
    colours = ["low" if i % 2 else "high" for i in range(count)]
    samples = np.stack([noise(0.6, 800, seed=i, colour=c) for i, c in enumerate(colours)])
    return batch.features_batch(samples, FEATURES), torch.arange(count) % 2


def quantized(
    kind: str = "int4", cell: str = "fastgrnn", ranks: tuple[int, int] = (3, 4)
) -> tuple[QuantizedNetwork, np.ndarray, torch.Tensor]:
    torch.manual_seed(1)
    features, labels = clips()
    network = Network(cell=cell, n_features=6, hidden=9, classes=2, ranks=ranks)
    made = QuantizedNetwork(
        network,
        Normalization.of(features),
        CompressionConfig(w=kind, u=kind, classifier=kind),
        features=FEATURES,
        classes=("high", "low"),
        calibration=features,
    )
    return made, features, labels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", ("fastgrnn", "fastrnn"))
@pytest.mark.parametrize("ranks", ((0, 0), (3, 4)))
def test_the_forward_pass_is_the_engine_on_the_shipped_bytes(kind, cell, ranks):
    made, features, _ = quantized(kind, cell, ranks)
    logits = made(features)
    model = model_file.parse(made.encode())
    shipped, _ = batch.network_batch(model, features)
    np.testing.assert_array_equal((logits * LOGIT_ONE).detach().numpy(), shipped)
    _, reference = network.run(read_weights(model), features, batch.silence(model.features))
    np.testing.assert_array_equal(reference.numpy(), shipped)


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_behind_the_gradient_is_close_to_the_shipped_logits(kind):
    """Else the straight-through gradient would be that of another network."""
    made, features, _ = quantized(kind)
    model = model_file.parse(made.encode())
    shipped, states = batch.network_batch(model, features, hidden=True)
    assert states is not None
    x = made.normalization(features)
    w = [q(f) for q, f in zip(made.w, made.cell.W, strict=True)]
    u = [q(f) for q, f in zip(made.u, made.cell.U, strict=True)]
    initial = torch.from_numpy(batch.rest(model)).float() / 32768
    h = made.cell.scan_with(x, w, u, initial=initial)
    estimate = torch.nn.functional.linear(
        h, made.v(made.network.classifier.weight), made.network.classifier.bias
    )
    error = estimate.detach().numpy() - shipped / LOGIT_ONE
    assert np.sqrt(np.mean(error**2)) < 0.1
    assert np.sqrt(np.mean((h.detach().numpy() - states / 32768) ** 2)) < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_gets_a_gradient_and_the_shipped_loss_falls(kind):
    made, features, labels = quantized(kind)
    optimizer = torch.optim.Adam(made.parameters(), 0.01)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(made(features).max(1).values, labels)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in made.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    model = model_file.parse(made.encode())
    logits = batch.network_batch(model, features)[0].max(axis=1)
    np.testing.assert_array_equal(logits.argmax(axis=1), labels.numpy())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", (1e-4, 0.1, 3.0))
def test_a_quantizer_keeps_to_scales_that_the_file_can_hold(kind, size):
    torch.manual_seed(0)
    weight = size * torch.randn(20, 30)
    made = Quantizer(weight, kind, 128.0)
    multiplier, shift = made.scale()
    assert 1 <= multiplier <= 255 and 0 <= shift <= 30
    integers = made.integers(weight)
    low, high = LEVELS[kind]
    assert integers.weights.min() >= low and integers.weights.max() <= high
    shipped = integers.weights * (multiplier / 2**shift / 128.0)
    values = made(weight).detach().numpy()
    np.testing.assert_allclose(values, shipped, rtol=1e-4, atol=1e-7 * size)
    error = np.sqrt(np.mean((shipped - weight.numpy()) ** 2)) / size
    assert error < (0.15 if kind == "int4" else 0.02)


@pytest.mark.parametrize("log_step", (-40.0, -3.0, 0.0, 9.0))
def test_whatever_step_is_learned_the_scale_stays_valid(log_step):
    made = Quantizer(torch.ones(2, 2), "int8", 128.0)
    with torch.no_grad():
        made.log_step.fill_(log_step)
    multiplier, shift = made.scale()
    assert 1 <= multiplier <= 255 and 0 <= shift <= 30


def test_normalization_is_that_of_the_engine_and_fits_its_features():
    features, _ = clips()
    normalization = Normalization.of(features)
    x = normalization(features)
    assert x.abs().max() <= 4.0
    assert (x.std((0, 1)) > 0.9).all()
    mean = features.reshape(-1, 6).mean(0)
    in_reach = np.abs(mean) <= 4096  # 127 offsets of 32; the level alone can lie beyond
    assert in_reach[1:].all()
    assert (x.mean((0, 1)).abs()[in_reach] < 0.1).all()
    made, features, _ = quantized()
    weights = made.weights()
    ours = network.normalize(weights, torch.from_numpy(features).to(torch.int64))
    np.testing.assert_array_equal(ours.numpy() / 32, made.normalization(features).numpy())


def test_keep_largest_keeps_the_share_and_the_largest():
    torch.manual_seed(0)
    weight = torch.randn(30, 40)
    mask = keep_largest(weight, 0.25)
    assert mask.sum() == 300
    assert weight.abs()[mask == 1].min() >= weight.abs()[mask == 0].max()
    assert keep_largest(weight, 1.0).sum() == 1200
    assert keep_largest(weight, 1e-9).sum() == 1


def test_zeroed_weights_cost_no_byte_where_sparse():
    made, _, _ = quantized("sparse8")
    before = len(made.encode())
    with torch.no_grad():
        for factor in made.cell.U:
            factor *= keep_largest(factor, 0.2)
    sparse = model_file.parse(made.encode())
    total = sum(factor.numel() for factor in made.cell.U)
    assert before - len(sparse.data) >= 0.7 * total
    kept = sum(int(np.count_nonzero(m.weights)) for m in read_weights(sparse).u)
    assert kept <= 0.25 * total


@pytest.mark.parametrize(
    "settings", [{"w": "int2"}, {"u": "float"}, {"density_w": 0.0}, {"density_u": 1.5}]
)
def test_settings_that_do_not_exist_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        CompressionConfig(**settings)
