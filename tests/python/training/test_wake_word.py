"""`kws train wake PHRASE`: what a phrase is trained on where nobody says."""

from pathlib import Path

import pytest
from small_runs import hiss

from kws.audio.files import write_audio
from kws.errors import ConfigError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.settings.recipe import Recipe
from kws.training.checkpoint import write_checkpoint
from kws.training.run_folder import CHECKPOINT
from kws.training.seeds import best_of_seeds
from kws.training.train import train
from kws.training.wake_word import train_wake, wake_draft, wake_recipe

CALLED = "data/raw/wake_phrases/wake-words"
SPOKEN = "hey_robin_espeak_train_s0_00000.wav"


def draft(phrase: str) -> Recipe:
    return wake_draft(phrase, sample_rate_hz=SAMPLE_RATE_HZ, max_bytes=1024, seed=0)


def begun(folder: Path, recipe: Recipe) -> None:
    """Leave what a training that was ended after its first epoch leaves."""
    folder.mkdir(parents=True)
    content = {"recipe": recipe.to_toml(), "stage": 0, "epoch": 0, "best": {}}
    write_checkpoint(folder / CHECKPOINT, content)


@pytest.mark.parametrize(("seeds", "place"), [(1, "one"), (2, "one/seed1")])
def test_a_folder_of_another_begun_training_is_refused_before_anything_is_spoken(
    seeds, place, tmp_path, monkeypatch
):
    monkeypatch.setattr("kws.corpus.wake_data.speak", lambda *_, **__: pytest.fail("spoken"))
    begun(tmp_path / place, draft("hey marvin"))
    with pytest.raises(ConfigError, match=r"holds a training with other settings; choose another"):
        train_wake("hey robin", out=tmp_path / "one", seeds=seeds)


def test_a_recipe_of_several_seeds_is_refused_before_what_they_share_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("kws.training.seeds.prepare", lambda _: pytest.fail("prepared"))
    begun(tmp_path / "seed1", draft("hey marvin"))
    with pytest.raises(ConfigError, match=r"seed1 holds a training with other settings"):
        best_of_seeds(draft("hey robin"), tmp_path, 2)


def test_a_folder_of_another_begun_training_is_refused_before_teachers_are_trained(tmp_path):
    begun(tmp_path / "one", draft("hey marvin"))
    with pytest.raises(ConfigError, match=r"delete .*checkpoint\.pt to train anew"):
        train(draft("hey robin"), tmp_path / "one")


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
    recipe = wake_recipe(draft("hey robin"), ["mine"], [], [], say=lambda line: None)
    assert "data/raw/LibriSpeech" in recipe.data.negatives
    assert (CALLED in recipe.data.negatives) == heard
