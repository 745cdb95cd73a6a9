"""How often each source is drawn, and what a window of it holds."""

import numpy as np
import pytest
from small_runs import hiss

from kws.errors import CorpusError
from kws.settings.data import DataConfig
from kws.settings.model import FeatureConfig
from kws.training.windows import Pools, WindowCutter

RATE = 16_000


def level(value: int, seconds: float) -> np.ndarray:
    return np.full(round(seconds * RATE), value, np.int16)


def test_a_source_is_drawn_by_the_root_of_what_it_holds():
    pools = Pools({"nine": [level(1, 4), level(1, 5)], "none": [], "one": [level(2, 1)]})
    rng = np.random.default_rng(0)
    drawn = np.bincount([pools.draw(rng) for _ in range(4000)])
    assert len(drawn) == 2 and drawn[0] / drawn[1] == pytest.approx(3, rel=0.1)


def test_every_source_is_in_the_windows():
    """An hour of words does not drown a minute of talk, nor one engine another."""
    data = DataConfig(window_s=1.0, positive_windows=1, negative_windows=1)
    cutter = WindowCutter(
        data,
        FeatureConfig(),
        {"a": [level(9000, 0.4)] * 100, "b": [level(8000, 0.4)] * 25, "c": [level(0, 0.4)]},
        {"words": [level(100, 10.0)] * 81, "talk": [level(200, 10.0)] * 9},
    )
    rng = np.random.default_rng(1)
    loudest = [int(cutter.positive(rng)[0].max()) for _ in range(900)]
    assert loudest.count(9000) / loudest.count(8000) == pytest.approx(2, rel=0.2)
    others = [int(np.median(cutter.negative(rng)[0])) for _ in range(900)]
    assert others.count(100) / others.count(200) == pytest.approx(3, rel=0.25)


def test_phrases_that_are_all_silent_are_refused_and_single_ones_left_out():
    data = DataConfig(window_s=1.0)
    talk = {"talk": [hiss(3.0, 1)]}
    with pytest.raises(CorpusError, match="all 2 positives are silent"):
        silent = {"a": [level(0, 0.5)], "b": [level(0, 0.5)]}
        WindowCutter(data, FeatureConfig(), silent, talk)
