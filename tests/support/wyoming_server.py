"""A `kws serve` in a process of its own, and sound as its clients send it."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.wake import Detect

STARTED = re.compile(r"^Serving .* on tcp://127\.0\.0\.1:(\d+);")
WAIT_S = 60


class Serving(NamedTuple):
    """A service that runs: its port, and its process."""

    port: int
    process: "subprocess.Popen[str]"

    def resident_kb(self) -> int:
        """Return the memory that it occupies."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def cpu_s(self) -> float:
        """Return the CPU time that it took so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def drain(self) -> None:
        """Read the detections that it prints, and forget them; pass its warnings on."""
        jobs = [
            lambda: deque(self.process.stdout or (), 0),
            lambda: sys.stderr.writelines(self.process.stderr or ()),
        ]
        for job in jobs:
            threading.Thread(target=job, daemon=True).start()

    def end(self) -> tuple[str, str]:
        """Terminate it as a system does; return what it wrote."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=WAIT_S)


@contextmanager
def serving(*arguments: object) -> Iterator[Serving]:
    """Run `kws serve` on a free port meanwhile."""
    command = [sys.executable, "-m", "kws", "serve", *map(str, arguments)]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command, "--uri", "tcp://127.0.0.1:0"],
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        started = STARTED.match(line)
        assert started, line + process.stderr.read()
        yield Serving(int(started[1]), process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def pcm(samples: np.ndarray, width: int) -> bytes:
    """Return int16 samples, (n,) or (n, channels), as raw sound of 1 to 4 bytes a sample."""
    if width == 1:
        return (samples.astype(np.int32) // 256 + 128).astype(np.uint8).tobytes()
    wide = samples.astype("<i4") << (8 * (width - 2))
    return wide.reshape(-1, 1).view(np.uint8)[:, :width].tobytes()


async def stream(
    port: int,
    samples: np.ndarray,
    rate: int = 16_000,
    *,
    width: int = 2,
    names: list[str] | None = None,
    chunk: int = 1_024,
) -> list[Event]:
    """Send samples by the library's own client; return the events up to not-detected or pong.

    A ping after audio-stop is answered when everything before it is.
    """
    form: dict[str, Any] = {
        "rate": rate,
        "width": width,
        "channels": samples.shape[1] if samples.ndim == 2 else 1,
    }
    answers = []
    async with AsyncTcpClient("127.0.0.1", port) as client:

        async def send() -> None:
            await client.write_event(Detect(names=names).event())
            await client.write_event(AudioStart(**form, timestamp=0).event())
            for at in range(0, len(samples), chunk):
                sound = pcm(samples[at : at + chunk], width)
                stamp = at * 1000 // rate
                event = AudioChunk(**form, audio=sound, timestamp=stamp).event()
                await client.write_event(event)
            await client.write_event(AudioStop().event())
            await client.write_event(Event("ping"))

        sending = asyncio.create_task(send())
        while True:
            event = await asyncio.wait_for(client.read_event(), WAIT_S)
            assert event is not None, "the service hung up"
            if event.type == "pong":
                break
            answers.append(event)
        await sending
    return answers
