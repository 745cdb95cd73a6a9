"""How often each source is drawn, and what a window of it holds."""

from itertools import pairwise

import numpy as np
import pytest
from small_runs import hiss

from kws.errors import ConfigError, CorpusError
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


def test_shuffled_talk_holds_no_word_and_never_the_whole_phrase():
    """Talk and phrase climb by one a sample, so that a piece is a climb; a joint is none."""
    phrase = np.arange(20_000, 20_000 + 8000).astype(np.int16)  # 0.5 s
    talk = np.tile(np.arange(16_000).astype(np.int16), 30)
    data = DataConfig(window_s=2.0, shuffled_share=1.0)
    cutter = WindowCutter(data, FeatureConfig(), {"a": [phrase]}, {"talk": [talk]})
    rng = np.random.default_rng(2)
    parts = []
    for _ in range(50):
        window, label, _ = cutter.negative(rng)
        assert label == 0 and len(window) == 2 * RATE
        joints = np.flatnonzero(np.diff(window.astype(int)) != 1)
        pieces = np.split(window, joints + 1)
        assert max(map(len, pieces)) <= 0.35 * RATE and len(pieces) > 6
        whole = [piece for piece in pieces if len(piece) > 100]
        from_phrase = [bool(piece[0] >= 20_000) for piece in whole]
        assert not any(map(all, pairwise(from_phrase)))  # two in a row might be the phrase
        parts += whole
    of_phrase = [piece for piece in parts if piece[0] >= 20_000]
    assert 0.05 < len(of_phrase) / len(parts) < 0.25
    assert max(map(len, of_phrase)) <= 0.55 * len(phrase)


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_is_between_none_and_all(share):
    with pytest.raises(ConfigError, match=f"shuffled_share is {share}"):
        DataConfig(shuffled_share=share)


def test_a_phrase_comes_soon_after_the_start_of_a_tenth_of_the_windows():
    data = DataConfig(window_s=3.0)
    cutter = WindowCutter(
        data, FeatureConfig(), {"a": [level(9000, 0.5)]}, {"talk": [level(1, 10.0)]}
    )
    rng = np.random.default_rng(3)
    starts = [int(np.argmax(cutter.positive(rng)[0] == 9000)) / RATE for _ in range(2000)]
    soon = [start for start in starts if start < 1.0]
    assert len(soon) / len(starts) == pytest.approx(0.1, abs=0.03)
    assert sum(start < 0.1 for start in soon) / len(soon) == pytest.approx(0.32, abs=0.08)


def test_the_span_is_the_phrase_and_of_other_sound_as_long_as_one():
    phrases, talk = {"a": [level(9000, 0.5)]}, {"talk": [level(1, 10.0)]}
    cutter = WindowCutter(DataConfig(window_s=2.4), FeatureConfig(), phrases, talk)
    rng = np.random.default_rng(4)
    for _ in range(50):
        window, label, span = cutter.positive(rng)
        assert span is not None
        start, end = span
        assert np.all(window[start:end] == 9000) and np.count_nonzero(window == 9000) == end - start
        assert label == (start + end) // 2 // FeatureConfig().hop_length
    spans = [span for _ in range(300) if (span := cutter.negative(rng)[2])]
    assert len(spans) == 300
    seconds = [(end - start) / RATE for start, end in spans]
    assert 0.3 <= min(seconds) < 0.4 and 1.1 < max(seconds) <= 1.2
    assert all(start >= 0 and end <= cutter.length for start, end in spans)


def test_a_recipe_without_splicing_draws_nothing_for_it():
    phrases, talk = {"a": [level(9000, 0.5)]}, {"talk": [hiss(10.0, 2)]}
    cutter = WindowCutter(DataConfig(), FeatureConfig(), phrases, talk, are_spliced=False)
    rng, same = np.random.default_rng(5), np.random.default_rng(5)
    window, _, span = cutter.negative(rng)
    assert span is None
    np.testing.assert_array_equal(window, cutter._other(same))
    assert rng.random() == same.random()


def test_positives_that_are_talk_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    data, talk = DataConfig(window_s=1.0), {"talk": [hiss(3.0, 1)]}
    pause = level(0, 1.5)
    recording = np.concatenate([pause, hiss(0.8, 2), pause])
    WindowCutter(data, FeatureConfig(), {"a": [recording]}, talk)
    assert capsys.readouterr().err == ""
    WindowCutter(data, FeatureConfig(), {"a": [recording], "b": [hiss(5.0, 3)] * 2}, talk)
    assert "2 of 3 positives hold more than 1 s of speech in one piece" in capsys.readouterr().err


@pytest.mark.parametrize(("share", "drawn"), [(0.0, 0.04), (0.5, 0.52), (1.0, 1.0)])
def test_near_misses_are_drawn_as_often_as_asked(share, drawn):
    """A few minutes of them would be drawn once in forty windows beside hours of talk."""
    data = DataConfig(window_s=1.0, near_miss_share=share)
    phrases, talk = {"a": [level(9000, 0.4)]}, {"talk": [level(100, 900.0)]}
    near = {"talk": [level(5000, 9.0)], "more": [level(6000, 1.0)]}
    cutter = WindowCutter(data, FeatureConfig(), phrases, talk, near)
    rng = np.random.default_rng(3)
    loudest = [int(cutter.negative(rng)[0].max()) for _ in range(1000)]
    assert sum(loudest.count(one) for one in (5000, 6000)) / 1000 == pytest.approx(drawn, abs=0.08)
    if share:
        assert loudest.count(5000) / loudest.count(6000) == pytest.approx(1, abs=0.3)
