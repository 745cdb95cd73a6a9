"""Several seeds of one recipe: the best is kept, and no run is taken for one of another recipe."""

import dataclasses
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import command_corpus, command_recipe

from kws.engine import model_file
from kws.errors import ConfigError, KwsError
from kws.settings.recipe import Recipe
from kws.settings.toml import load_recipe
from kws.training import seeds, train
from kws.training.run_folder import CHECKPOINT
from kws.training.seeds import best_of_seeds, train_seeds


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """One thread, and a cache that nobody else has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(train, "CACHE", tmp_path / "cache")
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> Path:
    return command_corpus(tmp_path_factory.mktemp("words"))


def shorter(recipe: Recipe, **schedule: Any) -> Recipe:
    """The recipe with another schedule; one float epoch where none is named."""
    changed = dataclasses.replace(recipe.schedule, **{"float_epochs": 1, **schedule})
    return dataclasses.replace(recipe, schedule=changed)


def history(folder: Path) -> list[dict]:
    return torch.load(folder / CHECKPOINT, weights_only=True)["history"]


def quiet(line: str) -> None:
    """Say nothing."""


def test_of_several_seeds_the_best_is_kept_with_the_figures_of_all(words, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(command_recipe(words, seed=7).to_toml())
    out = tmp_path / "best"
    metrics = train_seeds(recipe, 3, out, say=quiet)
    assert metrics is not None
    found = [each["accuracy"] for each in metrics.seeds]
    losses = [each["validation_loss"] for each in metrics.seeds]
    assert [each["seed"] for each in metrics.seeds] == [7, 8, 9]
    best = out / f"seed{metrics.seed}"
    assert losses[metrics.seed - 7] == min(losses) < losses[0]  # not the recipe's own seed
    assert (out / "commands.kws").read_bytes() == (best / "commands.kws").read_bytes()
    assert json.loads((out / "metrics.json").read_text()) == metrics.to_json()
    card = (out / "README.md").read_text()
    assert f"{100 * sum(found) / 3:.2f} %" in card
    assert f"with seed {metrics.seed};" in card
    last = [100 * history(out / f"seed{n}")[-1]["accuracy_quantized"] for n in (7, 8, 9)]
    assert f"{sum(last) / 3:.2f} % ({', '.join(f'{each:.2f}' for each in last)})" in card
    trained = (best / "metrics.json").stat().st_mtime_ns
    assert train_seeds(recipe, 3, out, say=quiet) == metrics
    assert (best / "metrics.json").stat().st_mtime_ns == trained  # not once more


def test_a_full_disk_leaves_the_best_before_whole(words, tmp_path, monkeypatch):
    recipe = shorter(command_recipe(words))
    best_of_seeds(recipe, tmp_path / "out", 1, say=quiet)
    model = tmp_path / "out" / "commands.kws"
    model.write_bytes(b"the one before")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KwsError, match="no space left on device"):
        best_of_seeds(recipe, tmp_path / "out", 1, say=quiet)
    assert model.read_bytes() == b"the one before"


def test_a_folder_of_another_recipe_is_trained_anew_and_never_mixed(words, tmp_path):
    first = command_recipe(words)
    second = shorter(first)
    best_of_seeds(first, tmp_path / "old", 1, say=quiet)
    fresh = best_of_seeds(second, tmp_path / "fresh", 1, say=quiet)
    old = (tmp_path / "old" / "commands.kws").read_bytes()
    said: list[str] = []
    again = best_of_seeds(second, tmp_path / "old", 1, say=said.append)
    for place in ("commands.kws", "config.toml", "seed0/commands.kws", "seed0/config.toml"):
        expected = (tmp_path / "fresh" / place).read_bytes()
        assert (tmp_path / "old" / place).read_bytes() == expected, place
    assert (tmp_path / "old" / "commands.kws").read_bytes() != old
    assert again and fresh and again.epochs == fresh.epochs == 3
    assert load_recipe(tmp_path / "old" / "config.toml") == second
    card = (tmp_path / "old" / "README.md").read_text()
    assert "float_epochs 1," in card
    (told,) = [line for line in said if "another recipe" in line]
    assert str(tmp_path / "old" / "seed0") in told


def test_the_recipe_of_open_sizes_finds_its_own_run(words, tmp_path, monkeypatch):
    recipe = command_recipe(words, max_bytes=900)
    recipe = dataclasses.replace(recipe, network=dataclasses.replace(recipe.network, hidden=0))
    first = best_of_seeds(recipe, tmp_path, 1, say=quiet)
    assert load_recipe(tmp_path / "seed0" / "config.toml").network.hidden > 0
    with monkeypatch.context() as patch:
        patch.setattr(seeds, "train", None)  # not once more
        assert best_of_seeds(recipe, tmp_path, 1, say=quiet) == first
    smaller = dataclasses.replace(recipe, max_bytes=700)
    best_of_seeds(smaller, tmp_path, 1, say=quiet)
    assert len(model_file.load(tmp_path / "commands.kws").data) <= 700


def test_a_training_of_another_recipe_that_is_not_finished_is_refused(words, tmp_path):
    recipe = command_recipe(words)

    class Killed(Exception):
        pass

    def kill(line: str) -> None:
        if line.startswith("epoch"):
            raise Killed

    long = shorter(recipe, float_epochs=12)
    with pytest.raises(Killed):
        best_of_seeds(long, tmp_path, 1, say=kill)
    before = (tmp_path / "seed0" / CHECKPOINT).read_bytes()
    with pytest.raises(ConfigError, match="other settings; choose another --out"):
        best_of_seeds(recipe, tmp_path, 1, say=quiet)
    assert (tmp_path / "seed0" / CHECKPOINT).read_bytes() == before
    resumed = best_of_seeds(long, tmp_path, 1, say=quiet)
    assert resumed and resumed.epochs == 14


def test_another_name_and_task_leave_nothing_of_the_run_before(words, tmp_path):
    best_of_seeds(command_recipe(words), tmp_path, 1, say=quiet)
    for folder in (tmp_path, tmp_path / "seed0"):
        (folder / "detection.png").write_bytes(b"of a wake word that was here")
    best_of_seeds(command_recipe(words, name="other"), tmp_path, 1, say=quiet)
    for folder in (tmp_path, tmp_path / "seed0"):
        assert [path.name for path in folder.glob("*.kws")] == ["other.kws"]
        assert not (folder / "detection.png").exists()
        assert (folder / "README.md").read_text().startswith("# other\n")
