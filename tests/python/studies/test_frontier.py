"""`kws bench frontier`: sizes that fit, points that say what they are, a picture and a table."""

import dataclasses
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import command_corpus, command_recipe
from typer.testing import CliRunner

from kws.cli.main import app
from kws.corpus.listing import SILENCE, UNKNOWN
from kws.engine import model_file
from kws.errors import ConfigError, KwsError
from kws.network import fit
from kws.studies import frontier, frontier_picture, frontier_points
from kws.studies.frontier import PEERS
from kws.studies.frontier_points import OURS, PUBLISHED, RETRAINED, SHIPPED, Point
from kws.training import train

ROOT = Path(__file__).parents[3]
SHIPPED_RECIPE = ROOT / "models" / "commands_5k" / "config.toml"


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for module in (frontier, train):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    yield
    torch.set_num_threads(threads)


def point(name: str, group: str, size: int, *accuracies: float) -> Point:
    return Point(
        name=name,
        label=name,
        group=group,
        bytes=size,
        accuracies=accuracies,
        task="10 classes, validation",
        measured="float",
    )


@pytest.mark.parametrize("size", frontier.SIZES)
def test_each_size_is_filled_and_not_exceeded(size):
    template = frontier.template_of(SHIPPED_RECIPE, Path("data"))
    recipe = frontier.recipe_of(f"ours-{size}", template, 3, 1.0)
    classes = (*recipe.words, UNKNOWN, SILENCE)
    assert 0.93 * size <= fit.file_bytes(recipe, recipe.network, classes) <= size
    assert (recipe.seed, recipe.data.corpus) == (3, "data")
    assert recipe.schedule.optimizer == "soap"
    # All sizes learn from the same teachers, by the same features.
    assert recipe.features == template.features
    assert recipe.distillation.total == 1


def test_a_peer_has_its_own_features_and_our_clips():
    template = frontier.template_of(SHIPPED_RECIPE, Path("data"))
    recipe = frontier.recipe_of("gru", template, 0, 0.5)
    assert (recipe.network.cell, recipe.network.hidden) == ("gru", 128)
    assert (recipe.features.n_mels, recipe.features.n_mfcc) == (32, 0)
    assert recipe.augment == template.augment
    assert recipe.data == dataclasses.replace(template.data, stream_clips=1)  # clip by clip
    assert recipe.schedule.float_epochs == PEERS["gru"].epochs // 2
    with pytest.raises(ConfigError, match="There is no network 'ours-7'; choose from ours-512"):
        frontier.recipe_of("ours-7", template, 0, 1.0)
    with pytest.raises(ConfigError, match="no recipe for command words"):
        frontier.template_of(ROOT / "models" / "hey_cortana" / "config.toml", Path("data"))


def test_a_network_that_there_is_not_is_said_before_another_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(frontier, "train", lambda *_, **__: pytest.fail("trained"))
    place = ["bench", "frontier", "--to", str(tmp_path / "runs"), "--models", str(tmp_path / "m")]
    corpus = ["--data", str(tmp_path), "--recipe", str(SHIPPED_RECIPE)]
    done = CliRunner().invoke(app, [*place, *corpus, "--only", "ours-768", "--only", "lstm"])
    assert done.exit_code == 1 and "There is no network 'lstm'" in done.stderr
    done = CliRunner().invoke(app, [*place, "--only", "lstm"])
    assert done.exit_code == 2 and "--data" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture
def trained(tmp_path):
    """Ours at 768 bytes and a peer, trained for an epoch on a tiny corpus by the command."""
    corpus = command_corpus(tmp_path / "words")
    models = tmp_path / "models"
    models.mkdir()
    recipe = command_recipe(corpus)
    (models / "recipe.toml").write_text(recipe.to_toml(), "utf-8")
    marked = f"# Models\n{frontier_picture.BEGIN}\nold\n{frontier_picture.END}\nend\n"
    page = tmp_path / frontier_picture.PAGE
    page.parent.mkdir(parents=True)
    page.write_text(marked, "utf-8")
    command = [
        *("bench", "frontier", "--data", str(corpus), "--recipe", str(models / "recipe.toml")),
        *("--to", str(tmp_path / "runs"), "--models", str(models), "--epochs-scale", "0.02"),
        *("--only", "ours-768", "--only", "ds-cnn-s", "--seeds", "2"),
    ]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return tmp_path, command, done


def test_the_command_trains_measures_and_draws(trained, monkeypatch):
    folder, command, done = trained
    points = frontier_points.load(folder / "models" / "frontier.json")
    (ours,) = [p for p in points if p.group == OURS]
    (peer,) = [p for p in points if p.group == RETRAINED]
    assert ours.task == peer.task == "4 classes, validation"
    for seed, accuracy in enumerate(ours.accuracies):
        place = folder / "runs" / "ours-768" / f"seed{seed}"
        assert len(model_file.load(place).data) <= ours.bytes <= 768
        metrics = json.loads((place / "metrics.json").read_text())
        assert metrics["evaluations"][0]["accuracy"] == accuracy
    assert peer.label == "DS-CNN-S" and len(peer.accuracies) == 2 and "float" in peer.measured
    assert [p for p in points if p.group == PUBLISHED] == sorted(
        frontier_points.published(), key=lambda p: (p.bytes, p.name)
    )
    text = (folder / frontier_picture.PAGE).read_text()
    assert text.startswith("# Models\n") and text.endswith("\nend\n") and "old" not in text
    assert done.stdout.strip() in text
    picture = (folder / "models" / "frontier.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n" and min(struct.unpack(">II", picture[16:24])) > 500

    def refuse(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(frontier, "train", refuse)
    monkeypatch.setattr(frontier, "compare", refuse)
    again = CliRunner().invoke(app, command)
    assert (again.exit_code, again.stdout) == (0, done.stdout)
    other = CliRunner().invoke(app, [*command, "--epochs-scale", "0.9"])
    assert other.exit_code == 1 and "other settings" in other.stderr


def test_points_of_before_stay_and_new_ones_replace_them(tmp_path):
    old = [point("ours-512", OURS, 500, 0.5), point("gru", RETRAINED, 9, 0.9)]
    new = [point("ours-512", OURS, 510, 0.6, 0.8)]
    frontier_points.save(tmp_path / "frontier.json", frontier_points.merge(old, new))
    kept = frontier_points.load(tmp_path / "frontier.json")
    assert kept == [*new, old[1]] and kept[0].mean == pytest.approx(0.7)
    gone = [point("commands_9k", SHIPPED, 9000, 0.9), point("someone's", PUBLISHED, 10, 0.9)]
    assert frontier_points.merge([*kept, *gone], []) == kept
    assert frontier_points.load(tmp_path / "none.json") == []
    (tmp_path / "frontier.json").write_text('{"points": [{"name": "x"}]}')
    with pytest.raises(ConfigError, match=r"frontier\.json cannot be used"):
        frontier_points.load(tmp_path / "frontier.json")


def test_shipped_models_are_points_with_the_accuracy_of_their_metrics():
    found = {p.name: p for p in frontier.gather([], ROOT / "models")}
    assert {"commands_1k", "commands_5k"} <= set(found)
    assert not {"athena", "hey_cortana"} & set(found)  # wake words have no clip accuracy
    teacher = found.pop("commands_teacher")
    assert teacher.group == RETRAINED and "float" in teacher.measured
    for name, p in found.items():
        metrics = json.loads((ROOT / "models" / name / "metrics.json").read_text())
        # Every seed's, and what ships is one of them.
        assert p.group == SHIPPED and len(p.accuracies) == len(metrics["seeds"])
        # The seeds were measured when streams began with zeros; what ships, at rest as well.
        assert p.accuracies == tuple(each["accuracy"] for each in metrics["seeds"])
        assert metrics["seed"] in {each["seed"] for each in metrics["seeds"]}
        assert abs(metrics["evaluations"][0]["accuracy"] - max(p.accuracies)) < 0.015
        assert p.bytes == len(model_file.load(ROOT / "models" / name).data)


def test_the_results_say_what_the_models_have():
    points = frontier_points.load(ROOT / "models" / "frontier.json")
    now = frontier_points.merge(
        points, [*frontier.gather([], ROOT / "models"), *frontier_points.published()]
    )
    assert points == now, "run kws bench frontier"
    table = frontier_picture.to_markdown(points)
    assert table in (ROOT / frontier_picture.PAGE).read_text("utf-8"), "run kws bench frontier"


def test_the_table_says_task_and_split_of_every_point():
    points = [point("ours-1024", OURS, 1000, 0.9, 0.93), *frontier_points.published()]
    lines = frontier_picture.to_markdown(points).splitlines()
    assert lines[2].startswith("| FastGRNN, at most 1,024 bytes | 1,000 | 91.50 | 93.00 | 2 |")
    assert all("validation" in line or "testing" in line for line in lines[2:])
    mlperf = next(line for line in lines if "MLPerf" in line)
    assert "| 91 to 93 |" in mlperf


def test_no_label_lies_on_another(monkeypatch, tmp_path):
    notes: list[Any] = []
    real = frontier_picture._label_all

    def label_all(figure, axis, points):
        real(figure, axis, points)
        notes.extend(note.get_window_extent() for note in axis.texts)

    monkeypatch.setattr(frontier_picture, "_label_all", label_all)
    ours = [point(f"ours-{s}", OURS, s, 0.9, 0.91) for s in frontier.SIZES]
    peers = [
        dataclasses.replace(point(name, RETRAINED, 4000 + 200 * i, 0.95), label=peer.label)
        for i, (name, peer) in enumerate(PEERS.items())
    ]
    frontier_picture.draw([*ours, *peers, *frontier_points.published()], tmp_path / "a.png")
    assert len(notes) == len(peers) + len(frontier_points.published())
    for i, one in enumerate(notes):
        for other in notes[:i]:
            assert frontier_picture._overlap(one, other) == 0
    with pytest.raises(KwsError, match="no point to draw"):
        frontier_picture.draw([], tmp_path / "b.png")


def test_a_document_without_marks_is_left_alone(tmp_path):
    path = tmp_path / "README.md"
    assert not frontier_picture.update(path, "x")
    path.write_text("# Mine\n")
    assert not frontier_picture.update(path, "x") and path.read_text() == "# Mine\n"
