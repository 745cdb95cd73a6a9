"""A microphone drawn at random: its colour, its floor and its band, each measured alone."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from kws.audio.level import active_rms
from kws.corpus.augment import Augment
from kws.corpus.coloration import Coloration
from kws.errors import ConfigError
from kws.settings.augment import AugmentConfig

RATE_HZ = 16_000
SAMPLES = 2 * RATE_HZ
DRAWS = 200


def white(rms: float = 2000.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rms * rng.standard_normal(SAMPLES)).astype(np.float32)


def heard(config: AugmentConfig, samples: np.ndarray, seed: int = 0) -> np.ndarray:
    return Coloration(config, RATE_HZ)(samples, np.random.default_rng(seed))


def band_db(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    power = np.square(np.abs(np.fft.rfft(samples.astype(np.float64))))
    hertz = np.fft.rfftfreq(samples.size, 1 / RATE_HZ)
    return float(10 * np.log10(power[(hertz >= low_hz) & (hertz < high_hz)].mean()))


def test_a_plain_microphone_is_not_asked() -> None:
    assert Coloration(AugmentConfig(), RATE_HZ).is_plain
    for config in (
        AugmentConfig(equalizer_db=1.0),
        AugmentConfig(floor_probability=0.1),
        AugmentConfig(band_probability=0.1),
    ):
        assert not Coloration(config, RATE_HZ).is_plain


def test_the_same_generator_gives_the_same_coloration() -> None:
    config = AugmentConfig(equalizer_db=6.0, floor_probability=0.5, band_probability=0.5)
    np.testing.assert_array_equal(heard(config, white(), 3), heard(config, white(), 3))
    assert np.any(heard(config, white(), 3) != heard(config, white(), 4))


def test_the_loudness_stays() -> None:
    config = AugmentConfig(equalizer_db=8.0, floor_probability=1.0, band_probability=1.0)
    for seed in range(20):
        samples = white(seed=seed)
        after = heard(config, samples, seed)
        assert np.sqrt(np.mean(after**2)) == pytest.approx(np.sqrt(np.mean(samples**2)), rel=1e-3)


def test_silence_stays_silence() -> None:
    config = AugmentConfig(equalizer_db=8.0, floor_probability=1.0)
    assert not heard(config, np.zeros(SAMPLES, np.float32)).any()


def test_the_equalizer_strays_as_far_as_it_is_told() -> None:
    samples = white()
    for wanted in (3.0, 6.0):
        config = AugmentConfig(equalizer_db=wanted)
        strayed = [
            band_db(after, 3800, 4200) - band_db(after, 900, 1100)
            for after in (heard(config, samples, seed) for seed in range(DRAWS))
        ]
        # Two ripples, one at each frequency, and a slope over two octaves.
        expected = wanted * np.sqrt(2 * 0.6**2 + (2 * 0.4) ** 2)
        assert np.std(strayed) == pytest.approx(expected, rel=0.25)
        assert abs(np.mean(strayed)) < 0.25 * expected


def test_a_floor_lies_as_far_below_the_speech_as_it_is_told() -> None:
    samples = white()
    samples[SAMPLES // 2 :] = 0  # a pause, in which the floor is heard alone
    config = AugmentConfig(floor_probability=1.0, floor_snr_db=(12.0, 18.0))
    for seed in range(20):
        after = heard(config, samples, seed)
        floor = np.sqrt(np.mean(after[SAMPLES // 2 + 800 :] ** 2))
        ratio_db = 20 * np.log10(active_rms(samples, RATE_HZ) / floor)
        assert 11.5 < ratio_db < 18.7


def test_floors_have_many_colours() -> None:
    config = AugmentConfig(floor_probability=1.0, floor_snr_db=(10.0, 10.0))
    burst = np.zeros(SAMPLES, np.float32)
    burst[:3200] = white()[:3200]
    slopes = []
    for seed in range(DRAWS):
        pause = heard(config, burst, seed)[4800:]
        slopes.append((band_db(pause, 200, 300) - band_db(pause, 3500, 4500)) / 4)
    assert min(slopes) < 0.5 and max(slopes) > 5.5
    assert 2.0 < np.mean(slopes) < 4.0


def test_a_band_ends_below_the_sound_s() -> None:
    samples = white()
    config = AugmentConfig(band_probability=1.0)
    edges = []
    for seed in range(50):
        after = heard(config, samples, seed)
        assert band_db(after, 7700, 8000) < band_db(after, 500, 3000) - 30
        assert band_db(after, 20, 50) < band_db(after, 500, 3000) - 17
        spectrum = [band_db(after, hz, hz + 100) for hz in range(3000, 7800, 100)]
        edges.append(3000 + 100 * int(np.argmax(np.array(spectrum) < max(spectrum) - 20)))
    assert min(edges) < 4000 and max(edges) > 6800


def test_shares_are_shares() -> None:
    config = AugmentConfig(floor_probability=0.3, floor_snr_db=(0.0, 0.0))
    pause = np.zeros(SAMPLES, np.float32)
    pause[:3200] = white()[:3200]
    noisy = sum(heard(config, pause, seed)[8000:].std() > 100 for seed in range(DRAWS))
    assert 0.2 * DRAWS < noisy < 0.4 * DRAWS


def test_at_8_khz_the_band_follows() -> None:
    after = Coloration(AugmentConfig(band_probability=1.0), 8000)(white(), np.random.default_rng(0))
    power = np.square(np.abs(np.fft.rfft(after)))
    assert power[-SAMPLES // 50 :].mean() < power[SAMPLES // 20 : SAMPLES // 10].mean() / 1000


def test_augment_hears_through_it() -> None:
    clips = np.rint(white()).astype(np.int16)[None]
    plain = AugmentConfig(shift_ms=0.0, gain_db=(0.0, 0.0), noise_probability=0.0, speed=(1.0, 1.0))
    config = dataclasses.replace(plain, equalizer_db=6.0)
    rng = np.random.default_rng
    np.testing.assert_array_equal(Augment(plain)(clips, rng(1)), clips)
    assert np.any(Augment(config)(clips, rng(1)) != clips)


@pytest.mark.parametrize(
    "some",
    [
        {"equalizer_db": -1.0},
        {"equalizer_db": float("nan")},
        {"equalizer_db": 30.0},
        {"floor_probability": 1.5},
        {"band_probability": -0.1},
        {"floor_snr_db": (30.0, 5.0)},
    ],
)
def test_settings_that_make_no_sense_are_refused(some: dict[str, Any]) -> None:
    (name,) = some
    with pytest.raises(ConfigError, match=name):
        AugmentConfig(**some)
