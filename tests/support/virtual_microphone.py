"""A microphone for PortAudio on a machine that has none.

A PulseAudio server of its own has a silent loudspeaker whose output is the microphone that ALSA,
and so PortAudio, offers as the default. Nothing outside sees it, no sound card is needed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = ("pulseaudio", "pactl", "paplay")
ALSA_CONFIG = """
<confdir:alsa.conf>
pcm.!default { type pulse hint { show on description "virtual microphone" } }
ctl.!default { type pulse }
"""


def _portaudio_missing() -> str:
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        return str(error)
    return ""


NEEDS_SOUND = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PulseAudio is for Linux"),
    pytest.mark.skipif(
        not all(map(shutil.which, PROGRAMS)),
        reason="needs apt-get install pulseaudio pulseaudio-utils libasound2-plugins",
    ),
    pytest.mark.skipif(bool(_portaudio_missing()), reason=f"no PortAudio: {_portaudio_missing()}"),
]


@dataclass
class Sound:
    """A PulseAudio server, and the environment in which programs use it."""

    folder: Path
    env: dict[str, str]
    server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, again where it was stopped."""
        modules = (
            f"module-native-protocol-unix socket={self.folder / 'socket'} auth-anonymous=1",
            "module-null-sink sink_name=speaker rate=16000 channels=1 format=s16le",
            "module-remap-source source_name=microphone master=speaker.monitor",
        )
        server = self.server = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
            + ["--disallow-exit=no", "--log-level=error"]
            + [word for module in modules for word in ("-L", module)],
            env=self.env,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        pactl = ["pactl", "set-default-source", "microphone"]
        while subprocess.run(pactl, env=self.env, capture_output=True).returncode:
            assert server.poll() is None and time.monotonic() < deadline, "PulseAudio did not start"
            time.sleep(0.1)

    def stop(self) -> None:
        """Kill the server, as a crash would."""
        if self.server:
            self.server.kill()
            self.server.wait()
        (self.folder / "socket").unlink(missing_ok=True)

    def play(self, path: Path) -> None:
        """Play a recording into the microphone, to its end."""
        command = ["paplay", "--device=speaker", str(path)]
        subprocess.run(command, env=self.env, check=True, timeout=120)


@contextmanager
def virtual_microphone() -> Iterator[Sound]:
    """Give a running server, and end it."""
    # Not a test's own folder: the path of a socket has to be short.
    folder = Path(tempfile.mkdtemp(prefix="kws-"))
    (folder / "asound.conf").write_text(ALSA_CONFIG)
    sound = Sound(
        folder,
        os.environ
        | {
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "PULSE_SERVER": f"unix:{folder / 'socket'}",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        },
    )
    try:
        sound.start()
        yield sound
    finally:
        sound.stop()
        shutil.rmtree(folder, ignore_errors=True)
