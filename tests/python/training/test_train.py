"""`kws train`, from clips to a folder with everything, through kills, full disks and typos."""

import dataclasses
import errno
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from small_runs import command_corpus, command_recipe, wake_corpus, wake_recipe
from typer.testing import CliRunner

from kws.cli.main import app
from kws.engine import model_file
from kws.errors import ConfigError, KwsError, ModelError
from kws.evaluation.clips import evaluate_clips
from kws.evaluation.stream import evaluate_stream
from kws.settings.compression import CompressionConfig
from kws.settings.model import FeatureConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.toml import load_recipe
from kws.training import train
from kws.training.metrics import Metrics
from kws.training.run_folder import CHECKPOINT, RunFolder
from kws.training.wake import WakeTask

CLOCKS = ("training_seconds", "seconds_waiting_for_features")
ALWAYS = {"config.toml", "metrics.json", "README.md", "training.png", CHECKPOINT, "tensorboard"}
SPARSE = CompressionConfig(w="sparse8", u="sparse8", density_w=0.5, density_u=0.5)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """One thread, as in the processes that are compared with, and a cache that nobody else has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(train, "CACHE", tmp_path / "cache")
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return wake_corpus(tmp_path_factory.mktemp("wake"))


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> Path:
    return command_corpus(tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory):
    """A wake word trained once: its recipe, its folder, the metrics and what was said."""
    out = tmp_path_factory.mktemp("runs") / "up"
    said: list[str] = []
    recipe = wake_recipe(corpus, max_bytes=512, network=NetworkConfig(rank_w=2, rank_u=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "CACHE", out.parent / "cache")
        metrics = train.train(recipe, out, say=said.append)
    return recipe, out, metrics, said


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def comparable(metrics: Metrics | None) -> dict:
    assert metrics is not None
    return {key: value for key, value in metrics.to_json().items() if key not in CLOCKS}


def is_picture(path: Path) -> bool:
    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    return data[:8] == b"\x89PNG\r\n\x1a\n" and min(width, height) > 200


# What a run leaves


def test_a_run_writes_the_model_and_everything_about_it(finished):
    _, out, metrics, said = finished
    assert names_in(out) == ALWAYS | {"up.kws", "detection.png"}
    assert json.loads((out / "metrics.json").read_text()) == metrics.to_json()
    assert metrics.epochs == 4 and metrics.seed == 0
    assert is_picture(out / "training.png") and is_picture(out / "detection.png")
    card = (out / "README.md").read_text("utf-8")
    assert "up there" in card and str(metrics.model_bytes) in card
    assert "at most 512 bytes" in said[0] and f"{metrics.model_bytes} bytes" in said[-1]


def test_the_model_file_is_what_the_recipe_asked_for(finished):
    recipe, out, metrics, _ = finished
    model = model_file.load(out)
    assert len(model.data) == metrics.model_bytes <= 512
    assert model.words == ("up there",) and model.features == recipe.features
    assert model.ranks == (2, 2) and model.hidden > 8  # the largest that fits
    assert model.detector.refractory_frames == recipe.detector.refractory_frames


def test_the_figures_are_those_of_the_shipped_bytes_on_the_test_clips(finished, corpus):
    _, out, metrics, _ = finished
    (evaluation,) = metrics.evaluations
    again = evaluate_stream(
        out / "up.kws", [corpus / "positives" / "test"], [corpus / "negatives" / "test"]
    )
    assert evaluation["at_default"] == again["at_default"]
    assert evaluation["operating_points"] == again["operating_points"]
    assert evaluation["positives"] == 3 and evaluation["engine"] == "c"


def test_the_threshold_is_the_one_that_validation_chose(finished):
    recipe, out, metrics, _ = finished
    model = model_file.load(out)
    chosen, figures = WakeTask(recipe, None).choose_threshold(model.data)
    assert model.detector.threshold == pytest.approx(chosen, abs=1e-3)
    assert model.detector.release <= model.detector.threshold
    assert metrics.validation["validation_miss_rate"] == figures["miss_rate"]


def test_tensorboard_has_every_epoch(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, out, _, _ = finished
    events = EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    kept = torch.load(out / CHECKPOINT, weights_only=True)
    losses = [(event.step, event.value) for event in events.Scalars("loss")]
    assert [step for step, _ in losses] == [1, 2, 3, 4]
    told = [row["loss"] for row in kept["history"]]
    assert [value for _, value in losses] == pytest.approx(told, rel=1e-6)
    assert len(events.Scalars("validation_miss_rate")) == 2  # of the quantized stage


def test_the_recipe_that_is_kept_gives_the_same_model_again(finished, tmp_path):
    _, out, metrics, _ = finished
    again = train.train_recipe(out / "config.toml", tmp_path / "again", say=lambda line: None)
    assert (tmp_path / "again" / "up.kws").read_bytes() == (out / "up.kws").read_bytes()
    assert comparable(again) == comparable(metrics)
    assert (tmp_path / "again" / "config.toml").read_text() == (out / "config.toml").read_text()


def test_a_finished_run_is_measured_again_and_not_trained_again(finished):
    _, out, metrics, _ = finished
    model, checkpoint = (out / "up.kws").read_bytes(), (out / CHECKPOINT).read_bytes()
    again = train.train_recipe(out / "config.toml", say=lambda line: None)
    assert (out / "up.kws").read_bytes() == model
    assert (out / CHECKPOINT).read_bytes() == checkpoint
    assert comparable(again) == comparable(metrics)


def test_another_seed_gives_another_model(finished, tmp_path):
    recipe, out, _, _ = finished
    train.train(dataclasses.replace(recipe, seed=1), tmp_path / "other", say=lambda line: None)
    assert (tmp_path / "other" / "up.kws").read_bytes() != (out / "up.kws").read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"compression": SPARSE},
        {"network": NetworkConfig(cell="fastrnn", hidden=6)},
        {"features": FeatureConfig(n_mfcc=0, hop_length=160)},
    ],
    ids=["sparse", "fastrnn", "log-mel"],
)
def test_the_other_kinds_of_networks_are_shipped_as_well(changes, corpus, tmp_path):
    recipe = wake_recipe(corpus, **changes)
    metrics = train.train(recipe, tmp_path / "out", say=lambda line: None)
    model = model_file.load(tmp_path / "out")
    assert metrics is not None
    assert (model.cell, model.features) == (recipe.network.cell, recipe.features)
    assert metrics.model_bytes == len(model.data) <= recipe.max_bytes


def test_command_words_get_accuracy_and_confusion_on_both_held_out_parts(words, tmp_path):
    out = tmp_path / "two"
    metrics = train.train(command_recipe(words), out, say=lambda line: None)
    assert metrics is not None
    assert names_in(out) == ALWAYS | {"commands.kws", "confusion.png"}
    assert is_picture(out / "confusion.png")
    assert [e["name"] for e in metrics.evaluations] == ["validation", "testing"]
    for evaluation in metrics.evaluations:
        assert evaluation["clips"] == 4 and 0 <= evaluation["accuracy"] <= 1
    assert metrics.validation["accuracy_quantized"] == metrics.evaluations[0]["accuracy"]
    assert metrics.accuracy_last_epoch == history(out)[-1]["accuracy_quantized"]
    model = model_file.load(out)
    assert model.classes == ("up", "down", "_unknown_", "_silence_")
    # `kws evaluate` on the same test clips says the same of each word.
    for word in ("up", "down"):
        clip = tmp_path / "clips" / word / "a.wav"
        clip.parent.mkdir(parents=True)
        clip.symlink_to(words / word / "bbbb0000_nohash_0.wav")
    again = evaluate_clips(model, tmp_path / "clips")
    testing = metrics.evaluations[1]
    for word in ("up", "down"):
        assert again["confusion"][word] == testing["confusion"][word]


def test_every_word_can_be_a_class(words, tmp_path):
    recipe = command_recipe(words, words=())
    train.train(recipe, tmp_path / "all", say=lambda line: None)
    assert model_file.load(tmp_path / "all").classes == ("down", "flat", "hum", "up")


# Kills


LONG = {"float_epochs": 20, "quantized_epochs": 24, "versions": 2, "batch_size": 16}


def start(recipe_path: Path, out: Path, home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kws", "train", str(recipe_path), "--out", str(out)],
        env={**os.environ, "HOME": str(home), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def history(out: Path) -> list[dict]:
    try:
        return torch.load(out / CHECKPOINT, weights_only=True)["history"]
    except FileNotFoundError:
        return []


def kill_when(process: subprocess.Popen[str], out: Path, epochs: int) -> None:
    """Kill it without a warning once so many epochs are in the checkpoint."""
    deadline = time.monotonic() + 120
    while len(history(out)) < epochs:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def test_a_run_that_is_killed_at_any_moment_ends_with_the_same_bytes(corpus, tmp_path):
    recipe = wake_recipe(corpus, schedule=LONG)
    path, out = tmp_path / "recipe.toml", tmp_path / "killed"
    path.write_text(recipe.to_toml(), "utf-8")
    unbroken = train.train(recipe, tmp_path / "unbroken", say=lambda line: None)

    for epochs, stage in ((1, "float"), (23, "quantized")):
        kill_when(start(path, out, tmp_path), out, epochs)
        rows = history(out)
        assert rows[-1]["stage"] == stage and epochs <= len(rows) < 44
        assert not (out / "up.kws").exists()

    process = start(path, out, tmp_path)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0 and without_warning(told) == ""
    assert (out / "up.kws").read_bytes() == (tmp_path / "unbroken" / "up.kws").read_bytes()
    resumed = RunFolder(out).metrics()
    assert comparable(resumed) == comparable(unbroken)
    assert history(out) == history(tmp_path / "unbroken")


# Refusals


def refusal(recipe: Recipe, out: Path, kind=ConfigError) -> str:
    with pytest.raises(kind) as refused:
        train.train(recipe, out, say=lambda line: None)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("cell", ["gru", "fastgrnn"])
def test_a_recipe_that_would_ship_no_model_is_refused_before_anything_is_read(cell, tmp_path):
    network = NetworkConfig(cell=cell, hidden=8)
    recipe = wake_recipe(tmp_path / "nowhere", schedule={"quantized_epochs": 0}, network=network)
    told = refusal(recipe, tmp_path / "out")
    assert "no model to ship" in told and "quantized_epochs" in told
    assert not (tmp_path / "out").exists()


def test_a_refused_corpus_leaves_no_empty_folder(corpus, tmp_path):
    out = tmp_path / "runs" / "out"
    assert "does not exist" in refusal(wake_recipe(tmp_path / "nowhere"), out, KwsError)
    assert not out.exists()
    out.mkdir(parents=True)  # one of before stays
    refusal(wake_recipe(tmp_path / "nowhere"), out, KwsError)
    assert out.is_dir()


def test_a_network_that_does_not_fit_is_refused_before_training(corpus, tmp_path):
    recipe = wake_recipe(corpus, max_bytes=300, network=NetworkConfig(hidden=100))
    assert "more than max_bytes 300" in refusal(recipe, tmp_path / "out")
    assert not (tmp_path / "out" / CHECKPOINT).exists()


def test_an_out_that_is_a_file_is_told(corpus, tmp_path):
    (tmp_path / "out").write_text("not a folder")
    assert f"{tmp_path / 'out'} cannot be made" in refusal(wake_recipe(corpus), tmp_path / "out")


def test_a_log_that_cannot_be_made_is_told(corpus, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tensorboard").write_text("not a folder")
    assert "tensorboard cannot be made" in refusal(wake_recipe(corpus), tmp_path / "out")


def test_a_disk_that_is_full_when_the_model_is_saved_leaves_the_model_before_it(
    finished, monkeypatch
):
    _, out, _, _ = finished
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}

    real = os.fsync

    def full(descriptor):
        if "up.kws" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    told = refusal(load_recipe(out / "config.toml"), out, ModelError)
    assert str(out / "up.kws") in told and "no space left on device" in told
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_a_disk_that_fills_during_training_is_told_and_training_goes_on_later(
    finished, tmp_path, monkeypatch
):
    _, done, _, _ = finished
    recipe, synced = load_recipe(done / "config.toml"), []
    real = os.fsync

    def full(descriptor):
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        synced.append(name)
        if CHECKPOINT in name and sum(CHECKPOINT in other for other in synced) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        told = refusal(recipe, tmp_path / "out")
    assert CHECKPOINT in told and "no space left on device" in told
    assert len(history(tmp_path / "out")) == 3
    train.train(recipe, tmp_path / "out", say=lambda line: None)
    assert (tmp_path / "out" / "up.kws").read_bytes() == (done / "up.kws").read_bytes()


# Names, and the command line


@pytest.mark.parametrize(
    ("phrase", "name"),
    [
        ("Hey Cortana", "hey_cortana"),
        ("  ok,  go! ", "ok_go"),
        ("Schöner Tag", "schöner_tag"),
        ("R2-D2", "r2_d2"),
    ],
)
def test_a_phrase_becomes_a_files_name(phrase, name):
    assert train.name_of(phrase) == name


def test_a_phrase_without_letters_is_told():
    with pytest.raises(ConfigError, match=r"'\?!' has no letters"):
        train.name_of("?!")


def without_warning(told: str) -> str:
    """What was told, but that these small corpora hold no sentences."""
    lines = told.splitlines(keepends=True)
    return "".join(line for line in lines if "negatives hold no sentences" not in line)


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args], prog_name="kws")


@pytest.fixture
def short(monkeypatch):
    """The commands' own recipes, but of two epochs a stage and few small windows."""
    real = train.train

    def shrunk(recipe, out, *, say=print):
        small = wake_recipe(Path(), schedule={"float_epochs": 1, "quantized_epochs": 1})
        data = dataclasses.replace(
            recipe.data, positive_windows=16, negative_windows=16, window_s=0.8
        )
        recipe = dataclasses.replace(recipe, data=data, schedule=small.schedule)
        return real(recipe, out, say=say)

    monkeypatch.setattr(train, "train", shrunk)


def test_kws_train_wake_makes_a_model_of_at_most_1024_bytes(corpus, tmp_path, short):
    out = tmp_path / "runs" / "hey"
    result = run(
        *("train", "wake", "Up there", "--positives", corpus / "positives"),
        *("--negatives", corpus / "negatives", "--out", out, "--seed", 3),
    )
    assert result.exit_code == 0, result.output
    assert names_in(out) == ALWAYS | {"up_there.kws", "detection.png"}
    model, recipe = model_file.load(out), load_recipe(out / "config.toml")
    assert model.words == ("Up there",) and 900 < len(model.data) <= 1024
    assert recipe.seed == 3 and recipe.max_bytes == 1024
    assert f"{out}/up_there.kws: {len(model.data)} bytes" in result.stdout


def test_kws_train_wake_takes_noise_and_a_smaller_limit(corpus, tmp_path, short):
    noise, out = tmp_path / "noise", tmp_path / "out"
    for split in ("train", "test"):
        (noise / split).mkdir(parents=True)
        (noise / split / "a.wav").symlink_to(corpus / "negatives" / split / "hiss.wav")
    result = run(
        *("train", "wake", "up", "--positives", corpus / "positives", "--negatives"),
        *(corpus / "negatives", "--noise", noise, "--out", out, "--max-bytes", 400),
    )
    assert result.exit_code == 0, result.output
    assert 300 < len(model_file.load(out).data) <= 400
    assert load_recipe(out / "config.toml").data.noise == (str(noise),)


def test_kws_train_commands_takes_words_and_names_the_model_by_its_folder(
    words, tmp_path, short, monkeypatch
):
    (tmp_path / "pair").mkdir()
    monkeypatch.chdir(tmp_path / "pair")
    result = run("train", "commands", "--data", words, "--words", "hum, down", "--out", ".")
    assert result.exit_code == 0, result.output
    model = model_file.load(tmp_path / "pair" / "pair.kws")
    assert model.classes == ("hum", "down", "_unknown_", "_silence_")
    assert 1024 < len(model.data) <= 5632


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("wake", "up", "--positives", "{none}", "--negatives", "{corpus}"), "none"),
        (("wake", "?", "--positives", "{corpus}", "--negatives", "{corpus}"), "no letters"),
        (("wake", "up", "--positives", "{up}", "--negatives", "{up}"), "keep the folders apart"),
        (("wake", "up", "--positives", "{up}", "--negatives", "{down}", "--max-bytes", "99"), "99"),
        (("commands", "--data", "{none}"), "kws download speech-commands"),
        (("commands", "--data", "{up}"), "holds no <word>"),
        (("{none}.toml",), "cannot be read"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_status_1(args, told, corpus, tmp_path):
    places = {
        "corpus": corpus,
        "none": tmp_path / "none",
        "up": corpus / "positives" / "train",
        "down": corpus / "negatives" / "train",
    }
    result = run("train", *(arg.format(**places) for arg in args), "--out", tmp_path / "out")
    assert result.exit_code == 1
    sentence = without_warning(result.stderr)
    assert sentence.startswith("kws: ") and sentence.count("\n") == 1, result.stderr
    assert told in sentence
    assert result.stdout == ""


def test_ctrl_c_ends_a_training_with_one_line_and_its_checkpoint(
    corpus, tmp_path, short, monkeypatch
):
    def interrupt(row, board, say):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "log_epoch", interrupt)
    result = run(
        *("train", "wake", "up", "--positives", corpus / "positives"),
        *("--negatives", corpus / "negatives", "--out", tmp_path / "out"),
    )
    assert result.exit_code == 130
    told = "kws: interrupted; the same command goes on from here\n"
    assert without_warning(result.stderr) == told
    assert len(history(tmp_path / "out")) == 1


def test_the_release_is_lowered_to_a_threshold_below_it(finished, tmp_path):
    recipe, done, _, _ = finished
    chosen = model_file.load(done).detector.threshold
    above = (1 + chosen) / 2
    strict = dataclasses.replace(recipe.detector, threshold=above, release=above)
    recipe = dataclasses.replace(recipe, detector=strict)
    train.train(recipe, tmp_path / "out", say=lambda line: None)
    detector = model_file.load(tmp_path / "out").detector
    assert detector.release == detector.threshold == pytest.approx(chosen, abs=1e-6)
