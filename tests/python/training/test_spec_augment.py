"""SpecAugment's masks: runs of frames and of features, each row's own."""

import pytest
import torch

from kws.training.spec_augment import MASKS, masked


def runs(hidden: torch.Tensor) -> int:
    """Number of runs of True."""
    return int((hidden.int().diff(prepend=torch.zeros(1, dtype=torch.int)) == 1).sum())


@pytest.mark.parametrize(("axis", "widths"), [(1, (9, 0)), (2, (0, 5))], ids=["frames", "bands"])
def test_masks_hide_runs_no_wider_than_asked(axis, widths):
    torch.manual_seed(0)
    widest = max(widths)
    kept = masked(torch.ones(300, 49, 40), *widths)
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    lines = kept.movedim(axis, 1)
    assert torch.equal(lines, lines[:, :, :1].expand_as(lines))  # a whole frame, or a whole band
    hidden = lines[:, :, 0] == 0
    counts = hidden.sum(1)
    assert counts.min() == 0 and widest < counts.max() <= MASKS * widest
    assert max(map(runs, hidden)) == MASKS
    # Every place is hidden as often as another, but for the edges.
    share = hidden.double().mean(0)[widest:-widest]
    assert share.max() < 2 * share.min()


def test_without_widths_nothing_is_drawn():
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    inputs = torch.randn(3, 10, 4)
    torch.random.set_rng_state(state)
    assert masked(inputs, 0, 0) is inputs
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_mask_may_be_wider_than_the_clip():
    kept = masked(torch.ones(200, 5, 3), 50, 50)
    assert kept.shape == (200, 5, 3) and kept.sum(dim=(1, 2)).min() == 0
