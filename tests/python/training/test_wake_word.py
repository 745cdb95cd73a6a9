"""`kws train wake PHRASE`: what a phrase is trained on where nobody says."""

from pathlib import Path

import pytest
from small_runs import hiss

from kws.audio.files import write_audio
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.training.wake_word import wake_recipe

CALLED = "data/raw/wake_phrases/wake-words"
SPOKEN = "hey_robin_espeak_train_s0_00000.wav"


@pytest.mark.parametrize(
    ("clips", "heard"), [((SPOKEN,), False), ((SPOKEN, "anna_1.wav"), True), (("1.wav",), True)]
)
def test_what_people_called_is_no_negative_of_a_phrase_that_only_machines_say(
    clips, heard, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in (f"{CALLED}/en/athena/1.wav", "data/raw/LibriSpeech/1.wav"):
        write_audio(Path(name), hiss(0.1, 1))
    for name in clips:
        write_audio(Path("mine", name), hiss(0.1, 2))
    recipe = wake_recipe(
        "hey robin",
        ["mine"],
        [],
        [],
        sample_rate_hz=SAMPLE_RATE_HZ,
        max_bytes=1024,
        seed=0,
        say=lambda line: None,
    )
    assert "data/raw/LibriSpeech" in recipe.data.negatives
    assert (CALLED in recipe.data.negatives) == heard
