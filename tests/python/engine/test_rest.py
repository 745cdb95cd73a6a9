"""Where a stream begins: in the state that silence leads to, so that it may open with the word."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from kws.audio.files import find_audio, read_audio
from kws.audio.level import speech_span
from kws.corpus.splits import POSITIVE_SHARES, split_folders
from kws.engine import batch, model_file
from kws.engine.spotter import Spotter

ROOT = Path(__file__).parents[3]
# How far the second minute of silence may be from rest, after noise of any level: state, log-odds.
BOUNDS = {
    "hey_cortana": (0.15, 0.3),
    "alexa": (0.15, 0.3),
    "jarvis": (0.3, 0.4),
    "computer": (0.2, 0.3),
    "commands_1k": (0.1, 0.3),
    "commands_5k": (0.1, 0.3),
    "athena": (0.1, 0.1),
    "athena_8k": (0.2, 0.1),
}


def is_found(model: model_file.Model, samples: np.ndarray) -> bool:
    spotter = Spotter(model)
    after = np.zeros(model.features.sample_rate_hz, np.int16)
    return bool(spotter.process(np.concatenate([samples, after])))


def found_at_once_and_later(model: model_file.Model, paths: Sequence[Path]) -> tuple[int, int]:
    """How many phrases are found that open a stream, and after 1.5 s of a room's noise."""
    rate_hz = model.features.sample_rate_hz
    rng = np.random.default_rng(0)
    opening, after_noise = 0, 0
    for path in paths:
        samples = read_audio(path, rate_hz)
        first, last = speech_span(samples, rate_hz)
        phrase = samples[first:last]
        noise = np.rint(rng.normal(0, 16, 3 * rate_hz // 2)).astype(np.int16)
        opening += is_found(model, phrase)
        after_noise += is_found(model, np.concatenate([noise, phrase]))
    return opening, after_noise


def test_phrases_that_open_a_stream_are_found_as_well_as_after_noise():
    model = model_file.load(ROOT / "models" / "hey_cortana")
    held_out = split_folders([ROOT / "data" / "sample" / "positives"], *POSITIVE_SHARES)["testing"]
    opening, after_noise = found_at_once_and_later(model, held_out)
    assert len(held_out) == 60 and after_noise > 45
    assert opening >= after_noise - 1


@pytest.mark.recordings
@pytest.mark.parametrize(("name", "least", "lost"), [("athena", 455, 10), ("athena_8k", 465, 5)])
def test_people_who_open_a_stream_are_found_nearly_as_well(name, least, lost, recordings):
    spoken = find_audio(recordings / "wake_phrases/wake-words/en/athena")
    opening, after_noise = found_at_once_and_later(model_file.load(name), spoken)
    assert len(spoken) == 482 and after_noise >= least
    assert opening >= after_noise - lost


def test_a_phrase_right_after_a_reset_is_found():
    model = model_file.load(ROOT / "models" / "hey_cortana")
    samples = read_audio(ROOT / "data" / "sample" / "stream" / "held_out.opus")
    spotter = Spotter(model)
    detection = spotter.process(samples)[0]
    spotter.reset()
    start = round((detection.time_s - 1.2) * 16_000)
    assert spotter.process(samples[start : start + 32_000])


@pytest.mark.parametrize("name", BOUNDS)
def test_silence_leads_back_to_where_a_stream_begins(name):
    model = model_file.load(ROOT / "models" / name)
    rate_hz = model.features.sample_rate_hz
    silence = batch.silence(model.features)
    at_rest = batch.scores_of(model, silence[None])[0].astype(int)
    minute = 60 * rate_hz // model.features.hop_length
    for level in (30, 3_000, 20_000):
        noise = np.random.default_rng(level).normal(0, level, 10 * rate_hz)
        heard = np.clip(np.rint(noise), -32768, 32767).astype(np.int16)
        stream = np.concatenate([heard, np.zeros(120 * rate_hz, np.int16)])
        found = batch.trace(model, stream)
        states, scores = found.hidden[-minute:].astype(int), found.scores[-minute:].astype(int)
        assert np.abs(states - batch.rest(model)).max() / 32768 <= BOUNDS[name][0]
        assert np.abs(scores - at_rest).max() / 1024 <= BOUNDS[name][1]


def test_the_first_frame_follows_a_quiet_room(random_model):
    """Of digital silence the jump to any room would be one that no room knows."""
    config = random_model.features
    rate_hz, length = config.sample_rate_hz, config.frame_length
    zeros = np.zeros(length + config.hop_length, np.int16)
    jump, silence = batch.features(zeros, config)
    np.testing.assert_array_equal(silence, batch.silence(config))
    if config.energy != "delta":
        np.testing.assert_array_equal(jump, silence)
        return
    room = np.rint(np.random.default_rng(0).normal(0, 16, rate_hz)).astype(np.int16)
    level = slice(0, 1) if config.n_mfcc else slice(None)
    first, later = batch.features(room, config)[:, level].mean(1)[[0, 1]]
    scale = 128 * (config.n_mels**0.5 if config.n_mfcc else 1)  # of one in the natural logarithm
    assert abs(first) < scale and abs(later) < scale  # below 4 dB
    assert jump[level].mean() < -5 * scale and abs(silence[level]).max() == 0
