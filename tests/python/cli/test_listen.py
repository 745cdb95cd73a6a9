"""`kws listen` on recordings, pipes and a microphone: what it prints, and how it ends."""

import contextlib
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from command_line import command, run
from loudness_models import noise, two_words

from kws.errors import MicrophoneError
from kws.listening import microphone


@contextlib.contextmanager
def hearing_a_word(*options):
    """Give a `kws listen` that has a word in its pipe, which stays open."""
    with subprocess.Popen(
        command("listen", *options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as listening:
        assert listening.stdin and listening.stdout and listening.stderr
        loud = np.concatenate([noise(1, 16), noise(0.2, 3000, colour="low")])
        listening.stdin.write(loud.tobytes())
        listening.stdin.flush()
        yield listening


def test_listen_prints_a_json_line_a_detection(model, recording):
    result = run("listen", model, recording, "--json")
    found = [json.loads(line) for line in result.output.splitlines()]
    assert [(entry["word"], entry["file"]) for entry in found] == [
        ("low", str(recording)),
        ("high", str(recording)),
    ]


def test_listen_takes_a_threshold(model, recording):
    output = run("listen", model, recording, "--threshold", "0.9999").output
    assert output.startswith("6.0 s of audio, 0 detections")


def test_listen_takes_a_threshold_for_one_of_several_models(model, recording):
    other = model.with_name("other.kws")
    other.write_bytes(two_words())
    lines = run("listen", model, other, recording, "--threshold", "two=0.9999").output.splitlines()
    assert [line.split()[1:2] + line.split()[-1:] for line in lines[:-1]] == [
        ["low", "other"],
        ["high", "other"],
    ]
    refused = run("listen", model, recording, "--threshold", "two=high")
    assert refused.exit_code == 2 and "or MODEL=NUMBER" in refused.stderr
    refused = run("listen", model, recording, "--threshold", "tow=0.5")
    assert refused.exit_code == 1 and "no model of this name listens; name two" in refused.stderr


def test_listen_takes_one_channel_and_goes_on_after_a_bad_recording(model, tmp_path):
    loud = np.random.default_rng(0).integers(-3000, 3000, 32_000)
    sides = np.stack([loud, np.zeros(32_000)], axis=1).astype(np.int16)
    soundfile.write(tmp_path / "sides.wav", sides, 16_000)
    result = run("listen", model, tmp_path / "sides.wav", "--json")
    assert result.exit_code == 0 and "--channel N" in result.stderr
    assert all(json.loads(line) for line in result.stdout.splitlines())  # the warning is not in it
    result = run("listen", model, tmp_path / "sides.wav", "--channel", "0", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    result = run("listen", model, tmp_path / "gone.wav", tmp_path / "sides.wav", "--channel", "2")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "kws: 2 of 2 recordings were not read"


def test_listen_without_a_file_opens_the_microphone_that_is_named(model, monkeypatch):
    def refuse(wanted, rate_hz, channel=None):
        raise MicrophoneError(f"no {wanted} at {rate_hz}")

    monkeypatch.setattr(microphone, "Microphone", refuse)
    result = run("listen", model, "--device", "USB")
    assert (result.exit_code, result.stderr) == (1, "kws: no USB at 16000\n")


def test_stdin_is_heard_live(model):
    """The detection is printed while the pipe stays open."""
    with hearing_a_word(model, "-", "--json") as listening:
        assert json.loads(listening.stdout.readline())["word"] == "low"
        listening.stdin.close()
        assert listening.wait(10) == 0


def test_an_odd_byte_on_stdin_is_reported_and_is_no_failure(model):
    done = subprocess.run(
        command("listen", model, "-", "--json"), input=bytes(3), capture_output=True
    )
    assert done.returncode == 0
    assert done.stdout == b""
    assert b"1 odd byte" in done.stderr and done.stderr.count(b"\n") == 1


def test_a_reader_that_goes_away_ends_it_quietly(model):
    stream = np.concatenate([noise(1, 16), noise(0.5, 3000, colour="low")])
    with subprocess.Popen(
        command("listen", model, "-", "--json"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as listening:
        assert listening.stdin and listening.stdout and listening.stderr
        listening.stdout.close()
        listening.stdin.write(stream.tobytes())
        listening.stdin.close()
        assert listening.stderr.read() == b""
        assert listening.wait(10) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_pipe_with_all_that_was_heard(model, tmp_path, number):
    table = tmp_path / "scores.csv"
    options = ("--csv", table, "--calibrate", "8h", "--on-detect", "sleep 999")
    with hearing_a_word(model, "-", *options) as listening:
        listening.stdout.readline()
        listening.send_signal(number)
        if number != signal.SIGINT:
            time.sleep(0.1)
            listening.send_signal(signal.SIGTERM)  # while it ends
        out, errors = map(bytes.decode, listening.communicate(timeout=60))
    assert "s of audio, 1 detection" in out and "no threshold of two" in out
    assert errors.splitlines() == [
        "kws: --on-detect: 1 command still ran, and was ended",
        "kws: interrupted",
    ]
    assert listening.returncode == 130
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert len(rows) > 50 and {len(row) for row in rows} == {4}


def test_ctrl_c_is_status_130_without_a_traceback(model):
    with hearing_a_word(model, "-", "--json") as listening:
        listening.stdout.readline()  # it is up and listening
        listening.send_signal(signal.SIGINT)
        assert listening.wait(10) == 130
        assert listening.stderr.read() == b"kws: interrupted\n"
