"""What the command line prints, and on what: nothing foreign acts, nothing ends in a traceback."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from loudness_models import foreign_word, noise, wake_word
from typer.testing import CliRunner

from kws.audio.files import write_audio
from kws.cli.main import app
from kws.listening import microphone

KWS = f"{shlex.quote(sys.executable)} -m kws"
WORD = "\x1b]0;x\x07\x9b2J\u202e"  # a terminal's title, a control sequence of one byte, a turn
SHOWN = r"\x1b]0;x\x07\x9b2J\u202e"
ACTING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **environment}
    return subprocess.run(["bash", "-c", command], capture_output=True, env=env, timeout=600)


def in_words(done: subprocess.CompletedProcess[bytes]) -> str:
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr, done.stderr
    return done.stderr.decode()


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder with a recording, one with a foreign name, and models with foreign words."""
    monkeypatch.chdir(tmp_path)
    samples = np.concatenate([noise(1, 16), noise(0.5, 3000)])
    write_audio("a.wav", samples)
    os.rename("a.wav", b"caf\xe9.wav")
    write_audio("-dash.wav", samples)
    write_audio("a.wav", samples)
    write_audio("bad\x1b[31m.wav", samples)
    for name, word in {"bad": WORD, "chinese": "你好", "plain": "hey_noise"}.items():
        (tmp_path / f"{name}.kws").write_bytes(foreign_word(word))
    return tmp_path


FULL = "kws: cannot write the output: no space left on device\n"
CLOSED = "kws: cannot write the output: bad file descriptor\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "listen --help",
        "inspect plain.kws",
        "listen plain.kws a.wav",
        "export plain.kws --to out --format c",
    ],
)
def test_a_full_or_closed_output_is_one_sentence_and_status_1(here, command):
    for target, sentence in ((">/dev/full", FULL), (">&-", CLOSED)):
        done = shell(f"{KWS} {command} {target}")
        assert (in_words(done), done.returncode) == (sentence, 1)


@pytest.fixture
def light(tmp_path) -> dict[str, str]:
    """An environment without the large packages, which `kws doctor` would import for seconds."""
    for name in ("torch", "torchaudio", "librosa", "matplotlib", "kokoro_onnx", "onnxruntime"):
        stub = tmp_path / "absent" / f"{name}.py"
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(f"raise ModuleNotFoundError(\"No module named '{name}'\")")
    return {"PYTHONPATH": f"{stub.parent}{os.pathsep}{Path(__file__).parents[3]}"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("form", ["", " --json"])
def test_the_doctor_ends_in_a_sentence_or_quietly(here, light, form):
    for target, sentence in ((">/dev/full", FULL), (">&-", CLOSED)):
        done = shell(f"{KWS} doctor{form} {target}", **light)
        assert (in_words(done), done.returncode) == (sentence, 1)
    done = shell(f"{KWS} doctor{form} | head -0; exit ${{PIPESTATUS[0]}}", **light)
    assert (in_words(done), done.returncode) == ("", 0)
    done = shell(f"{KWS} doctor{form}", PYTHONIOENCODING="cp1252", **light)
    assert (in_words(done), done.returncode) == ("", 0) and b"soundfile" in done.stdout


def test_an_export_is_whole_whatever_becomes_of_its_output(here):
    targets = (">/dev/full", ">&-", "2>&-", "| head -0")
    for number, target in enumerate(targets):
        shell(f"{KWS} export plain.kws --to out{number} --format c {target}")
    names = [sorted(os.listdir(here / f"out{number}")) for number in range(len(targets))]
    assert "kws.h" in names[0] and all(each == names[0] for each in names)
    done = shell(f"{KWS} export plain.kws --to 你好 --format c", PYTHONIOENCODING="cp1252")
    assert (in_words(done), done.returncode) == ("", 0) and rb"\u4f60\u597d" in done.stdout


def test_output_that_is_lost_does_not_hide_another_error(here):
    done = shell(f"{KWS} inspect none.kws >&-")
    assert done.returncode == 1 and in_words(done).startswith("kws: There is no model")
    assert shell(f"{KWS} liste >&-").returncode == 2
    for target in ("2>&-", "2>/dev/full"):
        assert shell(f"{KWS} inspect none.kws {target}").returncode == 1
        assert shell(f"{KWS} inspect plain.kws {target}").returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "inspect plain.kws",
        "listen plain.kws a.wav",
        "export plain.kws --to out --format c",
    ],
)
def test_a_reader_that_leaves_at_once_ends_it_quietly(here, command):
    done = shell(f"{KWS} {command} | head -0; exit ${{PIPESTATUS[0]}}")
    assert (in_words(done), done.returncode) == ("", 0)


def test_a_closed_input_is_one_sentence(here):
    done = shell(f"{KWS} listen plain.kws - <&-")
    assert done.returncode == 1 and "standard input is closed" in in_words(done)
    assert in_words(done).count("\n") == 1


def test_words_that_the_terminal_cannot_write_are_escaped(here):
    for encoding in ("cp1252", "ascii", "latin-1"):
        done = shell(f"{KWS} listen chinese.kws a.wav", PYTHONIOENCODING=encoding)
        assert in_words(done) == "" and done.returncode == 0
        assert rb"\u4f60\u597d" in done.stdout
        done = shell(f"{KWS} listen chinese.kws a.wav --json", PYTHONIOENCODING=encoding)
        assert json.loads(done.stdout)["word"] == "你好"
    assert "你好" in shell(f"{KWS} listen chinese.kws a.wav").stdout.decode()


def test_names_that_are_not_utf8_are_read_and_printed(here):
    done = shell(f"{KWS} listen plain.kws a.wav caf*.wav")
    assert (in_words(done), done.returncode) == ("", 0)
    assert rb"caf\xe9.wav" in done.stdout and b", 2 detections," in done.stdout
    done = shell(f"{KWS} listen plain.kws caf*.wav --json")
    assert os.fsencode(json.loads(done.stdout)["file"]) == b"caf\xe9.wav"
    done = shell(f"{KWS} listen plain.kws $'gone\\xe9.wav'")
    assert done.returncode == 1 and r"gone\xe9.wav" in in_words(done)


FOREIGN = [
    "inspect bad.kws",
    "listen bad.kws a.wav",
    "listen bad.kws a.wav --json",
    "listen bad.kws ./*.wav",
    "listen plain.kws bad*.wav a.wav",
    "listen plain.kws $'none\\e[1m.wav'",
    "inspect $'none\\e[1m\\xc2\\x9b'",
    "evaluate bad.kws --clips .",
    "evaluate bad.kws --positives clips --negatives bad* --list-errors",
    "export bad.kws --to out --format c",
    "export plain.kws --to $'out\\e[1m' --format c",
    "deploy plain.kws --board pico --to $'out\\e[1m'",
    "deploy plain.kws --board $'\\e[1m'",
    "train $'recipe\\e[1m.toml'",
    "listen plain.kws --$'\\e[1m'",
    "listen plain.kws --threshold $'\\e[1m'",
    "$'\\e[1m'",
    "monitor $'/dev/\\e[1m'",
    "download speech-commands --version $'\\e[1m'",
]


@pytest.mark.parametrize("command", FOREIGN)
def test_nothing_foreign_acts_on_the_terminal(here, command):
    write_audio(here / "clips" / "1.wav", noise(1, 3000))
    done = shell(f"{KWS} {command}")
    text = done.stdout.decode() + in_words(done)
    assert text and not ACTING.search(text)
    if "bad.kws" in command and "listen" in command and "--json" not in command:
        assert SHOWN in text


def test_a_microphone_s_name_cannot_act(monkeypatch):
    device = microphone.Device(
        number=2, name=WORD, channels=1, sample_rate_hz=48_000, is_default=True
    )
    monkeypatch.setattr(microphone, "devices", lambda: [device])
    assert SHOWN in CliRunner().invoke(app, ["devices"]).output
    for arguments in (
        ["devices"],
        ["devices", "--json"],
        ["listen", "hey_cortana", "--device", "x"],
    ):
        assert not ACTING.search(CliRunner().invoke(app, arguments).output)


def test_a_file_whose_name_opens_with_a_dash(here):
    done = shell(f"{KWS} listen plain.kws -dash.wav")
    assert done.returncode == 2 and "write ./-dash.wav" in in_words(done)
    done = shell(f"{KWS} deploy -- -dash.wav --board pico")
    assert done.returncode == 2
    assert (
        in_words(done)
        .strip()
        .endswith("Missing option '--board'. To name the file, write ./-dash.wav")
    )
    for name in ("./-dash.wav", "-- -dash.wav"):
        done = shell(f"{KWS} listen plain.kws {name}")
        assert done.returncode == 0 and b"1 detection," in done.stdout


def test_what_is_asked_wrongly_is_said_rightly(here):
    done = shell(f"{KWS} listen plain.kws .")
    assert in_words(done) == "kws: . is a folder: name the recordings in it\n"
    for zero in ("0", "1", "nan", "-0.5"):
        done = shell(f"{KWS} listen plain.kws a.wav --threshold={zero}")
        said = (
            f"kws: The threshold is {zero}; choose a posterior above 0 and below 1, such as 0.9.\n"
        )
        assert (in_words(done), done.returncode) == (said, 1)
    write_audio(here / "clips" / "hey_noise_not" / "1.wav", noise(1, 16))
    done = shell(f"{KWS} evaluate plain.kws --clips clips")
    assert done.returncode == 1 and done.stdout == b""
    assert "clips has no folder for any word of plain (hey_noise), so there is" in in_words(done)


def test_a_word_that_acts_on_a_terminal_is_not_written():
    from kws.errors import ModelError

    for word in ("\x1b[2J", "a\nb", "a\u202eb", "a\x9bb"):
        with pytest.raises(ModelError, match="do not print"):
            wake_word(word)
