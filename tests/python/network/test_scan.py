"""The fused scan against the readable reference: every instruction set, shape and thread count."""

import pytest
import torch
from kws.network.scan._scan import ffi, lib

from kws.network.fastgrnn import FastCell
from kws.network.scan.operator import STATE_BOUND, scan

LEVELS = {"avx512f": 2, "avx2": 1, "baseline": 0}
# clips around a group (32, 16 or 8), frames around a chunk (8), sizes around a vector (16, 8 or 4)
SHAPES = [
    {"clips": 1, "frames": 1, "inputs": 1, "units": 1},
    {"clips": 5, "frames": 7, "inputs": 3, "units": 9, "ranks": (1, 1)},
    {"clips": 33, "frames": 8, "inputs": 16, "units": 32, "ranks": (10, 15)},
    {"clips": 31, "frames": 17, "inputs": 32, "units": 17, "ranks": (0, 3)},
    {"clips": 70, "frames": 9, "inputs": 20, "units": 100, "ranks": (16, 25)},
    {"clips": 64, "frames": 20, "inputs": 32, "units": 100},
]


@pytest.fixture(params=LEVELS, autouse=True)
def instructions(request):
    """Limit the kernel to one instruction set, where the processor has it."""
    lib.kws_scan_limit(LEVELS[request.param])
    if ffi.string(lib.kws_scan_isa()).decode() != request.param:
        lib.kws_scan_limit(max(LEVELS.values()))
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    lib.kws_scan_limit(max(LEVELS.values()))


@pytest.fixture
def threads():
    """A function that sets torch's number of threads, for this test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def cell_and_data(*, clips, frames, inputs, units, ranks=(0, 0), gated=True, hard=False):
    # Not 0: there one sum lies within rounding of a kink, where either slope is right.
    torch.manual_seed(1)
    cell = FastCell(inputs, units, ranks, gated=gated, hard=hard)
    with torch.no_grad():
        cell.bias_update.add_(torch.randn(units))
        if cell.bias_gate is not None:
            cell.bias_gate.sub_(4 * torch.randn(units))
    x = torch.randn(clips, frames, inputs, requires_grad=True)
    return cell, x, torch.randn(clips, frames, units)


def gradients(run, cell, x, weights):
    """States, and the gradients of their weighted sum for x and every parameter."""
    wanted = {"x": x, **dict(cell.named_parameters())}
    states = run(x)
    found = torch.autograd.grad((states * weights).sum(), list(wanted.values()))
    return states, dict(zip(wanted, found, strict=True))


def assert_same(ours, reference, relative=1e-4):
    states, grads = ours
    expected_states, expected_grads = reference
    torch.testing.assert_close(states, expected_states, rtol=0, atol=2e-5)
    for name, expected in expected_grads.items():
        largest = max(expected.abs().max().item(), 1e-6)
        error = (grads[name] - expected).abs().max().item()
        assert error <= relative * largest, f"{name}: {error / largest}"


@pytest.mark.parametrize("hard", [False, True], ids=["smooth", "hard"])
@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_states_and_all_gradients_are_those_of_the_equations(shape, gated, hard):
    cell, x, weights = cell_and_data(**shape, gated=gated, hard=hard)
    assert_same(gradients(cell, cell, x, weights), gradients(cell.eager, cell, x, weights))


@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_backward_pass_nothing_is_kept_and_the_states_are_the_same(shape):
    cell, x, _ = cell_and_data(**shape)
    with torch.no_grad():
        alone = cell(x)
    assert alone.grad_fn is None
    assert torch.equal(alone, cell(x))


@pytest.mark.parametrize("count", [2, 3])
def test_threads_change_nothing_but_the_order_of_sums(count, threads):
    cell, x, weights = cell_and_data(clips=70, frames=9, inputs=5, units=20)
    threads(1)
    alone = gradients(cell, cell, x, weights)
    threads(count)
    shared = gradients(cell, cell, x, weights)
    assert torch.equal(alone[0], shared[0])
    assert_same(shared, alone, relative=1e-5)


def test_states_stop_at_the_engines_bound_and_pass_no_gradient_there():
    cell, x, weights = cell_and_data(clips=9, frames=30, inputs=4, units=12)
    with torch.no_grad():
        cell.zeta.fill_(9.0)
        cell.nu.fill_(2.0)
    ours = gradients(cell, cell, x, weights)
    saturated = (ours[0].abs() >= STATE_BOUND).float().mean()
    assert 0.2 < saturated < 0.95
    assert ours[0].abs().max() == STATE_BOUND
    assert_same(ours, gradients(cell.eager, cell, x, weights))


@pytest.mark.parametrize("apart", [29.0, -29.0])
def test_gates_far_into_saturation_stay_finite_and_right(apart):
    cell, x, weights = cell_and_data(clips=9, frames=12, inputs=4, units=12)
    with torch.no_grad():
        cell.bias_gate.copy_(cell.bias_update + apart)
        for factor in cell.W:
            factor.mul_(40.0)
    assert_same(gradients(cell, cell, x, weights), gradients(cell.eager, cell, x, weights))


def eager_along(cell, x, given):
    """The cell's equations around given states: their values, the equations' gradients."""
    zeta, nu = torch.sigmoid(cell.zeta), torch.sigmoid(cell.nu)
    w, u = (m[0] if len(m) == 1 else m[0] @ m[1] for m in (cell.W, cell.U))
    h, states = x.new_zeros(len(x), cell.hidden), []
    for frame, target in zip(x.unbind(1), given.unbind(1), strict=True):
        a = frame @ w.t() + h @ u.t()
        z, c = torch.sigmoid(a + cell.bias_gate), torch.tanh(a + cell.bias_update)
        free = z * h + (zeta * (1 - z) + nu) * c
        h = torch.where(target.abs() >= STATE_BOUND, target, free + (target - free).detach())
        states.append(h)
    return torch.stack(states, 1)


@pytest.mark.parametrize("ranks", [(0, 0), (4, 6)])
def test_given_states_are_taken_as_they_are_and_differentiated_as_the_float_cell(ranks):
    cell, x, weights = cell_and_data(clips=21, frames=19, inputs=7, units=24, ranks=ranks)
    given = (torch.randn(21, 19, 24).clamp(-1, 1) * 32767).round() / 32768
    ours = gradients(
        lambda x: cell.scan_with(x, list(cell.W), list(cell.U), given), cell, x, weights
    )
    assert torch.equal(ours[0], given)
    assert (given.abs() >= STATE_BOUND).any()
    assert_same(ours, gradients(lambda x: eager_along(cell, x, given), cell, x, weights))


def test_a_backward_pass_can_be_repeated():
    cell, x, weights = cell_and_data(clips=3, frames=10, inputs=4, units=8)
    loss = (cell(x) * weights).sum()
    first = torch.autograd.grad(loss, list(cell.parameters()), retain_graph=True)
    second = torch.autograd.grad(loss, list(cell.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_inputs_of_any_layout_are_accepted():
    cell, x, _ = cell_and_data(clips=6, frames=10, inputs=4, units=8)
    turned = x.detach().transpose(0, 1).contiguous().transpose(0, 1)
    bias, scalars = (cell.bias_gate, cell.bias_update), (cell.zeta, cell.nu)
    with torch.no_grad():
        w, u = cell.W[0].t().contiguous().t(), cell.U[0]
        states = scan(turned, [w], [u], bias, scalars)
        assert torch.equal(states, scan(x, [cell.W[0]], [u], bias, scalars))
