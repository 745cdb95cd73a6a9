"""A clip that holds more than its word is cropped where the word is."""

from pathlib import Path

import numpy as np
import pytest

from kws.audio.files import find_audio, read_audio
from kws.audio.level import speech_span
from kws.audio.word import crop_to_word, phrase_span, phrases
from kws.errors import CorpusError

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
POSITIVES = find_audio(SAMPLE / "positives" / "test")
WINDOW = 24_000


def room(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 16, round(seconds * 16_000)).astype(np.int16)


def syllables(seconds: float = 0.6, level: int = 4_000) -> np.ndarray:
    """A vowel that swells and falls, as loud for a while as speech is."""
    time_s = np.arange(round(seconds * 16_000)) / 16_000
    shape = np.sin(np.pi * time_s / seconds) ** 0.5
    return (level * shape * np.sin(2 * np.pi * 200 * time_s)).astype(np.int16)


def click(level: int = 32_000, ms: float = 5) -> np.ndarray:
    return (level * np.resize([1, -1], round(16 * ms))).astype(np.int16)


def overlap(span: tuple[int, int], first: int, last: int) -> float:
    """The share of [first, last) that the span holds."""
    return max(0, min(span[1], last) - max(span[0], first)) / (last - first)


@pytest.mark.parametrize("word_level", [300, 1_000, 4_000])
@pytest.mark.parametrize("pause_s", [0.5, 1.5, 3.0])
def test_a_click_before_the_word_does_not_take_its_place(pause_s: float, word_level: int) -> None:
    word = syllables(level=word_level)
    samples = np.concatenate([room(0.2), click(), room(pause_s, 1), word, room(0.4, 2)])
    first = 3_200 + 80 + round(pause_s * 16_000)
    span = phrase_span(samples, WINDOW)
    assert overlap(span, first, first + len(word)) > 0.9
    assert span[1] - span[0] <= WINDOW
    if word_level > 300:  # else the room is within 30 dB of the word, and stays where it fits
        assert span[1] - span[0] < len(word) + 3_200  # the click is gone


def test_another_sound_and_a_pause_before_the_word_are_left_out() -> None:
    word = syllables(0.8)
    cough = syllables(0.2, 3_000)
    samples = np.concatenate([cough, room(2.0), word, room(0.2, 1)])
    span = phrase_span(samples, WINDOW)
    assert overlap(span, len(cough) + 32_000, len(cough) + 32_000 + len(word)) > 0.9
    assert span[1] - span[0] <= WINDOW


def test_a_phrase_with_a_pause_in_it_stays_whole() -> None:
    samples = np.concatenate(
        [room(0.1), syllables(0.3), room(0.3, 1), syllables(0.5), room(0.1, 2)]
    )
    assert phrase_span(samples, WINDOW) == speech_span(samples)
    apart = np.concatenate([room(0.1), syllables(0.3), room(0.5, 1), syllables(0.4), room(0.1, 2)])
    assert phrase_span(apart, WINDOW) == speech_span(apart)  # it fits, so nothing is left out


def test_phrases_without_a_click_are_trimmed_as_ever() -> None:
    for path in POSITIVES:
        samples = read_audio(path)
        assert phrase_span(samples, WINDOW) == speech_span(samples)


@pytest.mark.parametrize("where_s", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("with_click", [False, True])
def test_a_long_clip_is_cropped_where_its_word_is(where_s: float, with_click: bool) -> None:
    start = click() if with_click else room(0.005)
    word = syllables(0.5)
    samples = np.concatenate([start, room(where_s), word, room(2.7 - where_s, 1)])
    first = len(start) + round(where_s * 16_000)
    cropped = crop_to_word(samples, 16_000)
    assert len(cropped) == 16_000
    place = next(
        at for at in range(len(samples)) if np.array_equal(samples[at : at + 16_000], cropped)
    )
    assert overlap((place, place + 16_000), first, first + len(word)) == 1.0


def test_a_long_clip_of_speech_alone_gives_its_loudest_second() -> None:
    samples = np.concatenate([syllables(1.5, 500), syllables(0.9, 8_000), syllables(1.5, 500)])
    cropped = crop_to_word(samples, 16_000)
    assert np.square(cropped.astype(float)).sum() > 0.95 * np.square(samples.astype(float)).sum()


def test_silent_positives_are_refused_where_there_are_no_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    zeros = np.zeros(16_000, np.int16)
    with pytest.raises(CorpusError, match="all 3 positives are silent"):
        phrases([zeros] * 3, WINDOW)
    assert len(phrases([zeros, syllables(), zeros], WINDOW)) == 1
    assert "2 of 3 positives are silent" in capsys.readouterr().err
