"""Teachers: trained once, asked once for each copy, and listened to."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import TEACHERS_OF_BOTH_KINDS, command_corpus, command_recipe

from kws.engine import batch
from kws.errors import ConfigError
from kws.network.network import Network
from kws.network.quantized import Normalization
from kws.settings.command_defaults import TAUGHT_WORDS, TEACHER, teachers_for
from kws.settings.model import FeatureConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.schedule import DistillationConfig
from kws.settings.toml import load_recipe
from kws.training import teachers, train
from kws.training.commands import CommandTask
from kws.training.comparison import network_of
from kws.training.seeds import best_of_seeds
from kws.training.teachers import ApartTask, Teachers, find_network, teacher_recipe
from kws.training.trainer import Trainer

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


@pytest.mark.parametrize("name", ["network.pt", "metrics.json", "config.toml", "logits/0000.npy"])
@pytest.mark.parametrize("damage", ["zeros", "cut short"])
def test_a_damaged_teacher_is_made_again_and_said(name, damage, recipe, tmp_path, capsys):
    one = dataclasses.replace(recipe, distillation=dataclasses.replace(TWO, teachers=1, epochs=1))
    task = CommandTask(one, None)
    clips = next(iter(task.blocks(0)))[1].shape[1]
    before = Teachers(one, task, tmp_path, say=silent).answers(0, clips)
    (path,) = tmp_path.glob(f"teacher-*/{name}")
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + (bytes(len(data) - half) if damage == "zeros" else b""))
    again = Teachers(one, task, tmp_path, say=silent).answers(0, clips)
    assert np.array_equal(again, before)  # not those of a network of half its weights
    assert "damaged" in capsys.readouterr().err
    assert path.read_bytes()[: half + 1] == data[: half + 1] or name == "metrics.json"  # its times


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
        normalize = Normalization.of(features)
        inputs = normalize(features)
        networks = [
            network_of(own, len(task.classes), at).eval() for own, at in trained(recipe, tmp_path)
        ]
        for network in networks:
            network.begin_at_rest(normalize(batch.silence(recipe.features)))
        each = [task.answers(network(inputs), labels.shape[1]) for network in networks]
    first, second = ((logits / TWO.temperature).softmax(-1) for logits in each)
    expected = (first + second) / 2
    assert np.allclose(answers, expected.numpy(), atol=2e-3)
    kept = sorted(tmp_path.glob("teacher-*/logits/*.npy"))
    before = [path.stat().st_mtime_ns for path in kept]
    again = Teachers(recipe, task, tmp_path, say=silent)
    assert np.array_equal(again.answers(0, labels.shape[1]), answers)
    assert [path.stat().st_mtime_ns for path in kept] == before


def trained(recipe: Recipe, cache: Path) -> list[tuple[Recipe, Path]]:
    """The recipes of its teachers, and where they lie."""
    folders = {load_recipe(p).name: p.parent for p in cache.glob("teacher-*/config.toml")}
    recipes = [teacher_recipe(recipe, index) for index in range(recipe.distillation.trained)]
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
    assert np.array_equal(features, batch.features_batch(clips, own.features))
    joined = clips.reshape(len(labels), -1)
    assert np.array_equal(streams, batch.features_batch(joined, recipe.features))
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

    def killed(self, stage, epoch, optimizer):
        wrote(self, stage, epoch, optimizer)
        if len(self.state.history) == 2:
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


def test_a_wake_word_has_no_convolutional_teachers(recipe):
    with pytest.raises(ConfigError, match="leave out `networks` and `convolutional`"):
        dataclasses.replace(
            recipe, task="wake", words=("hey you",), distillation=TEACHERS_OF_BOTH_KINDS
        )


@pytest.mark.parametrize(
    ("max_bytes", "words", "asked", "fastgrnns", "ds_cnns", "networks"),
    [
        (1024, TAUGHT_WORDS, None, 0, 0, (TEACHER,)),
        (1024, ("go", "on"), None, 0, 0, ()),
        (5632, TAUGHT_WORDS, None, 0, 0, (TEACHER,)),
        (5632, ("go", "yes"), None, 0, 0, (TEACHER,)),
        (2048, TAUGHT_WORDS, None, 0, 0, (TEACHER,)),
        (5632, ("go", "on"), None, 4, 2, ()),
        (5632, (), None, 4, 2, ()),
        (5632, TAUGHT_WORDS, 0, 0, 0, ()),
        (1024, TAUGHT_WORDS, 3, 3, 1, ()),
    ],
)
def test_command_words_are_taught_unless_told_otherwise(
    max_bytes, words, asked, fastgrnns, ds_cnns, networks
):
    config = teachers_for(max_bytes, words, asked)
    assert (config.teachers, config.convolutional) == (fastgrnns, ds_cnns)
    assert config.networks == networks
    # What is too small to do as it is told keeps the labels, too.
    if networks:
        expected = (1.0, 2.0) if max_bytes > 2048 else (0.5, 1.0)
        assert (config.share, config.temperature) == expected


def float_recipe(recipe: Recipe, **distillation) -> Recipe:
    """A convolutional network that ships nothing, for the words of `recipe`."""
    return dataclasses.replace(
        recipe,
        name="large",
        data=dataclasses.replace(recipe.data, stream_clips=1),
        features=FeatureConfig(hop_length=320, n_mfcc=0, energy="absolute"),
        network=NetworkConfig(cell="bc_resnet", hidden=16),
        schedule=dataclasses.replace(recipe.schedule, masked_frames=8, masked_bands=4),
        distillation=DistillationConfig(**distillation),
    )


@pytest.fixture
def large(recipe, tmp_path, monkeypatch) -> Path:
    """The folder of a finished convolutional network."""
    monkeypatch.setattr(train, "CACHE", tmp_path / "cache")
    said: list[str] = []
    train.train(float_recipe(recipe), tmp_path / "large", say=said.append)
    assert "it can teach" in said[-1] and (tmp_path / "large" / "network.pt").is_file()
    return tmp_path / "large"


def taught_by(recipe: Recipe, *networks: Path | str) -> Recipe:
    names = tuple(map(str, networks))
    return dataclasses.replace(recipe, distillation=DistillationConfig(networks=names))


def test_a_finished_network_teaches_others(recipe, large, tmp_path):
    said: list[str] = []
    train.train(taught_by(recipe, large), tmp_path / "small", say=said.append)
    assert f"Taught by {large}" in said[0]
    plain = dataclasses.replace(recipe, distillation=DistillationConfig())
    train.train(plain, tmp_path / "plain", say=silent)
    small, alone = (tmp_path / n / f"{recipe.name}.kws" for n in ("small", "plain"))
    assert small.read_bytes() != alone.read_bytes()
    # It teaches another that ships nothing, too.
    train.train(float_recipe(recipe, networks=(str(large),)), tmp_path / "second", say=silent)
    assert not torch.equal(*(weights(at) for at in (large, tmp_path / "second")))


def test_a_recurrent_network_answers_to_the_streams_and_needs_their_features(
    recipe, tmp_path, monkeypatch
):
    monkeypatch.setattr(train, "CACHE", tmp_path / "cache")
    schedule = dataclasses.replace(recipe.schedule, quantized_epochs=0)
    own = dataclasses.replace(recipe, schedule=schedule, distillation=DistillationConfig())
    folder = tmp_path / "recurrent"
    train.train(own, folder, say=silent)
    task = CommandTask(recipe, None)
    teachers = Teachers(taught_by(recipe, folder), task, tmp_path / "cache", say=silent)
    features, labels = next(iter(task.blocks(0)))
    with torch.no_grad():
        network = network_of(own, len(task.classes), folder).eval()
        normalize = Normalization.of(features)
        network.begin_at_rest(normalize(batch.silence(own.features)))
        logits = network(normalize(features))
        expected = (task.answers(logits, labels.shape[1]) / 2.0).softmax(-1)
    assert np.allclose(teachers.answers(0, labels.shape[1]), expected.numpy(), atol=2e-3)
    fewer = dataclasses.replace(recipe, features=dataclasses.replace(recipe.features, n_mfcc=6))
    with pytest.raises(ConfigError, match="has other features"):
        Teachers(taught_by(fewer, folder), CommandTask(fewer, None), tmp_path, say=silent)


def test_seeds_of_a_network_that_only_teaches_are_refused(recipe, tmp_path):
    with pytest.raises(ConfigError, match="without --seeds"):
        best_of_seeds(float_recipe(recipe), tmp_path / "out", 2, say=silent)
    assert not (tmp_path / "out").exists()


def weights(folder: Path) -> torch.Tensor:
    state = torch.load(folder / "network.pt", weights_only=True)
    return torch.cat([value.flatten() for name, value in state.items() if "classifier" in name])


def test_it_answers_to_the_very_clips_of_the_streams(recipe, large, tmp_path):
    task = CommandTask(recipe, None)
    teachers = Teachers(taught_by(recipe, large), task, tmp_path / "cache", say=silent)
    own = load_recipe(large / "config.toml")
    apart = ApartTask(task, own, None)
    features, _ = next(iter(apart.blocks(1)))
    normalize = Normalization.of(next(iter(apart.blocks(0)))[0])
    network = network_of(own, len(task.classes), large).eval()
    network.begin_at_rest(normalize(batch.silence(own.features)))
    with torch.no_grad():
        expected = (network(normalize(features)).amax(1) / 2.0).softmax(-1)
    clips = recipe.data.stream_clips
    answers = teachers.answers(1, clips)
    assert np.allclose(answers.reshape(-1, len(task.classes)), expected.numpy(), atol=2e-3)


def test_a_word_that_is_not_wanted_is_unknown_to_the_teacher(recipe, large, tmp_path):
    both = CommandTask(recipe, None)
    one = dataclasses.replace(recipe, words=recipe.words[1:])
    task = CommandTask(one, None)
    assert len(task.classes) == len(both.classes) - 1
    (teacher,) = Teachers(taught_by(one, large), task, tmp_path / "cache", say=silent).each
    logits = torch.from_numpy(teacher.logits(0).astype(np.float32))
    given, merged = logits.softmax(-1), teacher.posteriors(0, 1.0)
    assert torch.allclose(merged[:, task.classes.index("down")], given[:, 1])
    expected = given[:, both.classes.index("up")] + given[:, both.classes.index("_unknown_")]
    assert torch.allclose(merged[:, task.classes.index("_unknown_")], expected, atol=1e-6)


def test_a_network_that_cannot_teach_is_refused_in_one_sentence(recipe, large, tmp_path):
    def refusal(taught: Recipe) -> str:
        task = CommandTask(taught, None)
        with pytest.raises(ConfigError) as error:
            Teachers(taught, task, tmp_path / "cache", say=silent)
        return str(error.value)

    assert "no trained network 'nowhere'" in refusal(taught_by(recipe, "nowhere"))
    more = dataclasses.replace(recipe, words=("up", "down", "hum"))
    assert "does not know hum" in refusal(taught_by(more, large))
    slow = dataclasses.replace(
        recipe.features, sample_rate_hz=8000, hop_length=160, n_mels=24, n_mfcc=8
    )
    other_rate = dataclasses.replace(recipe, features=slow)
    assert "at the same sample rate" in refusal(taught_by(other_rate, large))
    network = large / "network.pt"
    whole = network.read_bytes()
    network.write_bytes(whole[: len(whole) // 2])
    assert "network.pt is damaged" in refusal(taught_by(recipe, large))
    torch.save(Network(n_features=40, hidden=5, classes=4).state_dict(), network)
    assert "not of the sizes in config.toml beside it" in refusal(taught_by(recipe, large))


@pytest.mark.parametrize("has_models", [True, False])
def test_without_the_network_that_ships_others_are_trained(has_models, monkeypatch, tmp_path):
    if not has_models:
        monkeypatch.setattr(teachers, "MODELS", (tmp_path,))
    asked: list[Recipe] = []
    monkeypatch.setattr(train, "train", lambda recipe, out, say: asked.append(recipe))
    train.train_commands("corpus", tmp_path / "out", words=["yes", "no"])
    config = asked[0].distillation
    assert config.networks == ((TEACHER,) if has_models else ())
    assert config.trained == (0 if has_models else 6)


def test_the_network_that_ships_knows_the_words_that_are_taught_by_it():
    folder = find_network(TEACHER)
    recipe = load_recipe(folder / "config.toml")
    assert recipe.words == TAUGHT_WORDS
    assert network_of(recipe, len(TAUGHT_WORDS) + 2, folder).cell.hidden == recipe.network.hidden
