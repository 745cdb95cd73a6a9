"""FastGRNN, FastRNN and their peers: the paper's equations, by the fused scan and eagerly."""

import math

import pytest
import torch
from torch import Tensor

from kws.errors import ConfigError
from kws.network.fastgrnn import FastCell
from kws.network.network import Network, PeerCell, parameters
from kws.network.scan.operator import STATE_BOUND
from kws.settings.names import CELLS, RECURRENT_PEERS


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def gradients(cell: FastCell, states: Tensor, inputs: Tensor) -> dict[str, Tensor]:
    """Gradients of a loss that weighs every state differently, by name; `x` for the inputs."""
    weights = torch.sin(torch.arange(states.numel(), dtype=torch.float32)).view_as(states)
    named = {**dict(cell.named_parameters()), "x": inputs}
    found = torch.autograd.grad((states * weights).sum(), list(named.values()))
    return dict(zip(named, found, strict=True))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("clips", [1, 5])
def test_every_cell_gives_states_and_logits_of_every_frame(cell, clips):
    network = Network(cell=cell, n_features=7, hidden=9, classes=3)
    features = torch.randn(clips, 11, 7)
    assert network.cell(features).shape == (clips, 11, 9)
    assert network(features).shape == (clips, 11, 3)
    assert network.cell.hidden == 9


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_depends_on_its_past_and_not_on_its_future(cell):
    network = Network(cell=cell, n_features=4, hidden=6, classes=2)
    features = torch.randn(2, 12, 4)
    changed = features.clone()
    changed[:, 7:] += 1.0
    before, after = network(features), network(changed)
    assert torch.equal(before[:, :7], after[:, :7])
    assert (before[:, 7:] - after[:, 7:]).abs().amax((0, 2)).min() > 0
    assert torch.allclose(network(features[:1]), before[:1], atol=1e-6)  # nor on other clips


@pytest.mark.parametrize("cell", CELLS)
def test_every_parameter_of_every_cell_is_trained(cell):
    network = Network(cell=cell, n_features=4, hidden=6, classes=2, ranks=(2, 3))
    network(torch.randn(3, 8, 4)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", RECURRENT_PEERS)
def test_a_peer_is_torchs_own_recurrence_with_the_same_classifier(kind):
    network = Network(cell=kind, n_features=4, hidden=6, classes=2)
    features = torch.randn(3, 8, 4)
    assert isinstance(network.cell, PeerCell)
    states = network.cell.rnn(features)[0]
    assert torch.equal(network.cell(features), states)
    assert torch.equal(network(features), network.classifier(states))


def test_an_unknown_cell_is_named_with_those_that_exist():
    with pytest.raises(ConfigError, match=r"'transformer'.*fastgrnn, fastrnn, gru, lstm, rnn"):
        Network(cell="transformer", n_features=4, hidden=6, classes=2)


@pytest.mark.parametrize(
    ("cell", "ranks", "expected"),
    [
        # W + U + biases + zeta and nu + classifier with its bias
        ("fastgrnn", (0, 0), 10 * 7 + 10 * 10 + 20 + 2 + 3 * 10 + 3),
        ("fastrnn", (0, 0), 10 * 7 + 10 * 10 + 10 + 2 + 3 * 10 + 3),
        ("fastgrnn", (2, 0), 2 * (10 + 7) + 10 * 10 + 20 + 2 + 3 * 10 + 3),
        ("fastgrnn", (2, 4), 2 * (10 + 7) + 4 * (10 + 10) + 20 + 2 + 3 * 10 + 3),
        ("gru", (0, 0), 3 * (10 * 7 + 10 * 10 + 20) + 3 * 10 + 3),
    ],
)
def test_the_number_of_parameters_is_that_of_the_equations(cell, ranks, expected):
    network = Network(cell=cell, n_features=7, hidden=10, classes=3, ranks=ranks)
    assert parameters(network) == expected


def test_the_scalars_and_biases_begin_where_the_paper_begins_them():
    gated, ungated = FastCell(4, 6), FastCell(4, 6, gated=False)
    assert (gated.zeta.item(), gated.nu.item()) == (1.0, -4.0)
    assert (ungated.zeta.item(), ungated.nu.item()) == (-3.0, 3.0)  # alpha ~ 0.05, beta ~ 0.95
    assert gated.bias_gate is not None and ungated.bias_gate is None
    for bias in (gated.bias_gate, gated.bias_update, ungated.bias_update):
        assert torch.equal(bias, torch.ones(6))


def test_one_step_of_fastgrnn_is_the_papers_equation_4():
    cell = FastCell(1, 1)
    assert cell.bias_gate is not None
    with torch.no_grad():
        for parameter, value in (
            (cell.W[0], 0.5),
            (cell.U[0], -0.25),
            (cell.bias_gate, 0.2),
            (cell.bias_update, -0.1),
            (cell.zeta, 0.3),
            (cell.nu, -0.7),
        ):
            parameter.fill_(value)

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    h, expected = 0.0, []
    for x in (0.8, -1.5):
        pre = 0.5 * x - 0.25 * h
        z, c = sigmoid(pre + 0.2), math.tanh(pre - 0.1)
        h = (sigmoid(0.3) * (1 - z) + sigmoid(-0.7)) * c + z * h
        expected.append(h)
    states = cell(torch.tensor([[[0.8], [-1.5]]])).flatten().tolist()
    assert states == pytest.approx(expected, abs=1e-6)


def test_one_step_of_fastrnn_is_the_papers_equation_2():
    cell = FastCell(1, 1, gated=False)
    with torch.no_grad():
        cell.W[0].fill_(0.5)
        cell.U[0].fill_(-0.25)
    alpha, beta = 1 / (1 + math.exp(3)), 1 / (1 + math.exp(-3))
    h = alpha * math.tanh(0.5 * 0.8 + 1.0)
    expected = [h, alpha * math.tanh(0.5 * -1.5 - 0.25 * h + 1.0) + beta * h]
    states = cell(torch.tensor([[[0.8], [-1.5]]])).flatten().tolist()
    assert states == pytest.approx(expected, abs=1e-6)


def test_a_low_rank_cell_equals_the_full_one_with_the_product_as_its_matrix():
    low = FastCell(5, 8, (2, 3))
    full = FastCell(5, 8)
    with torch.no_grad():
        full.W[0].copy_(low.W[0] @ low.W[1])
        full.U[0].copy_(low.U[0] @ low.U[1])
    features = torch.randn(3, 20, 5)
    assert torch.allclose(low(features), full(features), atol=1e-5)
    assert [tuple(f.shape) for f in low.W] == [(8, 2), (2, 5)]
    assert [tuple(f.shape) for f in low.U] == [(8, 3), (3, 8)]


@pytest.mark.parametrize("gated", [True, False], ids=["fastgrnn", "fastrnn"])
@pytest.mark.parametrize("ranks", [(0, 0), (3, 4), (0, 4), (3, 0)], ids=str)
@pytest.mark.parametrize(("clips", "frames", "hidden"), [(1, 1, 1), (17, 9, 8), (33, 4, 13)])
def test_the_fused_scan_equals_the_equations_in_values_and_gradients(
    gated, ranks, clips, frames, hidden
):
    cell = FastCell(6, hidden, ranks, gated=gated)
    features = torch.randn(clips, frames, 6, requires_grad=True)
    fused, eager = cell(features), cell.eager(features)
    assert fused.shape == eager.shape == (clips, frames, hidden)
    assert torch.allclose(fused, eager, atol=2e-6)
    ours, theirs = gradients(cell, fused, features), gradients(cell, eager, features)
    for name, gradient in theirs.items():
        scale = max(1.0, gradient.abs().max().item())
        assert torch.allclose(ours[name], gradient, atol=2e-5 * scale), name


@pytest.mark.parametrize("gated", [True, False], ids=["fastgrnn", "fastrnn"])
def test_at_the_bound_of_the_state_both_stop_and_pass_no_gradient(gated):
    cell = FastCell(2, 5, gated=gated)
    with torch.no_grad():
        cell.zeta.fill_(6.0)
        cell.nu.fill_(2.0 if gated else 6.0)
    features = (3 * torch.randn(19, 30, 2)).requires_grad_()
    fused, eager = cell(features), cell.eager(features)
    at_bound = eager.abs() == STATE_BOUND
    assert 0.2 < at_bound.float().mean() < 0.95  # both cases are well represented
    assert torch.equal(at_bound, fused.abs() == STATE_BOUND)
    assert torch.allclose(fused, eager, atol=1e-5)
    ours, theirs = gradients(cell, fused, features), gradients(cell, eager, features)
    for name, gradient in theirs.items():
        scale = max(1.0, gradient.abs().max().item())
        assert torch.allclose(ours[name], gradient, atol=1e-4 * scale), name
    # A state that is clamped, and the last: nothing it was made of can change it.
    clip, unit = torch.nonzero(at_bound[:, -1])[0].tolist()
    (passed,) = torch.autograd.grad(cell(features)[clip, -1, unit], features)
    assert torch.count_nonzero(passed) == 0


def test_the_state_stays_within_the_engines_for_ever():
    cell = FastCell(3, 6)
    assert cell.bias_gate is not None
    with torch.no_grad():
        cell.bias_gate.fill_(30.0)  # z = 1: the state would add up for ever
        cell.nu.fill_(4.0)
    states = cell(torch.randn(2, 500, 3))
    assert states.abs().max() == STATE_BOUND == 32767 / 32768


def test_the_gradient_is_that_of_finite_differences():
    cell = FastCell(3, 4, (2, 2))
    features = torch.randn(5, 6, 3)
    weights = torch.randn(5, 6, 4)

    def loss() -> Tensor:
        return (cell(features) * weights).sum()

    found = torch.autograd.grad(loss(), list(cell.parameters()))
    for parameter, gradient in zip(cell.parameters(), found, strict=True):
        direction = torch.randn_like(parameter)
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(sign * 1e-2 * direction)
                ends.append(loss().item())
                parameter.sub_(sign * 1e-2 * direction)
        slope = (ends[0] - ends[1]) / 2e-2
        assert slope == pytest.approx((gradient * direction).sum().item(), rel=2e-2, abs=2e-2)
