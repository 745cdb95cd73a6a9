"""The command line: parsing, output, exit status, and what it loads."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from command_line import command, run
from loudness_models import noise, two_words, wake_word

import kws
import kws.training
from kws.audio.files import write_audio
from kws.errors import ConfigError
from kws.listening import microphone

HEAVY = ("torch", "torchaudio", "librosa", "matplotlib", "scipy", "numba", "sounddevice", "rich")
COMMANDS = (
    "doctor",
    "download speech-commands",
    "synthesize",
    "train commands",
    "train wake",
    "evaluate",
    "listen",
    "devices",
    "inspect",
    "export",
)


@pytest.fixture
def fake_train(monkeypatch):
    """Record what the commands ask of kws.training, without loading torch."""
    calls = []
    for module, names in (
        ("train", ("train_commands", "train_recipe")),
        ("wake_word", ("train_wake",)),
    ):
        fake = SimpleNamespace(
            **{
                name: lambda *args, _name=name, **kwargs: calls.append((_name, args, kwargs))
                for name in names
            }
        )
        monkeypatch.setitem(sys.modules, f"kws.training.{module}", fake)
        monkeypatch.setattr(kws.training, module, fake, raising=False)
    return calls


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name):
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: kws {name}" in result.output


def test_the_overview_lists_every_command():
    overview = run("--help").output
    for name in COMMANDS:
        assert f"  {name.split()[0]} " in overview


@pytest.mark.parametrize("command", [(), ("download",), ("train",)])
def test_a_command_alone_is_answered_by_its_help(command):
    result = run(*command)
    assert result.exit_code == 2
    assert result.output.split() == run(*command, "--help").output.split()


def test_a_wrong_command_or_option_is_status_2():
    assert run("liste").exit_code == 2
    assert run("train", "nothing").exit_code == 2
    assert run("listen", "m", "--volume", "3").exit_code == 2
    assert run("evaluate", "m").exit_code == 2
    assert run("evaluate", "m", "--positives", "a").exit_code == 2
    assert (
        run("evaluate", "m", "--clips", "a", "--positives", "b", "--negatives", "c").exit_code == 2
    )
    assert run("listen", "m", "-", "a.wav").exit_code == 2
    assert run("listen", "m", "a.wav", "--device", "1").exit_code == 2


@pytest.mark.parametrize(
    "args",
    [
        ("listen", "no/such/model", "a.wav"),
        ("listen", "{model}", "no_such.wav"),
        ("listen", "{model}", "{recording}", "--threshold", "1.5"),
        ("evaluate", "{model}", "--clips", "no_such_folder"),
        ("inspect", "{recording}"),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_status_1(args, model, recording):
    args = [arg.format(model=model, recording=recording) for arg in args]
    done = subprocess.run(command(*args), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("kws: ") and done.stderr.count("\n") == 1


def test_an_error_of_several_lines_is_printed_as_one(monkeypatch):
    def fail():
        raise ConfigError("first\n  second")

    monkeypatch.setattr(microphone, "devices", fail)
    result = run("devices")
    assert (result.exit_code, result.stderr) == (1, "kws: first second\n")


@pytest.mark.parametrize(
    "program",
    [
        "import kws",
        "run('--help')",
        "run('evaluate', '--help')",
        "run('inspect', MODEL)",
        "run('listen', MODEL, RECORDING)",
        "run('listen', MODEL, '-')",
    ],
)
def test_nothing_heavy_is_loaded_to_help_or_to_listen(program, model, recording):
    code = f"""
import sys
MODEL, RECORDING = {str(model)!r}, {str(recording)!r}
def run(*args):
    from kws.cli.main import app
    try:
        app(args)
    except SystemExit as end:
        assert end.code == 0
{program}
print("LOADED", *(name for name in {HEAVY!r} if name in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, input="\0" * 32_000
    )
    assert done.stdout.splitlines()[-1].split() == ["LOADED"], done.stdout + done.stderr


def test_evaluate_prints_one_document(model, tmp_path):
    for word, colour in (("low", "low"), ("high", "high")):
        for index in range(3):
            write_audio(tmp_path / "clips" / word / f"{index}.wav", noise(1, 3000, index, colour))
    result = run("evaluate", model, "--clips", tmp_path / "clips", "--json")
    assert json.loads(result.output)["accuracy"] == 1.0
    text = run("evaluate", model, "--clips", tmp_path / "clips").output
    assert text.startswith("accuracy 100.00 % of 6 clips, model of 84 bytes, C engine\n")
    assert ["low", "3", "100.00", "100.00"] in [line.split() for line in text.splitlines()]


@pytest.fixture
def wake(tmp_path):
    (tmp_path / "wake.kws").write_bytes(wake_word())
    for index in range(4):
        write_audio(tmp_path / "yes" / f"{index}.wav", noise(1, 3000 if index else 16, index))
        write_audio(tmp_path / "talk" / f"{index}.wav", noise(9, 16, index))
        write_audio(tmp_path / "music" / f"{index}.wav", noise(9, 16 if index else 3000, index))
    return tmp_path


STREAM_ARGS = [
    "{m} --positives {d}/yes --negatives {d}/talk {d}/music",
    "{m} --positives {d}/yes --negatives {d}/talk --negatives {d}/music",
    "{m} --positives={d}/yes --negatives={d}/talk {d}/music",
    "--positives {d}/yes --negatives {d}/talk --negatives {d}/music {m}",
    "--positives {d}/yes --negatives {d}/talk {d}/music {m}",
    "--seed 0 {m} --negatives {d}/talk {d}/music --positives {d}/yes",
    "--negatives {d}/talk {d}/music --positives {d}/yes --seed 0 {m}",
]


@pytest.mark.parametrize("args", STREAM_ARGS)
def test_lists_of_folders_may_be_given_in_every_usual_way(wake, args):
    args = args.format(m=wake / "wake.kws", d=wake).split()
    result = run("evaluate", "--json", *args)
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    assert document["positives"] == 4
    assert document["hours"] == pytest.approx(8 * 9 / 3600)
    assert document["at_default"]["miss_rate"] == 0.25
    assert document["at_default"]["false_accepts"] == 1
    assert set(document["by_folder"]) == {str(wake / "talk"), str(wake / "music")}


def test_a_stream_is_told_to_people_in_tables(wake):
    args = f"{wake}/wake.kws --positives {wake}/yes --negatives {wake}/talk {wake}/music"
    text = run("evaluate", *args.split(), "--list-errors").output
    assert "4 positives, 0.02 h of negatives" in text
    assert "25.00 % missed, 1 false accept = 50.00 / h\n95 % sure of at most 237.19 / h" in text
    assert "once a day: " in text and "; 0.02 h cannot promise it" in text
    assert max(map(len, text.partition("\n\n")[0].splitlines())) <= 80  # a terminal's width
    assert f"missed: {wake}/yes/0.wav" in text
    assert f"false accept: {wake}/music/0.wav at 0.0" in text


def test_evaluate_takes_one_channel_of_clips_and_of_a_stream(model, wake):
    for word, other in (("low", "high"), ("high", "low")):
        (wake / "clips" / word).mkdir(parents=True)
        sides = np.stack([noise(1, 3000, colour=colour) for colour in (other, word)], axis=1)
        soundfile.write(wake / "clips" / word / "a.wav", sides, 16_000)
    for path in (wake / "yes").iterdir():
        samples, _ = soundfile.read(path, dtype="int16")
        soundfile.write(path, np.stack([np.zeros_like(samples), samples], axis=1), 16_000)
    clips = f"{model} --clips {wake}/clips".split()
    stream = f"{wake}/wake.kws --positives {wake}/yes --negatives {wake}/talk".split()
    for channel, accuracy, miss_rate in (("0", 0.0, 1.0), ("1", 1.0, 0.25)):
        options = ("--channel", channel, "--json")
        assert json.loads(run("evaluate", *clips, *options).stdout)["accuracy"] == accuracy
        result = json.loads(run("evaluate", *stream, *options).stdout)
        assert (result["at_default"]["miss_rate"], result["skipped"]) == (miss_rate, [])
    refused = run("evaluate", *clips, "--split", "validation", "--channel", "0")
    assert refused.exit_code == 2 and "--channel does not go with --split" in refused.stderr


def test_inspect_accounts_for_every_byte(model):
    document = json.loads(run("inspect", model, "--json").output)
    sections = document["sections"]
    assert document["bytes"] == len(two_words()) == sum(part["bytes"] for part in sections)
    assert [part["offset"] for part in sections[1:]] == [
        part["offset"] + part["bytes"] for part in sections[:-1]
    ]
    text = run("inspect", model).output
    for name in ("classifier", "bias_class", "checksum", "hop_length 320", "low, high"):
        assert name in text


def test_devices_are_listed(monkeypatch):
    device = microphone.Device(
        number=2, name="USB mic", channels=1, sample_rate_hz=48_000, is_default=True
    )
    monkeypatch.setattr(microphone, "devices", lambda: [device])
    assert run("devices").output.splitlines()[1].split() == ["2", "USB", "mic", "1", "48000", "*"]
    assert json.loads(run("devices", "--json").output) == [
        {"number": 2, "name": "USB mic", "channels": 1, "sample_rate_hz": 48000, "is_default": True}
    ]
    monkeypatch.setattr(microphone, "devices", list)
    assert run("devices").output == "no microphone found\n"


def test_train_wake_passes_its_folders_on(fake_train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "abcde":
        Path(name).mkdir()
    args = "--positives a b --negatives c d --noise e --out o --max-bytes 900 --seed 7 --seeds 3"
    args += " --sample-rate 8000"
    assert run("train", "wake", "hey cortana", *args.split()).exit_code == 0
    assert fake_train == [
        (
            "train_wake",
            (),
            {
                "phrase": "hey cortana",
                "positives": [Path("a"), Path("b")],
                "negatives": [Path("c"), Path("d")],
                "noise": [Path("e")],
                "out": Path("o"),
                "sample_rate_hz": 8000,
                "max_bytes": 900,
                "seeds": 3,
                "seed": 7,
            },
        )
    ]


def test_train_commands_splits_its_words(fake_train):
    assert (
        run("train", "commands", "--data", "d", "--words", "yes, no", "--out", "o").exit_code == 0
    )
    (_, _, kwargs) = fake_train[0]
    assert kwargs["words"] == ["yes", "no"]
    assert (kwargs["data"], kwargs["max_bytes"], kwargs["seed"]) == (Path("d"), 5632, 0)


def test_train_commands_takes_folders_of_other_sounds(fake_train):
    given = [
        "train",
        "commands",
        "--data",
        "d",
        "--out",
        "o",
        "--noise",
        "n",
        "--negatives",
        "a",
        "b",
    ]
    assert run(*given).exit_code == 0
    (_, _, kwargs) = fake_train[0]
    assert (kwargs["negatives"], kwargs["noise"]) == ([Path("a"), Path("b")], [Path("n")])


def test_train_takes_a_recipe_in_the_place_of_a_command(fake_train):
    assert run("train", "models/x/config.toml").exit_code == 0
    assert run("train", "--out", "runs/x", "x.toml").exit_code == 0
    assert fake_train == [
        ("train_recipe", (Path("models/x/config.toml"), None), {}),
        ("train_recipe", (Path("x.toml"), Path("runs/x")), {}),
    ]


def test_doctor_fails_where_something_required_is_missing(monkeypatch):
    from kws.cli import doctor

    lack = doctor.Check("torch", "To train", False, True, "not installed", "pip install torch")
    monkeypatch.setattr(doctor, "examine", lambda: [lack])
    result = run("doctor")
    assert result.exit_code == 1
    assert "pip install torch" in result.output
    assert json.loads(run("doctor", "--json").output)["ok"] is False


def test_help_answers_at_once():
    """Well under a second, of the processor's time: the machine may be busy with other things."""
    took_s = []
    for _ in range(5):
        before = os.times()
        subprocess.run(command("--help"), stdout=subprocess.DEVNULL, check=True, env=os.environ)
        after = os.times()
        took_s.append(after.children_user - before.children_user)
        took_s[-1] += after.children_system - before.children_system
    assert min(took_s) < 0.8


ALONE = """
import os
from kws.cli.support import numpy_alone
before = dict(os.environ)
numpy_alone()
assert dict(os.environ) == before
import numpy
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted on Linux")
def test_to_hear_needs_no_threads_of_blas():
    """And a command of `--on-detect` may have them."""
    several = {name: text for name, text in os.environ.items() if not name.endswith("_THREADS")}
    command = [sys.executable, "-c", ALONE]
    done = subprocess.run(command, capture_output=True, text=True, env=several)
    assert done.stdout == "1\n", done.stderr
