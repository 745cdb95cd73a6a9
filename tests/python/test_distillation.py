"""Teachers: trained once, asked once for each copy, and listened to."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import TEACHERS_OF_BOTH_KINDS, command_corpus, command_recipe

from kws import engine, train
from kws.command_defaults import teachers_for
from kws.command_task import CommandTask
from kws.comparison import network_of
from kws.compress import Normalization
from kws.distillation import ApartTask, Teachers, teacher_recipe
from kws.errors import ConfigError
from kws.fastgrnn import Network
from kws.recipe import DistillationConfig, Recipe, load_recipe
from kws.trainer import Trainer

TWO = DistillationConfig(teachers=2, hidden=12, rank_w=0, rank_u=0, epochs=2)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return command_corpus(tmp_path_factory.mktemp("words"))


@pytest.fixture
def recipe(corpus) -> Recipe:
    return dataclasses.replace(command_recipe(corpus), distillation=TWO)


def silent(line: str) -> None:
    """Say nothing."""


def test_teachers_are_trained_once_for_all_seeds(recipe, tmp_path):
    said: list[str] = []
    Teachers(recipe, CommandTask(recipe, None), tmp_path, say=said.append)
    networks = sorted(tmp_path.glob("teacher-*/network.pt"))
    assert len(networks) == 2 and "Teacher 2 of 2" in said[1]
    before = [path.stat().st_mtime_ns for path in networks]
    other = dataclasses.replace(recipe, seed=5, max_bytes=2048)
    Teachers(other, CommandTask(other, None), tmp_path, say=silent)
    assert sorted(tmp_path.glob("teacher-*/network.pt")) == networks
    assert [path.stat().st_mtime_ns for path in networks] == before


def test_teachers_of_other_clips_are_others(recipe, tmp_path):
    Teachers(recipe, CommandTask(recipe, None), tmp_path, say=silent)
    louder = dataclasses.replace(recipe.augment, gain_db=(6.0, 6.0))
    other = dataclasses.replace(recipe, augment=louder)
    Teachers(other, CommandTask(other, None), tmp_path, say=silent)
    assert len(list(tmp_path.glob("teacher-*"))) == 4


def test_an_answer_is_the_mean_of_the_teachers_posteriors_and_is_kept(recipe, tmp_path):
    task = CommandTask(recipe, None)
    teachers = Teachers(recipe, task, tmp_path, say=silent)
    features, labels = next(iter(task.blocks(0)))
    answers = teachers.answers(0, labels.shape[1])
    assert answers.shape == (*labels.shape, len(task.classes))
    with torch.no_grad():
        inputs = Normalization.of(features)(features)
        networks = [network_of(own, task, at).eval() for own, at in trained(recipe, tmp_path)]
        each = [task.answers(network(inputs), labels.shape[1]) for network in networks]
    expected = sum((logits / TWO.temperature).softmax(-1) for logits in each) / 2
    assert np.allclose(answers, expected.numpy(), atol=2e-3)
    kept = sorted(tmp_path.glob("teacher-*/logits/*.npy"))
    before = [path.stat().st_mtime_ns for path in kept]
    again = Teachers(recipe, task, tmp_path, say=silent)
    assert np.array_equal(again.answers(0, labels.shape[1]), answers)
    assert [path.stat().st_mtime_ns for path in kept] == before


def trained(recipe: Recipe, cache: Path) -> list[tuple[Recipe, Path]]:
    """The recipes of its teachers, and where they lie."""
    folders = {load_recipe(p).name: p.parent for p in cache.glob("teacher-*/config.toml")}
    recipes = [teacher_recipe(recipe, index) for index in range(recipe.distillation.total)]
    return [(own, folders[own.name]) for own in recipes]


def test_a_convolutional_teacher_answers_to_the_clips_of_the_streams(recipe, tmp_path):
    recipe = dataclasses.replace(recipe, distillation=TEACHERS_OF_BOTH_KINDS)
    task = CommandTask(recipe, None)
    said: list[str] = []
    teachers = Teachers(recipe, task, tmp_path, say=said.append)
    assert "fastgrnn" in said[0] and "ds_cnn" in said[1]
    own = teacher_recipe(recipe, 1)
    apart = ApartTask(task, own, None)
    streams, labels = next(iter(task.blocks(0)))
    features, each = next(iter(apart.blocks(0)))
    assert np.array_equal(each.ravel(), labels.ravel())  # in the streams' order
    assert features.shape[::2] == (labels.size, 10) and streams.shape[2] == recipe.features.n_mfcc
    # The very samples: the clips' and the streams' own come from one draw.
    (clips, _), *_ = task.clips(0)
    assert np.array_equal(features, engine.features_batch(clips, own.features))
    joined = clips.reshape(len(labels), -1)
    assert np.array_equal(streams, engine.features_batch(joined, recipe.features))
    assert teachers.answers(0, labels.shape[1]).shape == (*labels.shape, len(task.classes))


def test_the_loss_is_least_where_a_network_answers_as_its_teachers(recipe, tmp_path):
    task = CommandTask(recipe, None)
    teachers = Teachers(recipe, task, tmp_path, say=silent)
    teachers.config = dataclasses.replace(TWO, share=1.0, temperature=1.0)
    logits = torch.randn(3, 250, len(task.classes))
    own = task.answers(logits, task.recipe.data.stream_clips).softmax(-1).numpy()
    labelled = torch.tensor(7.0)
    assert teachers.loss(labelled, logits, own).item() == pytest.approx(0.0, abs=1e-5)
    assert teachers.loss(labelled, logits, own[::-1].copy()).item() > 0.01
    teachers.config = dataclasses.replace(TWO, share=0.0)
    assert teachers.loss(labelled, logits, own).item() == 7.0


def test_a_taught_run_goes_on_after_a_kill_with_the_same_bytes(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "CACHE", tmp_path / "cache")
    train.train(recipe, tmp_path / "whole", say=silent)
    whole = (tmp_path / "whole" / f"{recipe.name}.kws").read_bytes()
    plain = dataclasses.replace(recipe, distillation=DistillationConfig())
    train.train(plain, tmp_path / "plain", say=silent)
    assert (tmp_path / "plain" / f"{recipe.name}.kws").read_bytes() != whole

    wrote = Trainer._write_checkpoint

    def killed(self, stage, epoch, optimizers):
        wrote(self, stage, epoch, optimizers)
        if len(self.history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_write_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            train.train(recipe, tmp_path / "part", say=silent)
    train.train(recipe, tmp_path / "part", say=silent)
    assert (tmp_path / "part" / f"{recipe.name}.kws").read_bytes() == whole


def test_dropout_hides_units_in_training_alone():
    torch.manual_seed(0)
    network = Network(n_features=4, hidden=16, classes=3, dropout=0.5)
    x = torch.randn(2, 30, 4)
    with torch.no_grad():
        assert not torch.equal(network(x), network(x))
        network.eval()
        assert torch.equal(network(x), network(x))
        # A row loses units of its own, and keeps them lost in every frame.
        network.train()
        network.classifier.weight[:] = torch.eye(3, 16)
        network.classifier.bias.zero_()
        drawn = [network(x) for _ in range(50)]
        lost = torch.stack([(logits == 0).all(1) for logits in drawn])
        seen = torch.stack([(logits != 0).all(1) for logits in drawn])
        assert (lost | seen).all() and 0.3 < lost.double().mean() < 0.7


def test_only_command_words_have_teachers(recipe):
    with pytest.raises(ConfigError, match="only command words are taught"):
        dataclasses.replace(recipe, task="wake", words=("hey you",))


@pytest.mark.parametrize(
    ("max_bytes", "asked", "fastgrnns", "ds_cnns"),
    [(1024, None, 0, 0), (5632, None, 4, 2), (5632, 0, 0, 0), (1024, 3, 3, 1)],
)
def test_larger_models_are_taught_unless_told_otherwise(max_bytes, asked, fastgrnns, ds_cnns):
    config = teachers_for(max_bytes, asked)
    assert (config.teachers, config.convolutional) == (fastgrnns, ds_cnns)
