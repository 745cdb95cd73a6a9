"""A model's name in C: an identifier that nothing else has, and one model's alone."""

import importlib.util
import itertools
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from loudness_models import wake_word

from kws.device import deploy, export
from kws.device.identifiers import LONGEST, file_stem, identifier, reserved
from kws.errors import ConfigError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hey_cortana", "hey_cortana"),
        ("hey-cortana 2", "hey_cortana_2"),
        ("2001", "model_2001"),
        ("double", "model_double"),
        ("main", "model_main"),
        ("String", "model_string"),  # its header would hide <string.h>
        ("kws_fft", "model_kws_fft"),
        ("co_await", "model_co_await"),
        ("nul", "model_nul"),  # no file's name on Windows
        ("Wire", "model_wire"),
    ],
)
def test_any_name_becomes_an_identifier(name, expected):
    assert identifier(name) == expected


@pytest.mark.parametrize(
    ("name", "opening"),
    [("Hey, Köln!", "hey_koln"), ("---", "model"), ("你好", "model"), ("café\udce9", "cafe")],
)
def test_what_ascii_cannot_say_is_told_apart(name, opening):
    assert re.fullmatch(rf"{opening}_[0-9a-f]{{8}}", identifier(name))
    assert identifier(name) == identifier(unicodedata.normalize("NFD", name))


def test_names_in_other_scripts_stay_different():
    names = [
        "你好",
        "世界",
        "こんにちは",
        "привет",
        "مرحبا",
        "köln",
        "kàln",
        "koln",
        "k ln",
        "\udce9",
    ]
    names += ["", "!", "a" * 70, "a" * 71, "你" * 60]
    found = [identifier(name) for name in names]
    assert len({*found}) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in found)


@pytest.mark.parametrize("length", [58, 59, 60, 64, 200])
def test_an_arduino_library_s_name_has_at_most_63_characters(length):
    for name in ("a" * length, "double" * (length // 6), "a_" * (length // 2), "1" * length):
        assert len(f"kws_{identifier(name)}") <= 63
    assert LONGEST + len("kws_") == 63


def test_no_two_models_have_one_file():
    names = [
        "hey_cortana",
        "hey-cortana",
        "hey cortana",
        "Hey_Cortana",
        "hey_cortana!",
        "-hey_cortana",
    ]
    names += ["time", "model_time", "Time", "a" * 59, "a" * 60, "a" * 61, "A" * 59, "köln", "Köln"]
    files = [file_stem(name) for name in names]
    assert len({file.lower() for file in files}) == len(names)  # on a disk that ignores case, too
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9_-]{,58}", file) for file in files)
    assert files[:2] == ["hey_cortana", "hey-cortana"]  # a plain name is a file's as it is


def test_the_names_of_libc_are_left_to_it():
    for name in ("time", "index", "read", "exit", "write", "signal", "remove", "y0", "log", "div"):
        assert identifier(name) == f"model_{name}"


def test_a_model_called_like_functions_of_libc_builds_and_links(tmp_path):
    if not (shutil.which("make") and shutil.which("cc")):
        pytest.skip("make or cc is not installed")
    for name in ("time", "exit"):
        (tmp_path / f"{name}.kws").write_bytes(wake_word())
        export.export(tmp_path / f"{name}.kws", tmp_path / name, "c")
        subprocess.run(["make", "-C", tmp_path / name], check=True, capture_output=True)


def test_no_name_that_this_machine_s_compilers_own_is_given_to_a_model():
    source = ROOT / "firmware" / "list_taken_names.py"
    spec = importlib.util.spec_from_file_location("list_taken_names", source)
    assert spec and spec.loader
    listing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(listing)
    names = {name for name in listing.found() if not name.startswith("kws_")}
    assert len(names) > 20
    # A library newer than the list may have a few more.
    new = names - reserved()
    assert len(new) <= len(names) // 20, "run firmware/list_taken_names.py"
    assert not any(identifier(name) == name for name in names - new)


def test_two_models_do_not_overwrite_each_other(tmp_path):
    models = []
    for number, name in enumerate(("你好", "世界", "hey-noise", "hey noise")):
        models.append(tmp_path / f"{name}.kws")
        models[-1].write_bytes(wake_word(f"word {number}"))
    files = {deploy.deploy([str(model)], "pico", tmp_path / "board").file for model in models}
    assert len(files) == 4 and all(file.is_file() for file in files)
    for number, (first, second) in enumerate(itertools.pairwise(models)):
        export.export(first, tmp_path / str(number), "c")
        with pytest.raises(ConfigError, match="to a folder that is new or empty"):
            export.export(second, tmp_path / str(number), "c")
        export.export(first, tmp_path / str(number), "c")  # its own it renews
