"""Benchmark of `kws serve` as a smart home uses it, beside wyoming-openwakeword where installed.

Clients stream in real time, as satellites do. What a service takes more for a longer stream, by
its seconds and clients, is the price of a client, without the price of starting.
"""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from wyoming.audio import AudioChunk, AudioStop

from kws.bench.inputs import speech_like
from kws.bench.timing import Figure, Found, Timings, children_cpu_s, gain, one_thread_env
from kws.engine import model_file
from kws.engine.model_file import Model
from kws.errors import ToolError
from kws.serving.events import to_bytes
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.progress import progress

CHUNK_SAMPLES = 1_024  # as Home Assistant's satellites send
START_S, ANSWER_S = 120.0, 60.0
PEER, PEER_MODULE = "wyoming-openwakeword", "wyoming_openwakeword"
HOST = "127.0.0.1"


def bench_serve(
    model: Model, lengths_s: tuple[int, int], clients: tuple[int, int], rounds: int, peers: str = ""
) -> Found:
    """CPU time of a service for a second of a client, with few clients and with many.

    peers: the Python that runs the other service, "" this one; that is measured with few clients.
    """
    python, (few, many) = peers or sys.executable, clients
    notes = [f"Clients stream {CHUNK_SAMPLES} samples every {_pace_s() * 1000:.0f} ms."]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "model.kws"
        model_file.save(file, model.data)
        ours = [sys.executable, "-m", "kws", "serve", str(file)]
        services = {f"kws serve, {few} clients": (ours, few)}
        if many != few:
            services[f"kws serve, {many} clients"] = (ours, many)
        over = ""
        if _is_installed(python):
            over = f"{PEER}, {few} clients"
            theirs = [python, "-m", PEER_MODULE, "--preload-model", "ok_nabu"]
            services[over] = (theirs, few)
        else:
            notes.append(f"{PEER} is not installed: pip install {PEER} includes it.")
        taken: Timings = {name: [] for name in services}
        for _ in progress(rounds, label="serve", unit="rounds"):
            for name, (command, count) in services.items():
                short, long = (_cpu_s(command, count, seconds) for seconds in lengths_s)
                slope = (long - short) / (lengths_s[1] - lengths_s[0]) / count
                taken[name].append(max(slope, 1e-9))
    return [_figure(name, taken, over) for name in services], notes


def _figure(name: str, taken: Timings, over: str) -> Figure:
    is_peer = not over or name == over
    times = None if is_peer else gain(taken, name, over)
    value = statistics.median(taken[name]) * 1e3
    return Figure(name, value, "ms of CPU per s of a client", times, "" if is_peer else over)


def _is_installed(python: str) -> bool:
    try:
        code = f"import {PEER_MODULE}"
        return subprocess.run([python, "-c", code], capture_output=True).returncode == 0
    except OSError as error:
        reason = error.strerror or str(error)
        raise ToolError(f"{python} cannot be run: {reason}; name a program.") from None


def _cpu_s(command: list[str], clients: int, seconds: int) -> float:
    """Run a service while clients stream; return the CPU time of all of it."""
    port = _free_port()
    before = children_cpu_s()
    process = subprocess.Popen(
        [*command, "--uri", f"tcp://{HOST}:{port}"],
        env={**os.environ, **one_thread_env()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        asyncio.run(_stream(port, clients, seconds))
    finally:
        process.terminate()
        process.wait()
    return children_cpu_s() - before


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as sock:
        return int(sock.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise ToolError(f"{process.args} did not start to serve: run it by hand and see why.")


async def _stream(port: int, clients: int, seconds: int) -> None:
    """Let clients stream at once, in real time, until each has its last answer."""
    sound = speech_like(seconds).astype("<i2").tobytes()
    step = 2 * CHUNK_SAMPLES
    events = [
        to_bytes(
            AudioChunk(SAMPLE_RATE_HZ, 2, 1, sound[at : at + step], timestamp=at // 32).event()
        )
        for at in range(0, len(sound), step)
    ]
    await asyncio.gather(
        *(_client(port, events, index / clients * _pace_s()) for index in range(clients))
    )


async def _client(port: int, events: list[bytes], offset_s: float) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    loop = asyncio.get_running_loop()
    start = loop.time() + offset_s
    for number, event in enumerate(events):
        await asyncio.sleep(start + number * _pace_s() - loop.time())
        writer.write(event)
    writer.write(to_bytes(AudioStop().event()))
    await asyncio.wait_for(reader.readline(), ANSWER_S)
    writer.close()


def _pace_s() -> float:
    return CHUNK_SAMPLES / SAMPLE_RATE_HZ
