"""Augmentation: each effect does what it says, alone and measured, and nothing else."""

import dataclasses
import math

import numpy as np
import pytest

from kws.audio.level import active_rms
from kws.corpus.augment import Augment, mix
from kws.errors import AudioError, ConfigError
from kws.settings.augment import AugmentConfig

NOTHING = AugmentConfig(shift_ms=0.0, gain_db=(0.0, 0.0), noise_probability=0.0, speed=(1.0, 1.0))
SAMPLES = 16_000


def only(**settings) -> AugmentConfig:
    return dataclasses.replace(NOTHING, **settings)


def apply(config: AugmentConfig, clips: np.ndarray, noises=(), seed: int = 1) -> np.ndarray:
    return Augment(config, noises)(clips, np.random.default_rng(seed))


def tone(hz: float, amplitude: float = 8000.0, samples: int = SAMPLES) -> np.ndarray:
    time_s = np.arange(samples) / 16_000
    return np.rint(amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def burst(amplitude: float = 8000.0) -> np.ndarray:
    """A fifth of a second of tone amid silence: whole level frames 20 ... 30."""
    clip = np.zeros(SAMPLES, np.int16)
    clip[6400:9600] = tone(400.0, amplitude, 3200)
    return clip


def random_clips(batch: int = 6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(-9000, 9000, (batch, SAMPLES)).astype(np.int16)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


def decibels(ratio: float) -> float:
    return 20.0 * math.log10(ratio)


def test_the_same_generator_gives_the_same_clips():
    clips = random_clips()
    config = AugmentConfig(reverb_probability=0.5)
    noises = [tone(100.0), tone(50.0, samples=333)]
    np.testing.assert_array_equal(apply(config, clips, noises), apply(config, clips, noises))
    assert np.any(apply(config, clips, noises, seed=2) != apply(config, clips, noises))


def test_a_batch_equals_its_parts_one_after_the_other():
    clips = random_clips()
    augment = Augment(AugmentConfig(reverb_probability=0.5), [tone(100.0)])
    whole = augment(clips, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    parts = np.concatenate([augment(part, rng) for part in np.split(clips, [1, 4])])
    np.testing.assert_array_equal(whole, parts)


def test_the_clips_given_are_left_as_they_are():
    clips = random_clips()
    clips.flags.writeable = False
    varied = apply(AugmentConfig(), clips)
    assert varied.dtype == np.int16 and varied.shape == clips.shape
    assert np.all(np.any(varied != clips, axis=1))


def test_without_any_effect_every_bit_stays():
    clips = random_clips()
    clips[0, :2] = (-32768, 32767)
    np.testing.assert_array_equal(apply(NOTHING, clips), clips)


def test_a_shift_moves_within_its_limit_both_ways_and_fills_with_zeros():
    clips = np.zeros((200, SAMPLES), np.int16)
    clips[:, 8000] = 1234
    shifted = apply(only(shift_ms=10.0), clips)
    assert np.count_nonzero(shifted) == 200 and np.all(shifted.max(axis=1) == 1234)
    moved = shifted.argmax(axis=1) - 8000
    assert -160 <= moved.min() < -120 and 120 < moved.max() <= 160
    assert abs(moved.mean()) < 30


def test_a_shift_past_the_clip_leaves_silence():
    assert np.count_nonzero(apply(only(shift_ms=1e7), burst()[None])) == 0


@pytest.mark.parametrize("speed", [0.8, 0.9, 1.1, 1.25])
def test_speed_scales_frequency_and_length_about_the_middle(speed):
    clip = np.zeros(SAMPLES, np.int16)
    clip[4000:12000] = tone(500.0, samples=8000)
    (faster,) = apply(only(speed=(speed, speed)), clip[None])
    (sounding,) = np.nonzero(faster)
    assert sounding[0] == pytest.approx(8000 - 4000 / speed, abs=3)
    assert sounding[-1] == pytest.approx(8000 + 4000 / speed, abs=3)
    spectrum = np.abs(np.fft.rfft(faster.astype(np.float64)))
    assert spectrum.argmax() == pytest.approx(500.0 * speed, abs=2)


def test_speed_interpolates_linearly():
    ramp = np.arange(-8000, 8000, dtype=np.int16)
    (slower,) = apply(only(speed=(0.5, 0.5)), ramp[None])
    ideal = (np.arange(SAMPLES) - 7999.5) * 0.5 - 0.5
    assert np.abs(slower - ideal).max() <= 0.5


def test_gain_reaches_both_ends_of_its_range():
    clips = np.repeat(tone(300.0, 3000.0)[None], 200, axis=0)
    louder = apply(only(gain_db=(-10.0, 6.0)), clips)
    gains = np.array([decibels(rms(clip) / rms(clips[0])) for clip in louder])
    assert -10.01 < gains.min() < -9.0 and 5.0 < gains.max() < 6.01
    assert gains.mean() == pytest.approx(-2.0, abs=1.0)


def test_samples_saturate_and_never_wrap_round():
    clip = np.array([[-32768, 32767, -20000, 20000, 1, 0]], np.int16)
    doubled = apply(only(gain_db=(decibels(2.0),) * 2), clip)
    np.testing.assert_array_equal(doubled, [[-32768, 32767, -32768, 32767, 2, 0]])


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_noise_joins_at_the_ratio_to_the_active_speech_level(snr):
    noise = np.random.default_rng(3).integers(-50, 50, 40_000).astype(np.int16)
    clip = burst(4000.0)
    (noisy,) = apply(only(noise_probability=1.0, snr_db=(snr, snr)), clip[None], [noise])
    added = noisy.astype(np.float64) - clip
    speech = rms(clip[6400:9600])
    assert decibels(speech / rms(added)) == pytest.approx(snr, abs=0.05)


def test_the_noise_probability_is_kept():
    clips = np.repeat(burst()[None], 400, axis=0)
    noisy = apply(only(noise_probability=0.3), clips)
    assert 0.2 < np.mean(np.any(noisy != clips, axis=1)) < 0.4


def test_without_recordings_the_noise_is_synthetic_from_white_to_pink():
    clips = np.repeat(burst()[None], 60, axis=0)
    added = apply(only(noise_probability=1.0, snr_db=(6.0, 6.0)), clips).astype(float) - clips
    power = np.square(np.abs(np.fft.rfft(added)))
    tilt_db = 10 * np.log10(power[:, 200:400].mean(axis=1) / power[:, 3200:6400].mean(axis=1))
    assert tilt_db.min() == pytest.approx(0.0, abs=1.5)  # white
    assert tilt_db.max() == pytest.approx(18.0, abs=2.0)  # 1/f**1.5 over four octaves
    assert len(np.unique(added, axis=0)) == 60


@pytest.mark.parametrize("length", [1, 7, 15_999, 16_000, 16_001])
def test_a_noise_of_any_length_serves_and_a_short_one_repeats(length):
    noise = (1 + np.arange(length) % 1000).astype(np.int16)
    clip = burst()
    (noisy,) = apply(only(noise_probability=1.0, snr_db=(0.0, 0.0)), clip[None], [noise])
    added = noisy.astype(np.int64) - clip
    assert rms(added) == pytest.approx(rms(clip[6400:9600]), rel=1e-3)
    if length < SAMPLES:
        np.testing.assert_array_equal(added[length:], added[:-length])


def test_digital_silence_among_the_noises_is_replaced_by_audible_noise():
    clip = burst()
    silent = np.zeros(50_000, np.int16)
    (noisy,) = apply(only(noise_probability=1.0, snr_db=(10.0, 10.0)), clip[None], [silent])
    level = decibels(rms(clip[6400:9600]) / rms(noisy.astype(float) - clip))
    assert level == pytest.approx(10.0, abs=0.1)


@pytest.mark.parametrize("amplitude", [0, 5])
def test_silent_clips_get_noise_at_a_random_absolute_level(amplitude):
    clips = np.random.default_rng(0).integers(-amplitude, amplitude + 1, (300, SAMPLES))
    noisy = apply(only(noise_probability=1.0), clips.astype(np.int16))
    levels = np.array([decibels(rms(clip) / 32768.0) for clip in noisy])
    assert -71.0 < levels.min() < -65.0 and -35.0 < levels.max() < -29.9


def test_reverb_keeps_the_start_and_the_loudness_and_decays_as_asked():
    clips = np.zeros((40, SAMPLES), np.int16)
    clips[:, 1000] = 30_000
    config = only(reverb_probability=1.0, reverb_s=(0.4, 0.4))
    echoes = apply(config, clips).astype(np.float64)
    assert np.abs(echoes[:, :999]).max() <= 1.0
    assert np.all(np.abs(echoes).argmax(axis=1) == 1000)
    power = np.square(echoes)
    assert np.mean(power.sum(axis=1)) == pytest.approx(30_000.0**2, rel=0.15)
    early, late = power[:, 1100:1740].sum(), power[:, 2700:3340].sum()
    assert 10 * math.log10(early / late) == pytest.approx(0.1 / 0.4 * 60.0, abs=1.0)


@pytest.mark.parametrize("ratio_db", [-14.0, 0.0, 12.0])
def test_an_echo_is_as_much_weaker_or_stronger_than_the_direct_sound_as_asked(ratio_db):
    clips = np.zeros((40, SAMPLES), np.int16)
    clips[:, 1000] = 30_000
    echoes = apply(only(reverb_probability=1.0, direct_to_reverb_db=(ratio_db, ratio_db)), clips)
    power = np.square(echoes.astype(np.float64)).sum(axis=0)
    assert 10 * math.log10(power[1000] / power[1001:].sum()) == pytest.approx(ratio_db, abs=0.3)


def test_reverb_equals_convolution_in_the_time_domain():
    """One generator draws the same room for an impulse and for a clip: linearity tells the rest."""
    config = only(reverb_probability=1.0)
    impulse = np.zeros((1, 4000), np.int16)
    impulse[0, 0] = 32_000
    clip = np.zeros((1, 4000), np.int16)
    clip[0, [0, 700, 3999]] = (16_000, -8_000, 4_000)
    room = apply(config, impulse, seed=9)[0] / 32_000
    expected = np.convolve(clip[0], room)[:4000]
    assert np.abs(apply(config, clip, seed=9)[0] - expected).max() < 2.0


def test_a_setting_changes_its_own_effect_and_no_other():
    clips = np.zeros((50, SAMPLES), np.int16)
    clips[:, 8000] = 10_000
    plain = apply(only(shift_ms=50.0), clips).argmax(axis=1)
    louder = apply(only(shift_ms=50.0, gain_db=(1.0, 6.0)), clips).argmax(axis=1)
    np.testing.assert_array_equal(plain, louder)


@pytest.mark.parametrize("shape", [(0, 16_000), (3, 0), (3, 1), (2, 319), (2, 321)])
def test_batches_of_any_shape_pass(shape):
    clips = np.full(shape, 1000, np.int16)
    config = AugmentConfig(noise_probability=1.0, reverb_probability=1.0)
    assert apply(config, clips).shape == shape


def test_the_active_level_ignores_pauses():
    clip = burst()
    assert active_rms(clip) == pytest.approx(rms(clip[6400:9600]), rel=1e-6)
    assert active_rms(np.pad(clip, 32_000)) == pytest.approx(active_rms(clip), rel=1e-6)


def test_the_active_level_is_not_that_of_a_single_click():
    stream = np.tile(tone(400.0, 3000.0), 60)
    click = stream.copy()
    click[5000:5010] = 32_767
    assert decibels(active_rms(click) / active_rms(stream)) < 0.5


def test_the_active_level_of_silence_is_zero_and_of_full_scale_exact():
    assert active_rms(np.zeros(SAMPLES, np.int16)) == 0.0
    assert active_rms(np.zeros(0, np.int16)) == 0.0
    assert active_rms(np.full(SAMPLES, -32768, np.int16)) == pytest.approx(32768.0)
    assert active_rms(np.full(7, 100, np.int16)) == pytest.approx(100.0)


@pytest.mark.parametrize("snr", [-10.0, 0.0, 10.0, 40.0])
def test_mix_adds_noise_at_the_ratio_asked_for(snr):
    clip = burst(3000.0)
    noise = np.random.default_rng(3).integers(-900, 900, 50_000).astype(np.int16)
    mixed = mix(clip, noise, snr, np.random.default_rng(0))
    added = mixed.astype(np.float64) - clip
    assert decibels(rms(clip[6400:9600]) / rms(added)) == pytest.approx(snr, abs=0.1)


def test_mix_leaves_a_silent_clip_alone():
    silence = np.zeros(100, np.int16)
    noise = np.full(10, 500, np.int16)
    np.testing.assert_array_equal(mix(silence, noise, 10.0, np.random.default_rng(0)), silence)
    np.testing.assert_array_equal(mix(noise, silence, 10.0, np.random.default_rng(0)), noise)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"gain_db": (6.0, -10.0)}, "gain_db"),
        ({"snr_db": (0.0, math.nan)}, "snr_db"),
        ({"noise_probability": 1.5}, "noise_probability is 1.5"),
        ({"reverb_probability": -0.1}, "reverb_probability"),
        ({"shift_ms": -1.0}, "shift_ms is -1.0"),
        ({"speed": (0.0, 1.0)}, "speed"),
        ({"reverb_s": (0.0, 0.4)}, "reverb_s"),
        ({"direct_to_reverb_db": (3.0, -3.0)}, "direct_to_reverb_db"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        AugmentConfig(**settings)


def test_unusable_samples_are_refused_with_one_sentence():
    rng = np.random.default_rng(0)
    with pytest.raises(AudioError, match="noise 1 has no samples"):
        Augment(NOTHING, [tone(100.0), np.zeros(0, np.int16)])
    with pytest.raises(AudioError, match="noise 0: 1-D float32"):
        Augment(NOTHING, [np.zeros(5, np.float32)])
    with pytest.raises(AudioError, match="clips: 1-D int16"):
        Augment(NOTHING)(tone(100.0), rng)
    with pytest.raises(AudioError, match="the noise has no samples"):
        mix(tone(100.0), np.zeros(0, np.int16), 3.0, rng)
    with pytest.raises(ConfigError, match="inf dB"):
        mix(tone(100.0), tone(50.0), math.inf, rng)


def test_sample_bits_round_to_the_steps_of_a_converter():
    clips = np.concatenate([random_clips(2), np.full((1, SAMPLES), 32_767, np.int16)])
    coarse = apply(only(sample_bits=10), clips)
    assert np.all(coarse % 64 == 0)
    error = np.abs(coarse[:2].astype(np.int32) - clips[:2])
    assert error.max() == 32 and error.mean() == pytest.approx(16, rel=0.05)
    assert np.all(coarse[2] == 1023 // 2 * 64)  # the highest of 1,024 levels
    with pytest.raises(ConfigError, match="sample_bits is 7"):
        AugmentConfig(sample_bits=7)


def test_times_count_in_the_clips_own_rate():
    clip = np.zeros((1, 8000), np.int16)
    clip[0, 4000] = 8000
    shifted = [
        Augment(only(shift_ms=100.0), sample_rate_hz=rate_hz)(clip, np.random.default_rng(3))
        for rate_hz in (16_000, 8_000)
    ]
    moves = [int(np.argmax(np.abs(clips[0]))) - 4000 for clips in shifted]
    assert abs(moves[1]) > 100 and moves[0] in (2 * moves[1] - 1, 2 * moves[1], 2 * moves[1] + 1)
