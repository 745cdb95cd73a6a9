"""`kws listen` through PortAudio, on a microphone made of PulseAudio.

A PulseAudio server of the test's own has a silent loudspeaker whose output is the microphone that
ALSA, and so PortAudio, offers as the default.  Nothing outside the test sees it, no sound card is
needed.
"""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from loudness_models import noise, wake_word

from kws.audio.files import write_audio

PROGRAMS = ("pulseaudio", "pactl", "paplay")
ALSA_CONFIG = """
<confdir:alsa.conf>
pcm.!default { type pulse hint { show on description "virtual microphone" } }
ctl.!default { type pulse }
"""


def _portaudio_missing():
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        return str(error)
    return ""


pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PulseAudio is for Linux"),
    pytest.mark.skipif(
        not all(map(shutil.which, PROGRAMS)),
        reason="needs apt-get install pulseaudio pulseaudio-utils libasound2-plugins",
    ),
    pytest.mark.skipif(bool(_portaudio_missing()), reason=f"no PortAudio: {_portaudio_missing()}"),
]


@dataclass
class Sound:
    """A running PulseAudio server, and the environment in which programs use it."""

    server: subprocess.Popen
    env: dict[str, str]

    def play(self, path):
        subprocess.run(["paplay", "--device=speaker", path], env=self.env, check=True, timeout=60)


@pytest.fixture
def sound():
    # Not tmp_path: the path of a socket has to be short.
    folder = Path(tempfile.mkdtemp(prefix="kws-"))
    (folder / "asound.conf").write_text(ALSA_CONFIG)
    socket = folder / "socket"
    env = os.environ | {
        "XDG_RUNTIME_DIR": str(folder),
        "HOME": str(folder),
        "PULSE_SERVER": f"unix:{socket}",
        "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
    }
    modules = (
        f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        "module-null-sink sink_name=speaker rate=16000 channels=1 format=s16le",
        "module-remap-source source_name=microphone master=speaker.monitor",
    )
    server = subprocess.Popen(
        ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        + ["--disallow-exit=no", "--log-level=error"]
        + [word for module in modules for word in ("-L", module)],
        env=env,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        pactl = ["pactl", "set-default-source", "microphone"]
        while subprocess.run(pactl, env=env, capture_output=True).returncode:
            assert server.poll() is None and time.monotonic() < deadline, "PulseAudio did not start"
            time.sleep(0.1)
        yield Sound(server, env)
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


class Listening:
    """`kws listen` in another process, and what it has printed so far."""

    def __init__(self, sound, *args, stderr=subprocess.PIPE):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kws", "listen", *map(str, args)],
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


def test_ctrl_c_closes_the_timeline_with_a_summary(sound, model, recording):
    with Listening(sound, model, "--device", "default") as listening:
        listening.wait_for(listening.err, "Listening to")
        sound.play(recording)
        time.sleep(1.0)
        assert listening.end() == 0
        assert len(listening.out) == 4
        assert ", 3 detections, " in listening.out[-1]
        assert "s of audio" in listening.out[-1]


def test_a_microphone_that_disappears_is_one_sentence_and_status_1(sound, model):
    with Listening(sound, model, "--json") as listening:
        listening.wait_for(listening.err, "Listening to")
        sound.server.kill()
        assert listening.end(how=None) == 1
        assert len(listening.err) == 2
        assert listening.err[1].startswith("kws: the microphone '")
        assert "stopped sending sound: check its connection" in listening.err[1]


def test_a_microphone_that_is_unplugged_from_a_running_server_is_one_sentence(sound, model):
    with Listening(sound, model, "--json") as listening:
        listening.wait_for(listening.err, "Listening to")
        for module in ("module-remap-source", "module-null-sink"):
            subprocess.run(["pactl", "unload-module", module], env=sound.env, check=True)
        assert listening.end(how=None) == 1
        assert len(listening.err) == 2
        assert "stopped sending sound" in listening.err[1]


def test_a_server_that_is_gone_before_the_start_is_one_sentence(sound, model):
    sound.server.kill()
    sound.server.wait()
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
