"""What a person mistypes costs nothing: no file is overwritten, and nothing runs first."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from loudness_models import noise, wake_word

from kws.audio.files import write_audio
from kws.corpus import wake_data
from kws.engine import model_file


@pytest.fixture
def recording(tmp_path) -> Path:
    samples = np.concatenate([noise(1.5, 16), noise(1, 3000, colour="low"), noise(3.5, 16, 1)])
    write_audio(tmp_path / "a.wav", samples)
    return tmp_path / "a.wav"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--csv", "a.wav"), "a.wav"),
        (("--png", "a.wav"), "a.wav"),
        (("--csv", "two.kws"), "two.kws"),
        (("--csv", "both", "--png", "both"), "both"),
    ],
)
def test_what_is_read_is_never_written_over(options, named, model, recording, tmp_path):
    before = {path: path.read_bytes() for path in (model, recording)}
    options = [text if text.startswith("-") else tmp_path / text for text in options]
    done = run("listen", model, recording, *options)
    assert done.exit_code == 1
    assert f"{named} would be written over" in done.stderr and "another name" in done.stderr
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("option", ["--csv", "--png"])
@pytest.mark.parametrize(
    ("place", "trouble"),
    [("a.wav/out", "a.wav is no folder; choose another place"), (".", "is a folder: name a file")],
)
def test_a_place_that_cannot_be_written_to_is_said_first(
    option, place, trouble, model, recording, tmp_path
):
    for command in (("listen", model, recording), ("monitor", recording)):
        done = run(*command, option, tmp_path / place)
        assert done.exit_code == 1 and trouble in done.stderr and not done.stdout


def test_a_name_too_long_is_said_in_one_sentence(model, recording, tmp_path):
    for option in ("--csv", "--png"):
        done = run("listen", model, recording, option, tmp_path / ("a" * 300))
        assert done.exit_code == 1 and not done.stdout
        assert "file name too long; choose another place" in done.stderr


def test_a_dash_is_no_name_for_an_output(model, recording):
    done = run("listen", model, recording, "--csv", "-")
    assert done.exit_code == 1 and "give one, or /dev/stdout" in done.stderr


def test_what_may_be_written_to_is_taken_in_a_folder_that_may_not(model, recording, monkeypatch):
    monkeypatch.setattr("kws.support.files.os.access", lambda path, mode: str(path) == "/dev/null")
    assert run("listen", model, recording, "--csv", "/dev/null").exit_code == 0
    refused = run("listen", model, recording, "--csv", recording.with_name("out.csv"))
    assert refused.exit_code == 1 and "may not be written to; choose another" in refused.stderr


def test_a_curve_that_cannot_be_saved_is_said_before_the_hours_it_is_of(model, recording, tmp_path):
    folders = ("--positives", tmp_path, "--negatives", tmp_path)
    done = run("evaluate", model, *folders, "--png", recording / "curve.png")
    assert done.exit_code == 1 and "a.wav is no folder; choose another place" in done.stderr


def test_a_model_that_is_named_is_not_written_over_either(recording):
    shipped = model_file.find("hey_cortana")
    before = shipped.read_bytes()
    done = run("listen", "hey_cortana", recording, "--csv", shipped)
    assert done.exit_code == 1 and "would be written over" in done.stderr
    assert shipped.read_bytes() == before


def test_where_nothing_is_heard_the_table_of_yesterday_stays(model, recording, tmp_path):
    table = tmp_path / "scores.csv"
    table.write_text("yesterday\n")
    assert run("listen", model, tmp_path / "none.wav", "--csv", table).exit_code == 1
    assert table.read_text() == "yesterday\n"
    assert run("listen", model, recording, "--csv", table).exit_code == 0
    assert table.read_text().startswith("frame,time_s,low,high\n0,")


@pytest.mark.parametrize("seconds", ["nan", "0", "-1", "inf"])
def test_no_time_to_stop_after_is_refused(seconds, model, recording):
    done = run("listen", model, recording, "--seconds", seconds)
    assert done.exit_code == 2 and "give one above 0" in done.stderr


def test_a_time_to_stop_after_may_end_within_a_second(model, recording):
    done = run("listen", model, recording, "--seconds", "1.25")
    assert done.exit_code == 0 and "1.2 s of audio" in done.stdout


def test_a_folder_is_no_recipe_and_it_is_said_what_is():
    done = run("train", "models/athena")
    assert done.exit_code == 2
    assert "config.toml" in done.stderr and "commands, wake" in done.stderr


def test_a_recipe_of_a_thousand_lists_is_refused(tmp_path):
    (tmp_path / "deep.toml").write_text("a=" + "[" * 5000 + "]" * 5000)
    done = run("train", tmp_path / "deep.toml")
    assert done.exit_code == 1 and "nests its values too deeply" in done.stderr


@pytest.mark.parametrize(
    ("phrase", "options", "said"),
    [
        ("\x1b[31m", (), "cannot be a word"),
        ("hey robin", ("--max-bytes", "-1"), "max_bytes"),
        (
            "hey robin",
            ("--noise", "no_a", "no_b"),
            "no_a does not exist; no_b does not exist: give",
        ),
        ("hey robin", ("--negatives", __file__), "is no folder: give a folder of sound files"),
        ("hey robin", ("--out", f"{__file__}/runs"), "is no folder; choose another place"),
    ],
)
def test_nothing_is_spoken_for_a_training_that_cannot_be(phrase, options, said, monkeypatch):
    monkeypatch.setattr(wake_data, "speak", lambda *_, **__: pytest.fail("it was spoken"))
    done = run("train", "wake", phrase, *options)
    assert done.exit_code == 1 and said in done.stderr, done.stderr
    assert "\x1b" not in done.output


def test_a_link_to_nowhere_is_left_out_and_named(tmp_path):
    model = tmp_path / "hey.kws"
    model.write_bytes(wake_word())
    write_audio(tmp_path / "hey" / "1.wav", noise(0.4, 3000))
    write_audio(tmp_path / "talk" / "1.wav", noise(1.0, 300))
    (tmp_path / "talk" / "2.wav").symlink_to(tmp_path / "nowhere.wav")
    folders = ("--positives", tmp_path / "hey", "--negatives", tmp_path / "talk")
    done = subprocess.run(
        [sys.executable, "-m", "kws", "evaluate", model, *folders], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "2.wav" in done.stdout + done.stderr


def test_save_clips_into_a_file_says_so(model, recording):
    done = run("listen", model, recording, "--save-clips", model)
    assert done.exit_code == 1 and "(it is a file): give another" in done.stderr


@pytest.mark.parametrize(
    ("command", "option", "name"),
    [
        ("listen", "--csv", "other.wav"),
        ("listen", "--png", "other.flac"),
        ("evaluate", "--png", "a.wav"),
        ("evaluate", "--png", "other.kws"),
        ("evaluate", "--png", "curve.svg"),
        ("evaluate", "--png", "curve.JPG"),
    ],
)
def test_a_recording_is_never_written_over_by_a_result(
    command, option, name, model, recording, tmp_path
):
    spoken, talk, target = tmp_path / "hey", tmp_path / "talk", tmp_path / "hey" / name
    write_audio(spoken / "a.wav", noise(0.5, 3000))
    write_audio(talk / "1.wav", noise(1.0, 100))
    if not target.exists() and target.suffix != ".svg":
        target.write_bytes(b"what was there")
    before = {path: path.read_bytes() for path in spoken.iterdir()}
    folders = ("--positives", spoken, "--negatives", talk)
    read = (recording,) if command == "listen" else folders
    done = run(command, model, *read, option, target)
    assert done.exit_code == 1, done.output
    assert f"{name} would hold a" in done.stderr and "name it" in done.stderr
    assert {path: path.read_bytes() for path in spoken.iterdir()} == before


def test_a_recording_that_is_evaluated_by_itself_is_not_written_over(model, tmp_path):
    bare = tmp_path / "bare"
    write_audio(tmp_path / "a.wav", noise(0.5, 3000))
    (tmp_path / "a.wav").rename(bare)
    before = bare.read_bytes()
    folders = ("--positives", bare, "--negatives", bare)
    done = run("evaluate", model, *folders, "--png", bare)
    assert done.exit_code == 1 and "bare would be written over" in done.stderr
    assert bare.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--held-out",), "--held-out and --png go with --positives and --negatives"),
        (("--split", "validation", "--threshold", "0.5"), "do not go with --split"),
        (("--split", "testing", "--list-errors"), "do not go with --split"),
    ],
)
def test_what_would_change_no_figure_is_refused(options, said, model, tmp_path):
    done = run("evaluate", model, "--clips", tmp_path, *options)
    assert done.exit_code == 2 and said in " ".join(done.stderr.split()), done.stderr


def test_a_threshold_that_is_none_is_refused_before_a_recording_is_read(model, tmp_path):
    given = ("--positives", tmp_path / "none", "--negatives", tmp_path / "none")
    done = run("evaluate", model, *given, "--threshold", "0")
    assert done.exit_code == 1 and "The threshold is 0; choose a posterior" in done.output


def test_a_threshold_that_decides_nothing_is_refused(model, tmp_path):
    for word in ("low", "high"):
        write_audio(tmp_path / word / "1.wav", noise(1.0, 3000, colour=word))
    done = run("evaluate", model, "--clips", tmp_path, "--threshold", "0.5")
    assert done.exit_code == 1 and "two tells words apart by the largest score" in done.stderr
    assert run("evaluate", model, "--clips", tmp_path).exit_code == 0


@pytest.mark.parametrize(
    "options",
    [("--positives", "--negatives", "b"), ("--negatives", "b", "--positives"),
     ("--positives", "--negatives=b"), ("--negatives", "b", "--positives", "--json")],
)  # fmt: skip
def test_a_list_of_nothing_takes_no_option_for_its_value(options, model):
    done = run("evaluate", model, *options)
    assert done.exit_code == 2 and "--positives names nothing: give it one value" in done.stderr
