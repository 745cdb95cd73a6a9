"""`kws train wake --improve`: from the model's bytes on, with what it heard wrong."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import RATE, hiss, sweep, wake_corpus, wake_recipe
from typer.testing import CliRunner

from kws.audio.files import write_audio
from kws.cli.main import app
from kws.corpus import wake_data
from kws.engine import model_file
from kws.errors import ConfigError, CorpusError
from kws.settings.recipe import Recipe
from kws.settings.toml import load_recipe
from kws.training import improve, misheard, train
from kws.training.run_folder import CONFIG, RunFolder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows rising tones from falling ones, and what it is said to have misheard."""
    home = tmp_path_factory.mktemp("improve")
    schedule = {"float_epochs": 30, "quantized_epochs": 10, "versions": 2, "batch_size": 16}
    recipe = wake_recipe(wake_corpus(home), schedule=schedule)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "CACHE", home / "cache")
        torch.set_num_threads(1)
        train.train(recipe, home / "model", say=lambda line: None)
    quiet = np.zeros(RATE // 2, np.int16)
    for number in range(6):
        phrase = sweep(300.0 + 20 * number, 900.0 + 60 * number)
        write_audio(home / "missed" / f"m{number}.wav", np.concatenate([quiet, phrase, quiet]))
        other = sweep(400.0 + 20 * number, 1000.0, 0.2)
        write_audio(home / "fired" / f"f{number}.wav", np.concatenate([hiss(1.0, number), other]))
    return home


@pytest.fixture
def improved(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    for name, value in {"EPOCHS": 8, "POSITIVE_WINDOWS": 24, "NEGATIVE_WINDOWS": 24}.items():
        monkeypatch.setattr(improve, name, value)
    monkeypatch.setattr(train, "CACHE", home / "cache")
    said: list[str] = []
    improve.improve(
        *(home / "model", home / "better"),
        missed=[home / "missed"],
        false_accepts=[home / "fired"],
        say=said.append,
    )
    return home / "better", said


def test_it_goes_on_from_the_bytes_with_half_of_what_was_misheard(
    home: Path, improved: tuple[Path, list[str]]
) -> None:
    folder, said = improved
    before, after = (model_file.load(path) for path in (home / "model", folder))
    assert len(after.data) == len(before.data) and after.data != before.data
    assert after.name == before.name and after.words == before.words
    parts = {path.relative_to(folder / "heard").as_posix() for path in folder.rglob("*.wav")}
    assert parts == {
        f"{kind}/{'train' if number % 2 else 'test'}/{number:04d}_{kind[0]}{number}.wav"
        for kind in ("missed", "false_accepts")
        for number in range(6)
    }
    metrics = RunFolder(folder).metrics()
    assert metrics is not None
    found = metrics.evaluations[-1]
    for kind in ("missed", "false_accepts"):
        row = found[kind]
        assert row["recordings"] == 3 and 0 <= row["after"] <= 3
        kept = sorted((folder / "heard" / kind / "test").iterdir())
        fired = sum(improve.fires(after, path) for path in kept)
        assert row["after"] == (3 - fired if kind == "missed" else fired)
    assert said[-1].startswith("Of the recordings kept apart: missed ")
    card = (folder / "README.md").read_text()
    assert "still missed" in card and "still fires at" in card and "(the model before: " in card


def test_its_recipe_makes_the_same_bytes_again(
    improved: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, _ = improved
    recipe = load_recipe(folder / CONFIG)
    assert recipe.start.endswith("model/up.kws") and recipe.schedule.float_epochs == 0
    train.train(recipe, tmp_path / "again", say=lambda line: None)
    again = model_file.load(tmp_path / "again")
    assert again.data == model_file.load(folder).data


def test_no_epoch_leaves_the_bytes_as_they_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate of nearly nothing: what is trained is the model itself, and not one like it."""
    monkeypatch.setattr(train, "CACHE", home / "cache")
    recipe = load_recipe(home / "model" / CONFIG)
    schedule = dataclasses.replace(
        recipe.schedule, float_epochs=0, quantized_epochs=1, quantized_learning_rate=1e-12
    )
    recipe = dataclasses.replace(recipe, start=str(home / "model"), schedule=schedule)
    train.train(recipe, home / "same", say=lambda line: None)
    assert model_file.load(home / "same").data == model_file.load(home / "model").data


def test_what_is_wrong_is_one_sentence(home: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    write_audio(tmp_path / "one" / "a.wav", sweep(300, 900))
    with pytest.raises(ConfigError, match="nothing to improve on; give --missed"):
        improve.improve(home / "model", tmp_path / "out")
    with pytest.raises(ConfigError, match="--missed holds 1 recording; give at least 2"):
        improve.improve(home / "model", tmp_path / "out", missed=[tmp_path / "one"])
    missed, fired = [home / "missed"], [home / "fired", home / "missed"]
    with pytest.raises(CorpusError, match=r"m0\.wav is given as missed and as a false accept"):
        improve.improve(home / "model", tmp_path / "out", missed=missed, false_accepts=fired)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="holds the model that is to be improved"):
        improve.improve(home / "model", home / "model", missed=[home / "missed"])
    with pytest.raises(ConfigError, match="recipe of command words; only a wake word"):
        improve.improve("commands_1k", tmp_path / "out", missed=[home / "missed"])
    alone = tmp_path / "alone.kws"
    alone.write_bytes(model_file.load("hey_cortana").data)
    with pytest.raises(ConfigError, match=r"alone\.kws has no recipe beside it \(config\.toml\)"):
        improve.improve(alone, tmp_path / "out", missed=[home / "missed"])


def files_below(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize("option", ["missed", "false_accepts"])
def test_recordings_that_lie_where_copies_would_go_are_kept(
    home: Path, tmp_path: Path, option: str
) -> None:
    """As those of `kws listen --save-clips heard` do for `--out .`, given or not."""
    out = tmp_path / "here"
    theirs = out / "heard" / option
    shutil.copytree(home / option.replace("false_accepts", "fired"), theirs)
    before = files_below(out)
    for given in (theirs, home / "missed"):
        with pytest.raises(ConfigError, match=r"0\.wav is no copy .* give another --out"):
            if option == "missed":
                improve.improve(home / "model", out, missed=[given])
            else:
                improve.improve(home / "model", out, false_accepts=[given])
        assert files_below(out) == before


def test_copies_of_an_earlier_run_are_taken_again_and_stay_in_their_halves(
    home: Path, tmp_path: Path
) -> None:
    given = {"missed": sorted((home / "missed").iterdir())}
    first = misheard.keep(given, tmp_path)["missed"]
    before = files_below(tmp_path)
    (first / ".DS_Store").write_bytes(b"x")
    again = {"missed": misheard.find_readable([first], "missed", RATE)}
    assert misheard.keep(again, tmp_path) == {"missed": first}
    after = files_below(tmp_path)
    assert len(after) == 6 and sorted(after.values()) == sorted(before.values())

    def halves(names: dict[str, bytes]) -> set[tuple[str, str]]:
        return {(name.split("/")[-2], name[-6:]) for name in names}

    assert halves(after) == halves(before)
    assert all(Path(name).name[5:] == name[-6:] for name in after)  # one number, not two
    half = {"missed": sorted((first / "train").iterdir())}
    halved = files_below(misheard.keep(half, tmp_path / "other")["missed"])
    assert sorted(name.split("/")[0] for name in halved) == ["test", "test", "train"]


def test_a_copy_that_fails_leaves_all_as_it_was(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"missed": sorted((home / "missed").iterdir())}
    misheard.keep(given, tmp_path)
    before = files_below(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        misheard.keep(given, tmp_path)
    assert files_below(tmp_path) == before
    assert [path.name for path in (tmp_path / "heard").iterdir()] == ["missed"]


def test_what_is_no_sound_is_told_and_left_out_before_training(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "missed"
    shutil.copytree(home / "missed", folder)
    (folder / "m0.wav").write_text("no sound")
    kept: dict[str, bytes] = {}

    class Enough(Exception):
        pass

    def trained(recipe: Recipe, *_: object, **__: object) -> None:
        kept.update(files_below(Path(recipe.data.positives[-1])))
        raise Enough

    monkeypatch.setattr(train, "train", trained)
    with pytest.raises(Enough):
        improve.improve(home / "model", tmp_path / "out", missed=[folder])
    assert sorted(name[-6:] for name in kept) == [f"m{number}.wav" for number in range(1, 6)]
    assert "m0.wav" in capsys.readouterr().err
    for number in range(1, 5):
        (folder / f"m{number}.wav").write_text("no sound")
    with pytest.raises(ConfigError, match="holds 1 recording that can be read; give at least 2"):
        improve.improve(home / "model", tmp_path / "out", missed=[folder])


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--improve", "hey_cortana"], "needs --out DIR"),
        (["up there", "--improve", "hey_cortana", "--out", "x"], "leave them out"),
        (["--improve", "hey_cortana", "--out", "x", "--negatives", "y"], "leave them out"),
        (["--improve", "hey_cortana", "--out", "x", "--noise", "y"], "leave them out"),
        (["--improve", "hey_cortana", "--out", "x", "--sample-rate", "8000"], "leave them out"),
        (["--improve", "hey_cortana", "--out", "x", "--max-bytes", "2048"], "leave them out"),
        (["--improve", "hey_cortana", "--out", "x", "--seeds", "3"], "leave them out"),
        (["up there", "--missed", "x"], "go with --improve MODEL"),
        ([], "give the phrase"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], sentence: str) -> None:
    told = CliRunner().invoke(app, ["train", "wake", *options], env={"COLUMNS": "200"})
    assert told.exit_code == 2 and sentence in told.output


def test_lists_of_folders_end_at_the_next_option(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}
    monkeypatch.setattr(improve, "improve", lambda model, out, **rest: asked.update(rest))
    options = ["--improve", "m", "--out", "x", "--missed", "a", "b", "--false-accepts", "c", "d"]
    told = CliRunner().invoke(app, ["train", "wake", *options])
    assert told.exit_code == 0, told.output
    assert asked["missed"] == [Path("a"), Path("b")]
    assert asked["false_accepts"] == [Path("c"), Path("d")]


def test_near_misses_alone_are_no_talk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a model's own data is gone, the phrase is spoken, and the talk that is here joins."""
    near, talk = Path("near"), Path("talk")
    monkeypatch.setattr(wake_data, "speak", lambda *given, **how: (Path("said"), near))
    monkeypatch.setattr(wake_data, "other_sound", lambda phrase: ([talk], []))
    recipe = load_recipe(home / "model" / CONFIG)
    gone = dataclasses.replace(recipe.data, positives=("gone/a",), negatives=("gone/b",))
    data = improve._data(dataclasses.replace(recipe, data=gone), {}, lambda line: None)
    assert (data.positives, data.negatives) == (("said",), ("near", "talk"))


def test_a_phrase_that_was_half_spoken_is_spoken_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_data, "speak", lambda *given, **how: (Path("said"), Path("near")))
    recipe = load_recipe(home / "model" / CONFIG)
    half = set(map(Path, recipe.data.positives))
    assert improve._data(recipe, {}, lambda line: None).positives == recipe.data.positives
    monkeypatch.setattr(wake_data, "is_unfinished", lambda folder: folder in half)
    assert improve._data(recipe, {}, lambda line: None).positives == ("said",)
