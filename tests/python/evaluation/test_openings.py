"""Phrases soon after a start: what is played, and that the figure is what the spotter hears."""

from pathlib import Path

import numpy as np
import pytest
from loudness_models import RATE, noise

from kws.audio.files import find_audio, read_audio
from kws.engine import batch, model_file
from kws.engine.spotter import Spotter
from kws.errors import CorpusError
from kws.evaluation.openings import (
    BEFORE_S,
    SILENCE_S,
    SILENCED,
    moved_in_silence,
    opening_scores,
    opening_streams,
    silenced_streams,
)
from kws.evaluation.verdict import GRACE_S
from kws.settings.model import posterior_of

SPOKEN = Path(__file__).parents[3] / "data/sample/positives/test"


def test_the_scores_are_what_a_spotter_hears_after_its_reset():
    model = model_file.load("hey_cortana")
    streams = opening_streams([read_audio(path) for path in find_audio(SPOKEN)[:8]], RATE)
    scores = opening_scores(model, batch.features_batch(streams, model.features))
    assert len(scores) == 8
    for stream, score in zip(streams, scores[:, 0].tolist(), strict=True):
        for threshold, is_heard in ((score, True), (score + 1, False)):
            spotter = Spotter(model, threshold=posterior_of(threshold))
            assert bool(spotter.process(stream)) == is_heard


def test_what_comes_before_a_phrase_goes_round():
    loud = noise(0.6, 6000, 1, "high")
    streams = opening_streams([np.pad(loud, RATE)] * 5, RATE)
    begins = [int(np.argmax(np.abs(stream) > 200)) / RATE for stream in streams]
    assert begins == pytest.approx([*BEFORE_S, BEFORE_S[0]], abs=0.03)
    assert streams.shape[1] == pytest.approx((1.0 + 0.6 + GRACE_S) * RATE, abs=0.05 * RATE)


def test_some_phrases_come_after_seconds_of_zeros():
    loud, silent = noise(0.6, 6000, 1, "high"), np.zeros(RATE, np.int16)
    streams = silenced_streams([*[loud] * (2 * SILENCED - 1), silent], RATE)
    assert len(streams) == SILENCED
    begin = round(SILENCE_S * RATE)
    assert not streams[:, :begin].any() and (np.abs(streams[:, begin:]).max(axis=1) > 3000).all()


@pytest.mark.parametrize("path", model_file.shipped(), ids=lambda path: path.stem)
def test_what_ships_stays_at_rest_in_silence(path):
    assert moved_in_silence(model_file.load(path)) < 0.3


def test_how_far_silence_leads_is_what_a_trace_says():
    model = model_file.load("jarvis")
    states = batch.trace(model, np.zeros(25 * RATE, np.int16)).hidden[-200:].astype(int)
    moved = np.abs(states - batch.rest(model)).max() / 32768
    assert moved_in_silence(model) == pytest.approx(moved, abs=0.03) and moved > 0.1


def test_silent_recordings_are_no_phrases():
    loud, silent = noise(0.5, 6000, 1, "high"), np.zeros(RATE, np.int16)
    assert len(opening_streams([loud, silent], RATE)) == 1
    with pytest.raises(CorpusError, match="all 2 positives are silent"):
        opening_streams([silent, silent], RATE)
