"""`kws bench paper`: the paper's sizes and schedule, honest figures, runs that are not repeated."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_runs import command_corpus
from typer.testing import CliRunner

from kws.cli.main import app
from kws.corpus.augment import Augment
from kws.corpus.listing import SILENCE, UNKNOWN
from kws.engine import batch, model_file
from kws.errors import ConfigError, CorpusError
from kws.network.cost import costs
from kws.network.fastgrnn import FastCell
from kws.network.fit import untrained
from kws.network.network import Network
from kws.settings.stages import stages_of
from kws.studies import paper, paper_report
from kws.studies.paper_task import GOOGLE_30, TASKS, PaperTask
from kws.training.commands import CommandTask
from kws.training.metrics import Metrics
from kws.training.run_folder import RunFolder
from kws.training.trainer import Trainer

EIGHT = TASKS["commands10"]
SCALE = 0.01


@pytest.fixture(autouse=True, scope="module")
def same_threads():
    """One thread for all that this module trains: a sum over two rounds differently."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def alone(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(paper, "CACHE", tmp_path_factory.getbasetemp() / "cache")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return command_corpus(tmp_path_factory.mktemp("words"), (*EIGHT, "flat"))


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory):
    """Two rows trained once: their setting, folder and runs."""
    folder = tmp_path_factory.mktemp("runs")
    setting = paper.Setting(data=corpus, epochs_scale=SCALE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper, "CACHE", folder / "cache")
        runs = paper.run(setting, folder, only=("fastgrnn-lsq", "rnn"), say=lambda line: None)
    return setting, folder, runs


def network_of(name: str, setting: paper.Setting, classes: int) -> Network:
    return untrained(paper.recipe_of(paper.ENTRIES[name], setting, 0), classes)


@pytest.mark.parametrize(("task", "classes"), [("google12", 12), ("google30", 30)])
@pytest.mark.parametrize("name", ["rnn", "fastrnn", "fastgrnn", "gru", "lstm"])
def test_the_networks_have_the_kilobytes_of_the_paper(task, classes, name):
    setting = paper.Setting(data=Path("x"), task=task)
    published = setting.published[name][1]
    ours = costs(network_of(name, setting, classes), paper.FEATURES)["bytes_float32"] / 1024
    assert ours == pytest.approx(published, rel=0.02)


def test_a_thinned_matrix_counts_its_indices_and_no_zeros():
    network = Network(cell="fastgrnn", n_features=10, hidden=20, classes=3)
    before = costs(network, paper.FEATURES)
    assert isinstance(network.cell, FastCell)
    network.cell.U[0].data[2:] = 0.0  # 40 of 400 stay
    after = costs(network, paper.FEATURES)
    assert before["parameters"] - after["parameters"] == 360
    assert before["bytes_int8"] - after["bytes_int8"] == 360 - 40
    assert after["bytes_float32"] == 4 * after["bytes_int8"]
    # W, U and the classifier, in 100 frames a second
    assert before["macs_per_second"] == 100 * (200 + 400 + 60)
    assert after["macs_per_second"] == 100 * (200 + 40 + 60)


def test_the_schedule_is_the_papers():
    setting = paper.Setting(data=Path("x"))

    def stages(name: str) -> list[tuple[str, int, float]]:
        recipe = paper.recipe_of(paper.ENTRIES[name], setting, 0)
        return [(s.name, s.epochs, s.learning_rate) for s in stages_of(recipe)]

    sparse = [("float", 100, 1e-2), ("thresholding", 100, 1e-2), ("fixed support", 100, 1e-3)]
    assert stages("fastgrnn-ls") == sparse
    assert stages("fastgrnn-lsq") == [("quantized", 30, 1e-3)]
    assert stages("gru") == stages("fastgrnn") == [("float", 300, 1e-2)]
    short = dataclasses.replace(setting, epochs_scale=0.2)
    entry = paper.ENTRIES["fastgrnn-ls"]
    assert [s.epochs for s in stages_of(paper.recipe_of(entry, short, 0))] == [20, 20, 20]


def test_the_rate_falls_to_a_tenth_after_two_thirds(corpus, tmp_path):
    setting = paper.Setting(data=corpus, epochs_scale=0.03)
    recipe = paper.recipe_of(paper.ENTRIES["rnn"], setting, 0)
    recipe = dataclasses.replace(recipe, network=dataclasses.replace(recipe.network, hidden=4))
    network = Network(cell="rnn", n_features=32, hidden=4, classes=10)
    rows: list[dict[str, Any]] = []
    task = PaperTask(recipe, None, readout="last")
    Trainer(recipe, task, network, tmp_path, log=rows.append).run()
    assert [row["learning_rate"] for row in rows] == pytest.approx([1e-2] * 5 + [1e-3] * 4)


def test_google_30_is_the_words_of_the_first_version_without_unknown_and_silence(tmp_path):
    folder = command_corpus(tmp_path / "words", ("up", "down", "follow", "visual"))
    setting = paper.Setting(data=folder, task="google30")
    recipe = paper.recipe_of(paper.ENTRIES["gru"], setting, 0)
    assert PaperTask(recipe, None, readout="last").classes == ("down", "up")
    assert len(GOOGLE_30) == 30


def test_a_corpus_without_on_and_off_has_no_twelve_classes(corpus):
    setting = paper.Setting(data=corpus, task="google12")
    recipe = paper.recipe_of(paper.ENTRIES["gru"], setting, 0)
    with pytest.raises(CorpusError, match="'on'"):
        PaperTask(recipe, None, readout="last")


def test_training_clips_are_as_they_are_unless_asked_for(corpus):
    clips = np.random.default_rng(0).integers(-9000, 9000, (3, 16_000)).astype(np.int16)
    varied = Augment(paper.UNCHANGED)(clips, np.random.default_rng(1))
    assert np.array_equal(varied, clips)
    augmented = paper.Setting(data=corpus, augmented=True)
    recipe = paper.recipe_of(paper.ENTRIES["gru"], augmented, 0)
    assert not np.array_equal(Augment(recipe.augment)(clips, np.random.default_rng(1)), clips)
    assert recipe.schedule.versions > 1


def test_the_last_frame_or_the_maximum_answers(corpus):
    recipe = paper.recipe_of(paper.ENTRIES["rnn"], paper.Setting(data=corpus), 0)
    logits = torch.tensor([[[3.0, 0.0], [0.0, 1.0]]])
    assert PaperTask(recipe, None, readout="last").readout(logits).tolist() == [[0.0, 1.0]]
    assert PaperTask(recipe, None, readout="max").readout(logits).tolist() == [[3.0, 1.0]]
    with pytest.raises(ConfigError, match="readout is 'mean'; choose one of last, max"):
        PaperTask(recipe, None, readout="mean")
    assert CommandTask(recipe, None).classes == (*EIGHT, UNKNOWN, SILENCE)


def test_integers_are_those_of_the_saved_bytes_by_the_last_frame(finished):
    setting, folder, (lsq, _) = finished
    place = folder / "commands10" / "fastgrnn-lsq" / "seed0"
    model = model_file.load(place / "fastgrnn-lsq-last.kws")
    assert (lsq.metrics.measured, lsq.metrics.model_bytes) == (
        "integers through the C engine",
        len(model.data),
    )
    assert model.features == paper.FEATURES and (model.hidden, model.ranks) == (100, (16, 25))
    task = PaperTask(paper.recipe_of(paper.ENTRIES["rnn"], setting, 0), None, readout="last")
    features = batch.features_batch(task.validation.samples, paper.FEATURES)
    answers = batch.network_batch(model, features)[0][:, -1].argmax(1)
    assert lsq.metrics.accuracy("validation") == np.mean(answers == task.validation.labels)


def test_l_s_q_goes_on_from_l_s(finished):
    _, folder, (lsq, _) = finished
    start = RunFolder(folder / "commands10/fastgrnn-ls/seed0").metrics()
    assert start is not None
    assert (start.measured, start.epochs, lsq.metrics.epochs) == ("float", 3, 1)
    thinned = round(0.3 * (100 * 16 + 16 * 32)) + round(0.3 * 2 * 100 * 25)
    assert abs(start.parameters - (thinned + 200 + 2 + 10 * 101)) <= 2
    states = [
        torch.load(folder / "commands10" / name / "seed0" / "network.pt", weights_only=True)
        for name in ("fastgrnn-ls", "fastgrnn-lsq")
    ]
    for key in ("cell.W.0", "cell.U.1"):
        assert torch.equal(states[0][key] != 0, states[1][key] != 0)  # the support stayed


def test_a_run_that_is_done_is_not_repeated_and_other_settings_are_refused(finished, monkeypatch):
    setting, folder, runs = finished
    monkeypatch.setattr(paper, "PaperTask", None)  # nothing is read again
    again = paper.run(setting, folder, only=("fastgrnn-lsq", "rnn"), say=lambda line: None)
    assert again == runs
    other = dataclasses.replace(setting, epochs_scale=0.02)
    with pytest.raises(ConfigError, match="other settings; choose another --to"):
        paper.run(other, folder, only=("rnn",))


def without_clocks(metrics: Metrics) -> Metrics:
    return dataclasses.replace(metrics, training_seconds=0.0, seconds_waiting_for_features=0.0)


def test_a_killed_run_ends_as_if_it_had_not_been(finished, tmp_path, monkeypatch):
    setting, _, (_, rnn) = finished
    real, calls = Trainer._validate, []

    def killed(self, stage):
        calls.append(stage)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, stage)

    monkeypatch.setattr(Trainer, "_validate", killed)
    with pytest.raises(KeyboardInterrupt):
        paper.run(setting, tmp_path, only=("rnn",))
    (resumed,) = paper.run(setting, tmp_path, only=("rnn",), say=lambda line: None)
    assert len(calls) == 4  # one epoch, a kill in the second, two more
    assert without_clocks(resumed.metrics) == without_clocks(rnn.metrics)


def test_the_table_has_the_papers_figures_beside_the_means_over_seeds(finished, tmp_path):
    setting, _, runs = finished
    first = runs[1].metrics
    better = {**first.evaluations[0], "accuracy": first.accuracy("validation") + 0.1}
    evaluations = (better, first.evaluations[1])
    second = paper.Run("rnn", dataclasses.replace(first, seed=1, evaluations=evaluations))
    result = paper_report.results(setting, [runs[0], runs[1], second])
    lsq, rnn = result["rows"]
    assert lsq["paper"] == {"accuracy": 0.921, "kilobytes": 5.5}
    assert rnn["validation_mean"] == pytest.approx(first.accuracy("validation") + 0.05)
    assert rnn["validation_best"] == second.metrics.accuracy("validation")
    written = paper_report.write(result, tmp_path)
    assert [path.name for path in written] == ["results.json", "results.md"]
    assert json.loads(written[0].read_text()) == result
    for text in (paper_report.to_text(result), written[1].read_text()):
        assert "FastGRNN, L+S+Q" in text and f"{lsq['model_bytes']:,}" in text
        assert "integers" in text and "25 ms" in text and "testing part" in text
    assert written[1].read_text().splitlines()[1].startswith("| --- | --: | --: |")


def test_the_command_prints_its_table_and_refuses_what_is_not_there(finished, tmp_path):
    setting, folder, _ = finished
    command = ["bench", "paper", "--data", str(setting.data), "--epochs-scale", str(SCALE)]
    done = CliRunner().invoke(app, [*command, "--only", "rnn", "--to", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    assert [row["name"] for row in json.loads(done.stdout)["rows"]] == ["rnn"]
    for option, value, sentence in (
        ("--only", "ugrnn", "There is no network 'ugrnn'"),
        ("--epochs-scale", "0", "epochs_scale is 0"),
    ):
        refused = CliRunner().invoke(app, [*command, option, value, "--to", str(tmp_path)])
        assert refused.exit_code == 1 and sentence in refused.stderr
