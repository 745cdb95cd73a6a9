"""The bounds of what a model says of itself, each from both sides."""

from typing import Any

import pytest

from kws.errors import ConfigError
from kws.settings.model import DetectorConfig, FeatureConfig, log_odds_q10, posterior_of

SLOW: dict[str, Any] = {"sample_rate_hz": 8000, "hop_length": 160, "n_mels": 24}


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({**SLOW, "n_mfcc": 24}, {**SLOW, "n_mfcc": 25}),  # no more coefficients than bands
        ({"n_mfcc": 32}, {"n_mfcc": 33}),
        ({"n_mfcc": 0}, {"n_mfcc": -1}),
        ({"n_mels": 32}, {"n_mels": 24}),
        ({"hop_length": 160}, {"hop_length": 80}),
        (SLOW, {**SLOW, "hop_length": 320}),
        (SLOW, {**SLOW, "sample_rate_hz": 11_025}),
        ({"energy": "delta"}, {"energy": "Delta"}),
    ],
)
def test_the_front_end_has_what_the_engine_has(good, bad):
    FeatureConfig(**good)
    with pytest.raises(ConfigError) as refusal:
        FeatureConfig(**bad)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"threshold": 0.5, "release": 0.5}, {"threshold": 0.5, "release": 0.5001}),
        ({"threshold": 0.999}, {"threshold": 1.0}),
        ({"release": 0.001}, {"release": 0.0}),
        ({"smoothing_shift": 7}, {"smoothing_shift": 8}),
        ({"smoothing_shift": 0}, {"smoothing_shift": -1}),
        ({"refractory_frames": 255}, {"refractory_frames": 256}),
        ({"refractory_frames": 0}, {"refractory_frames": -1}),
    ],
)
def test_the_detector_s_settings_have_bounds(good, bad):
    DetectorConfig(**good)
    with pytest.raises(ConfigError) as refusal:
        DetectorConfig(**bad)
    assert "\n" not in str(refusal.value)


def test_the_hop_and_the_frame_in_milliseconds_and_samples():
    assert FeatureConfig(hop_length=160).hop_ms == 10 and FeatureConfig(**SLOW).hop_ms == 20
    assert FeatureConfig().frame_length == 512 and FeatureConfig(**SLOW).frame_length == 256
    assert FeatureConfig(n_mfcc=0).n_features == 40 and FeatureConfig(n_mfcc=13).n_features == 13


def test_what_a_recipe_leaves_out_is_what_the_shipped_models_were_trained_with():
    assert FeatureConfig() == FeatureConfig(
        sample_rate_hz=16_000, hop_length=320, n_mels=40, n_mfcc=16, energy="absolute"
    )
    assert DetectorConfig() == DetectorConfig(
        threshold=0.8, release=0.5, smoothing_shift=2, refractory_frames=50
    )


@pytest.mark.parametrize("kind", [FeatureConfig, DetectorConfig])
def test_settings_cannot_be_changed_nor_given_by_their_place(kind):
    with pytest.raises(AttributeError):
        kind().energy = kind().threshold = "delta"
    with pytest.raises(TypeError):
        kind(8000)


def test_log_odds_saturate_at_int16():
    assert log_odds_q10(0.5) == 0 and log_odds_q10(0.8) == 1420  # ln 4 = 1.38629
    assert log_odds_q10(1 - 1e-15) == 32_767 and log_odds_q10(1e-15) == -32_768
    for posterior in (0.0, 1.0, -0.1, 1.1):
        with pytest.raises(ConfigError, match="threshold"):
            log_odds_q10(posterior)
    assert posterior_of(0) == 0.5 and posterior_of(1420) == pytest.approx(0.8, abs=1e-3)
