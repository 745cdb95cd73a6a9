"""Teachers of a wake word: trained once, asked once, and what is learnt from them."""

import dataclasses

import numpy as np
import pytest
import torch
from small_runs import wake_corpus, wake_recipe

from kws.errors import ConfigError
from kws.network.fastgrnn import FastCell
from kws.settings.schedule import DistillationConfig
from kws.training import prepare, seeds, train, wake_teachers
from kws.training.run_folder import RunFolder
from kws.training.wake import WakeTask
from kws.training.wake_teachers import WakeTeachers

TWO = DistillationConfig(teachers=2, hidden=10, rank_w=0, rank_u=0, epochs=2, dropout=0.0)


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "CACHE", tmp_path / "cache")
    return wake_recipe(wake_corpus(tmp_path / "corpus"), distillation=TWO)


def made(recipe, tmp_path) -> WakeTeachers:
    cache = tmp_path / "cache"
    return WakeTeachers(recipe, WakeTask(recipe, cache), cache, say=lambda line: None)


def test_they_are_trained_once_and_their_answers_kept(recipe, tmp_path, monkeypatch):
    teachers = made(recipe, tmp_path)
    answers = [teachers.answers(index, 1) for index in range(2)]
    windows, frames = 48, 0.8 * 50 - 1  # the last frame needs 512 samples
    assert answers[0].shape == (windows, int(frames)) and not np.array_equal(answers[0], answers[1])
    monkeypatch.setattr(wake_teachers, "Trainer", None)  # nobody is trained again
    again = made(recipe, tmp_path)
    monkeypatch.setattr(WakeTeachers, "_networks", None)  # nor asked
    assert np.array_equal(again.answers(0, 1), answers[0])
    other = dataclasses.replace(recipe, seed=recipe.seed + 5, max_bytes=500)
    assert np.array_equal(made(other, tmp_path).answers(0, 1), answers[0])


def test_of_another_layout_they_are_trained_and_asked_anew(recipe, tmp_path, monkeypatch):
    made(recipe, tmp_path)
    kept = set(tmp_path.glob("cache/teacher-*"))
    monkeypatch.setattr("kws.training.feature_store.LAYOUT_VERSION", "another")
    made(recipe, tmp_path)
    assert len(set(tmp_path.glob("cache/teacher-*")) - kept) == len(kept) > 0


@pytest.mark.parametrize("name", ["network.pt", "metrics.json", "config.toml", "logits/0000.npy"])
def test_a_damaged_one_is_made_again_and_said(name, recipe, tmp_path, capsys):
    before = made(recipe, tmp_path).answers(0, 1)
    path = next(tmp_path.glob(f"cache/teacher-*/{name}"))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert np.array_equal(made(recipe, tmp_path).answers(0, 1), before)
    assert "damaged" in capsys.readouterr().err


def test_they_differ_by_their_seed_alone_and_their_mean_is_the_answer(recipe, tmp_path):
    teachers = made(recipe, tmp_path)
    first, second = teachers._networks
    assert isinstance(first.cell, FastCell) and isinstance(second.cell, FastCell)
    assert not torch.equal(first.cell.U[0], second.cell.U[0])
    features, _ = teachers._copy(1)
    with torch.no_grad():
        each = [network(teachers._normalize(features))[:, :, 0] for network in (first, second)]
    mean = torch.stack(each).mean(0).numpy()
    assert np.abs(mean - teachers.answers(1, 1)).max() < 0.02  # float16


def test_what_hides_things_from_a_teacher_is_its_own(recipe):
    hiding = dataclasses.replace(TWO, dropout=0.3, masked_frames=7, masked_bands=2)
    taught = dataclasses.replace(recipe, distillation=hiding)
    schedule = wake_teachers.teacher_recipe(taught, 0).schedule
    assert (schedule.dropout, schedule.masked_frames, schedule.masked_bands) == (0.3, 7, 2)
    own = taught.schedule
    assert (own.dropout, own.masked_frames, own.masked_bands) == (0.0, 0, 0)


def test_the_loss_is_least_where_the_scores_are_the_teachers(recipe, tmp_path):
    teachers = made(recipe, tmp_path)
    answers = teachers.answers(0, 1)[:4]
    own = torch.from_numpy(answers.astype(np.float32))[:, :, None].requires_grad_()
    labelled = torch.zeros(())
    assert teachers.loss(labelled, own, answers).item() == 0
    worse = [teachers.loss(labelled, own + shift, answers).item() for shift in (0.5, 1, -1)]
    assert 0 < worse[0] < worse[1] and worse[2] > 0
    far = torch.full_like(own, 40.0)  # beyond what anybody asks, still a number
    assert np.isfinite(teachers.loss(labelled, far, answers).item())
    assert teachers.loss(torch.ones(()), own, answers).item() == pytest.approx(1 - TWO.share)


def test_a_taught_network_is_another_one_and_a_run_repeats_it(recipe, tmp_path):
    alone = dataclasses.replace(recipe, distillation=DistillationConfig())
    models = [
        train.train(each, tmp_path / name, say=lambda line: None)
        and (tmp_path / name / "up.kws").read_bytes()
        for name, each in (("taught", recipe), ("alone", alone), ("again", recipe))
    ]
    assert models[0] == models[2] != models[1]


def test_several_seeds_share_copies_and_teachers(recipe, tmp_path, monkeypatch):
    """In one process or in several: the same bytes."""
    together = seeds.best_of_seeds(recipe, tmp_path / "one", 2, say=lambda line: None)
    monkeypatch.setattr(prepare, "LONG_WINDOWS", 0)
    monkeypatch.setattr(train, "CACHE", tmp_path / "other")
    apart = seeds.best_of_seeds(recipe, tmp_path / "many", 2, say=lambda line: None)
    assert together is not None and apart is not None
    for seed in (0, 1):
        files = [tmp_path / name / f"seed{seed}" / "up.kws" for name in ("one", "many")]
        assert files[0].read_bytes() == files[1].read_bytes()
    costs = [each["validation_cost"] for each in apart.seeds]
    assert apart.validation["validation_cost"] == min(costs)
    assert RunFolder(tmp_path / "many").finished(dataclasses.replace(recipe, seed=apart.seed))


def test_only_fastgrnns_teach_a_wake_word(recipe):
    for wrong in ({"convolutional": 1}, {"networks": ("commands_teacher",)}):
        with pytest.raises(ConfigError, match="taught by FastGRNNs that are trained for it"):
            dataclasses.replace(recipe, distillation=DistillationConfig(**wrong))
