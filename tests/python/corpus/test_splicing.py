"""Another background around what is said: it never touches what counts, and comes as asked."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from kws.corpus.augment import Augment
from kws.settings.augment import AugmentConfig

PLAIN = AugmentConfig(shift_ms=0.0, gain_db=(0.0, 0.0), noise_probability=0.0, speed=(1.0, 1.0))
LENGTH, SPAN = 38_400, (16_000, 24_000)


def windows(count: int) -> np.ndarray:
    """A background of 1000, and 5000 where the phrase is."""
    some = np.full((count, LENGTH), 1000, np.int16)
    some[:, slice(*SPAN)] = 5000
    return some


def spliced(count: int = 400, seed: int = 3, **settings: Any) -> np.ndarray:
    config = dataclasses.replace(PLAIN, **settings)
    return Augment(config)(windows(count), np.random.default_rng(seed), [SPAN] * count)


def test_what_counts_stays_and_either_side_or_both_get_another_background():
    heard = spliced(splice_probability=1.0)
    assert np.all(heard[:, slice(*SPAN)] == 5000)
    before, behind = heard[:, 1000] != 1000, heard[:, -1000] != 1000
    assert np.mean(before & behind) == pytest.approx(1 / 3, abs=0.08)
    assert np.mean(before ^ behind) == pytest.approx(2 / 3, abs=0.08)


def test_a_third_of_the_backgrounds_is_digital_silence_and_the_others_are_faint():
    heard = spliced(splice_probability=1.0)
    others = heard[heard[:, 1000] != 1000, :9000].astype(float)
    levels = np.sqrt(np.mean(others**2, axis=1))
    assert np.mean(levels == 0.0) == pytest.approx(0.3, abs=0.08)
    assert levels.max() < 62.0 and levels[levels > 0.0].min() > 0.5


def test_its_edges_lie_up_to_two_fifths_of_a_second_away():
    heard = spliced(splice_probability=1.0)
    edges = [int(np.argmax(clip == 1000)) for clip in heard if clip[1000] != 1000]
    assert min(edges) >= SPAN[0] - 0.4 * 16_000 - 1
    assert np.mean(np.array(edges) > SPAN[0] - 0.2 * 16_000) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("speed, shift_ms", [(0.85, 0.0), (1.15, 0.0), (1.0, 200.0)])
def test_it_follows_what_is_moved(speed, shift_ms):
    settings = {"speed": (speed, speed), "shift_ms": shift_ms}
    for seed in range(20):
        plain, heard = (spliced(1, seed, **settings, splice_probability=p) for p in (0.0, 1.0))
        assert np.all((heard == plain) | (plain < 5000))
        assert np.any(heard != plain)


def test_only_so_many_are_spliced_and_none_whose_span_is_unknown():
    assert np.mean(np.any(spliced(splice_probability=0.3) != windows(1), axis=1)) == pytest.approx(
        0.3, abs=0.07
    )
    config = dataclasses.replace(PLAIN, splice_probability=1.0)
    clips = windows(20)
    np.testing.assert_array_equal(Augment(config)(clips, np.random.default_rng(0)), clips)
