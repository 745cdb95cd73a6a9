"""SOAP: Adam where there is nothing to turn, the same steps in any coordinates where there is."""

from typing import Any

import pytest
import torch

from kws.training.soap import BETAS, EPSILON, PERIOD, Soap

RATE, STEPS = 0.01, 3 * PERIOD + 5


@pytest.fixture(autouse=True)
def doubles():
    """Rounding must not hide a difference."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def orthogonal(size, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, size, generator=generator))[0]


def descend(optimizer, parameter, gradient_of, steps=STEPS):
    for step in range(steps):
        parameter.grad = gradient_of(parameter.detach(), step)
        optimizer.step()
    return parameter.detach()


def adam(parameter, decay=0.0):
    return torch.optim.AdamW(
        [parameter], lr=RATE, betas=BETAS, eps=EPSILON, weight_decay=decay, foreach=False
    )


def noise(shape, step):
    return torch.randn(shape, generator=torch.Generator().manual_seed(step))


def test_a_vector_moves_as_by_adamw():
    ours, theirs = (torch.nn.Parameter(torch.linspace(-1, 1, 7)) for _ in range(2))
    by = lambda value, step: value + noise(7, step)  # noqa: E731
    moved = descend(Soap([ours], RATE, weight_decay=0.1), ours, by)
    assert torch.allclose(moved, descend(adam(theirs, 0.1), theirs, by), atol=1e-12)


def test_a_matrix_of_one_row_turns_to_its_gradient():
    """Along the one direction that there is, every step is as long as Adam's of a number."""
    direction = torch.nn.functional.normalize(torch.randn(1, 9), dim=1)
    ours = torch.nn.Parameter(torch.zeros(1, 9))
    alone = torch.nn.Parameter(torch.zeros(1))
    moved = descend(Soap([ours], RATE), ours, lambda _, step: (step + 1.0) * direction)
    # The first step only looks at the gradient.
    as_number = descend(adam(alone), alone, lambda _, step: torch.full((1,), step + 2.0), STEPS - 1)
    assert torch.allclose(moved, as_number * direction, atol=1e-9)


def test_the_steps_do_not_depend_on_the_coordinates():
    """That is what SOAP is for, and what Adam does not do."""
    left, right = orthogonal(5, 1), orthogonal(5, 2)
    target, scale = noise((5, 5), 3), torch.logspace(-2, 1, 5)[:, None]

    def plain(value, step):
        return scale * (value - target) + 0.1 * noise((5, 5), 100 + step)

    def turned(value, step):
        return left @ plain(left.T @ value @ right, step) @ right.T

    moved = {}
    for name, make in (("soap", lambda p: Soap([p], RATE)), ("adam", adam)):
        first, second = (torch.nn.Parameter(torch.zeros(5, 5)) for _ in range(2))
        moved[name] = (
            descend(make(first), first, plain),
            left.T @ descend(make(second), second, turned) @ right,
        )
    assert torch.allclose(*moved["soap"], atol=1e-7)
    assert not torch.allclose(*moved["adam"], atol=1e-2)


def test_a_noisy_turned_ravine_takes_fewer_steps_than_by_adam():
    left, right = orthogonal(8, 4), orthogonal(8, 5)
    curvature = torch.logspace(-3, 0, 8)[:, None]
    start = noise((8, 8), 6)

    def gradient(value, step):
        return left.T @ (curvature * (left @ value @ right + noise((8, 8), step))) @ right.T

    losses = {}
    for name, make in (("soap", lambda p: Soap([p], RATE)), ("adam", adam)):
        parameter = torch.nn.Parameter(start.clone())
        moved = descend(make(parameter), parameter, gradient, 200)
        losses[name] = (curvature * (left @ moved @ right) ** 2).sum().item()
    assert losses["soap"] < 0.6 * losses["adam"], losses


def test_without_a_gradient_nothing_moves():
    parameter = torch.nn.Parameter(torch.ones(3, 3))
    other = torch.nn.Parameter(torch.ones(3, 3))
    groups: list[dict[str, Any]] = [{"params": [parameter]}, {"params": [other], "lr": 0.5}]
    optimizer = Soap(groups, RATE)
    for _ in range(3):
        other.grad = torch.eye(3)
        optimizer.step()
    assert torch.equal(parameter, torch.ones(3, 3)) and not torch.equal(other, torch.ones(3, 3))
    # A gradient of nothing but zeros has no direction, and must not become NaN.
    parameter.grad = torch.zeros(3, 3)
    for _ in range(PERIOD + 2):
        optimizer.step()
    assert torch.equal(parameter.detach(), torch.ones(3, 3))
