"""`kws listen` through PortAudio, on a microphone made of PulseAudio."""

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from emulated_terminal import EmulatedTerminal
from loudness_models import noise, wake_word
from virtual_microphone import NEEDS_SOUND, virtual_microphone

from kws.audio.files import read_audio, write_audio
from kws.engine.spotter import Spotter

pytestmark = NEEDS_SOUND

SAMPLE = Path(__file__).parents[2] / "data/sample"
HOP_S = 0.02


@pytest.fixture
def sound():
    with virtual_microphone() as running:
        yield running


class Listening:
    """`kws listen` in another process, and what it has printed so far."""

    def __init__(self, sound, *args, stderr=subprocess.PIPE, program=None):
        self.process = subprocess.Popen(
            program or [sys.executable, "-m", "kws", "listen", *map(str, args)],
            env=sound.env | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        streams = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self.readers = [
            threading.Thread(target=self._collect, args=each) for each in streams if each[0]
        ]
        for reader in self.readers:
            reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for reader in self.readers:
            reader.join()

    @staticmethod
    def _collect(stream, lines):
        with stream:
            for line in stream:
                lines.append(line)

    def wait_for(self, lines, text, seconds=30):
        """Wait until a line holds the text; a microphone takes a second or two to begin."""
        deadline = time.monotonic() + seconds
        while not any(text in line for line in lines):
            assert time.monotonic() < deadline, f"no {text!r} in {self.out} {self.err}"
            time.sleep(0.02)

    def end(self, how=signal.SIGINT):
        if how is not None:
            self.process.send_signal(how)
        status = self.process.wait(20)
        for reader in self.readers:
            reader.join()
        return status


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "wake.kws"
    path.write_bytes(wake_word())
    return path


@pytest.fixture
def recording(tmp_path):
    """Loud at 1.0, 3.0 and 4.5 s, for half a second each."""
    stream = noise(6.0, 16)
    for start_s in (1.0, 3.0, 4.5):
        stream[round(16_000 * start_s) :][:8_000] = noise(0.5, 3000)
    path = tmp_path / "stream.wav"
    write_audio(path, stream)
    return path


def test_what_is_played_is_heard_once_each_and_at_its_time(sound, model, recording):
    with Listening(sound, model, "--json") as listening:
        listening.wait_for(listening.err, "Listening to")
        sound.play(recording)
        listening.wait_for(listening.out, "hey_noise")
        time.sleep(1.0)
        assert listening.end() == 0
        found = [json.loads(line) for line in listening.out]
        assert [(entry["word"], entry["file"]) for entry in found] == [("hey_noise", None)] * 3
        gaps_s = np.diff([entry["time_s"] for entry in found])
        assert gaps_s == pytest.approx([2.0, 1.5], abs=0.06)
        assert listening.err == [listening.err[0]]  # nothing of ALSA's or PortAudio's own


def test_what_ships_hears_from_the_microphone_what_it_hears_in_the_file(sound, tmp_path):
    """The same words, at times within a hop: the microphone's first frame falls anywhere."""
    stream = read_audio(SAMPLE / "stream/held_out.opus")[: round(24.5 * 16_000)]  # four phrases
    path = tmp_path / "held_out.wav"
    write_audio(path, stream)
    in_file = [(each.word, each.time_s) for each in Spotter("hey_cortana").process(stream)]
    assert len(in_file) == 4
    with Listening(sound, "hey_cortana", "--json") as listening:
        listening.wait_for(listening.err, "Listening to")
        sound.play(path)
        time.sleep(1.0)
        assert listening.end() == 0
    live = [(entry["word"], entry["time_s"]) for entry in map(json.loads, listening.out)]
    assert [word for word, _ in live] == [word for word, _ in in_file]
    later_s = [mine - theirs for (_, mine), (_, theirs) in zip(live, in_file, strict=True)]
    assert max(later_s) - min(later_s) <= 2 * HOP_S  # a hop either way of when it was played


def test_ctrl_c_closes_the_timeline_with_a_summary(sound, model, recording):
    with Listening(sound, model, "--device", "default") as listening:
        listening.wait_for(listening.err, "Listening to")
        sound.play(recording)
        time.sleep(1.0)
        assert listening.end() == 0
        assert len(listening.out) == 4
        assert ", 3 detections, " in listening.out[-1]
        assert "s of audio" in listening.out[-1]


def test_a_sound_server_that_dies_is_waited_for_and_heard_again(sound, model, recording):
    with Listening(sound, model, "--json") as listening:
        listening.wait_for(listening.err, "Listening to")
        sound.play(recording)
        sound.stop()
        listening.wait_for(listening.err, "stopped sending sound: waiting for it")
        sound.start()
        listening.wait_for(listening.err, "is back")
        before = len(listening.out)
        sound.play(recording)
        time.sleep(1.0)
        assert listening.end() == 0
        found = [json.loads(line) for line in listening.out]
        assert before >= 2 and len(found) == before + 3
        gaps_s = np.diff([entry["time_s"] for entry in found])
        assert gaps_s[-2:] == pytest.approx([2.0, 1.5], abs=0.06)
        assert gaps_s[before - 1] > 3.0  # the clock went on
        assert len(listening.err) == 3


def test_a_microphone_that_is_unplugged_from_a_running_server_is_waited_for(sound, model):
    with Listening(sound, model, "--json", "--seconds", "12") as listening:
        listening.wait_for(listening.err, "Listening to")
        for module in ("module-remap-source", "module-null-sink"):
            subprocess.run(["pactl", "unload-module", module], env=sound.env, check=True)
        listening.wait_for(listening.err, "stopped sending sound: waiting for it")
        assert listening.end(how=None) == 0


def test_a_program_that_stood_still_for_seconds_loses_nothing(sound, model, recording):
    """The sound server keeps what it has not come for."""
    with Listening(sound, model, "--json") as listening:
        listening.wait_for(listening.err, "Listening to")
        listening.process.send_signal(signal.SIGSTOP)
        sound.play(recording)
        listening.process.send_signal(signal.SIGCONT)
        listening.wait_for(listening.out, "hey_noise")
        time.sleep(2.0)
        assert listening.end() == 0
        assert len(listening.out) == 3 and len(listening.err) == 1


OVERLOADED = """
import sys, time
from kws.cli.main import main
from kws.listening import hearing, microphone
microphone.MOST_BLOCKS = 10
take, taken = hearing.Hearing.take, 0
def slow(self, chunk):
    global taken
    taken += 1
    if taken == 20: time.sleep(3.0)
    return take(self, chunk)
hearing.Hearing.take = slow
sys.argv = ["kws", "listen", *sys.argv[1:]]
main()
"""


def test_an_overloaded_machine_says_how_much_it_lost(sound, model):
    """One that looks away for three seconds, where sound is kept for less than one."""
    program = [sys.executable, "-c", OVERLOADED, str(model), "--json"]
    with Listening(sound, program=program) as listening:
        listening.wait_for(listening.err, "kws: lost ")
        assert listening.end() == 0
        assert "busy with something else" in listening.err[-1]
        lost_s = float(listening.err[-1].split("(")[1].split()[0])
        assert 1.5 < lost_s < 4.0


def test_several_models_a_command_clips_and_a_table_at_once(sound, model, recording, tmp_path):
    (tmp_path / "other.kws").write_bytes(wake_word("other", threshold=0.9))
    command = f"sh -c 'echo $KWS_WORD $KWS_TIME_S >>{tmp_path / 'log'}; sleep 30'"
    with Listening(
        *(sound, model, tmp_path / "other.kws", "--json", "--on-detect", command),
        *("--save-clips", tmp_path / "clips", "--csv", tmp_path / "a.csv"),
    ) as listening:
        listening.wait_for(listening.err, "Listening to")
        sound.play(recording)
        time.sleep(1.5)
        assert listening.end() == 0
    found = [json.loads(line) for line in listening.out]
    assert {entry["model"] for entry in found} == {"wake", "other"} and len(found) == 6
    started = [f"{entry['word']} {entry['time_s']:.3f}" for entry in found[:4]]
    assert sorted((tmp_path / "log").read_text().splitlines()) == sorted(started)
    assert sum("commands still run" in line for line in listening.err) == 2
    assert "4 commands still ran, and were ended" in listening.err[-1]
    assert len(list((tmp_path / "clips").glob("hit_*.wav"))) == 6
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert rows[0] == "frame,time_s,hey_noise,other" and len(rows) > 250


LOOP = """
import asyncio, kws, sys
def told(detection): print(detection.word, f"{detection.time_s:.3f}", flush=True)
with kws.listen(sys.argv[1]) as heard:
    print("ready", flush=True)
    for number, detection in enumerate(heard):
        told(detection)
        if number == 2: break
async def main():
    heard = kws.listen(sys.argv[1], seconds=30)
    print("ready", flush=True)
    async for detection in heard:
        told(detection)
        break
    async def rest():
        async for detection in heard: told(detection)
    task = asyncio.create_task(rest())
    await asyncio.sleep(0.5)
    task.cancel()
    heard.close()
asyncio.run(main())
print("over", flush=True)
"""


def test_a_python_loop_and_an_asyncio_program_hear_the_same(sound, model, recording):
    with Listening(sound, program=[sys.executable, "-c", LOOP, str(model)]) as listening:
        for count in (1, 2):
            while sum(line == "ready\n" for line in listening.out) < count:
                listening.wait_for(listening.out, "ready")
                assert listening.process.poll() is None, listening.err
                time.sleep(0.1)
            time.sleep(1.0)
            sound.play(recording)
        listening.wait_for(listening.out, "over")
        assert listening.end(how=None) == 0
    words = [line.split()[0] for line in listening.out]
    assert words == ["ready", *["hey_noise"] * 3, "ready", "hey_noise", "over"]
    assert listening.err == []


def test_a_server_that_is_gone_before_the_start_is_one_sentence(sound, model):
    sound.stop()
    with Listening(sound, model) as listening:
        assert listening.end(how=None) == 1
        assert len(listening.err) == 1
        assert listening.err[0].startswith("kws: ") and "microphone" in listening.err[0]


def test_the_terminal_shows_the_level_and_the_score_while_it_listens(sound, model, recording):
    ours, theirs = pty.openpty()
    shown = b""

    def read():
        nonlocal shown
        try:
            while data := os.read(ours, 4096):
                shown += data
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with Listening(sound, model, stderr=theirs) as listening:
        os.close(theirs)
        deadline = time.monotonic() + 30
        while b"level" not in shown:
            assert time.monotonic() < deadline, shown
            time.sleep(0.02)
        sound.play(recording)
        time.sleep(1.0)
        assert listening.end() == 0
        reader.join(5)
        os.close(ours)
        frames = [frame for frame in shown.decode().split("\r") if "level" in frame]
        levels = [int(frame.split("dB")[0].split()[-1]) for frame in frames]
        scores = [int(frame.rsplit("%", 1)[0].split()[-1]) for frame in frames]
        assert min(levels) < -50 and max(levels) > -15
        assert min(scores) < 10 and max(scores) > 90
        assert shown.endswith(b"\x1b[K")


def test_the_screen_shows_what_is_heard_and_keys_act(sound, model, recording, tmp_path):
    """On a terminal of 80 columns, in an emulator."""
    command = [sys.executable, "-m", "kws", "listen", str(model)]
    command += ["--save-clips", str(tmp_path / "clips")]
    with EmulatedTerminal(command, 80, 24, sound.env) as shown:
        shown.wait_for("0.800 (+1.4)")
        shown.wait_for("default, 16,000 Hz")
        sound.play(recording)
        shown.wait_for("3 detections")
        screen = shown.text()
        assert screen.count("hey_noise  ") == 4 and "▼" in screen and "─" in screen
        shown.press("?")
        shown.wait_for("that was wrong")
        shown.press("?+")
        shown.wait_for("0.837 (+1.6)")
        shown.press("m")
        shown.wait_for("saved wrong_")
        assert len(list((tmp_path / "clips" / "false_accepts").iterdir())) == 1
        shown.press("s")
        shown.wait_for("saved saved_")
        shown.press(" ")
        shown.wait_for("paused: nothing is heard")
        shown.press(" ")
        shown.wait_for("kws listening")
        for columns, rows in ((200, 50), (60, 20), (30, 8), (80, 24)):
            shown.resize(columns, rows)
            time.sleep(0.8)
            lines = shown.lines()
            assert lines[0].startswith("kws listening") and len(lines) == rows
            assert rows < 10 or lines[-1].startswith("? keys") or lines[-1].startswith("saved")
        sound.stop()
        shown.wait_for("the microphone is gone: waiting for it")
        sound.start()
        shown.wait_for("kws listening")
        shown.press("q")
        assert shown.end() == 0
        assert shown.raw.count(b"\x1b[?1049h") == shown.raw.count(b"\x1b[?1049l") == 1
        left = shown.raw.rpartition(b"\x1b[?1049l")[2].decode()
        assert left.count("hey_noise ") >= 3 and " s of audio, 3 detections" in left
        assert "is now 0.837: keep it with --threshold 0.837" in left


def echoes(shown):
    return bool(termios.tcgetattr(shown.keyboard)[3] & termios.ECHO)


def test_a_screen_that_is_ended_by_a_signal_gives_the_terminal_back(sound, model):
    command = [sys.executable, "-m", "kws", "listen", str(model)]
    with EmulatedTerminal(command, 80, 24, sound.env) as shown:
        before = termios.tcgetattr(shown.keyboard)
        shown.wait_for("kws listening")
        assert not echoes(shown)
        assert shown.end(signal.SIGTERM) == 0
        assert termios.tcgetattr(shown.keyboard) == before
        assert shown.raw.count(b"\x1b[?1049l") == 1


def test_ctrl_z_gives_the_terminal_back_for_as_long_as_it_lasts(sound, model):
    command = shlex.join([sys.executable, "-m", "kws", "listen", str(model)])
    shell = ["bash", "-m", "-c", f"{command}; echo stopped; sleep 2; fg"]
    with EmulatedTerminal(shell, 80, 24, sound.env) as shown:
        shown.wait_for("kws listening")
        shown.press("\x1a")
        shown.wait_for("stopped")
        assert echoes(shown) and shown.raw.count(b"\x1b[?1049l") == 1
        deadline = time.monotonic() + 30
        while echoes(shown) or shown.raw.count(b"\x1b[?1049h") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        shown.press("q")
        assert shown.end() == 0


def test_a_terminal_of_20_columns_gets_plain_lines(sound, model, recording):
    command = [sys.executable, "-m", "kws", "listen", str(model)]
    with EmulatedTerminal(command, 20, 24, sound.env) as shown:
        shown.wait_for("Listening to")
        sound.play(recording)
        time.sleep(1.0)
        assert shown.end(signal.SIGINT) == 0
        assert b"1049" not in shown.raw
        assert shown.raw.count(b"hey_noise") == 3 and b"3 detections" in shown.raw


def test_the_microphone_is_listed(sound):
    done = subprocess.run(
        [sys.executable, "-m", "kws", "devices", "--json"],
        env=sound.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "default" in [device["name"] for device in json.loads(done.stdout)]
    assert done.stderr == ""
