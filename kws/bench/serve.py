"""Benchmark of `kws serve` as a smart home uses it, beside wyoming-openwakeword where installed.

Clients stream in real time, as satellites do; the price of a client is the CPU time that the
service takes meanwhile, by seconds and clients.
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

from wyoming.audio import AudioChunk

from kws.bench.inputs import speech_like
from kws.bench.timing import Figure, Found, Timings, gain, missing, one_thread_env, running_cpu_s
from kws.engine import model_file
from kws.engine.model_file import Model
from kws.errors import ToolError
from kws.serving.events import to_bytes
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.progress import progress
from kws.support.text import count_of, shown

CHUNK_SAMPLES = 1_024  # as Home Assistant's satellites send
START_S, IDLE_S = 120.0, 120.0
WARM_UP_S, REST_S = 1, 2.0
PEER, PEER_MODULE = "wyoming-openwakeword", "wyoming_openwakeword"
HOST = "127.0.0.1"


def bench_serve(
    model: Model, seconds: int, clients: tuple[int, ...], rounds: int, peers: str = ""
) -> Found:
    """CPU time of a service for a second of a client, for each number of clients.

    peers: the Python that runs the other service, "" this one; that is measured with the first
    number of clients, since many are more than one processor can serve with it.
    """
    python = peers or sys.executable
    notes = [f"Clients stream {CHUNK_SAMPLES} samples every {_pace_s() * 1000:.0f} ms."]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "model.kws"
        model_file.save(file, model.data)
        services = {"kws serve": [sys.executable, "-m", "kws", "serve", str(file)]}
        if _is_installed(python):
            services[PEER] = [python, "-m", PEER_MODULE, "--preload-model", "ok_nabu"]
        else:
            notes.append(missing(PEER))
        cases = [("kws serve", count) for count in clients]
        cases += [(PEER, clients[0])] * (PEER in services)
        taken: Timings = {_label(*case): [] for case in cases}
        for _ in progress(rounds, label="serve", unit="rounds"):
            for name, count in cases:
                cpu_s = _cpu_s(services[name], count, seconds)
                taken[_label(name, count)].append(cpu_s / seconds / count)
    over = _label(PEER, clients[0]) if PEER in services else ""
    return [_figure(name, count, taken, over) for name, count in cases], notes


def _label(service: str, clients: int) -> str:
    return f"{service}, {count_of(clients, 'client')}"


def _figure(service: str, clients: int, taken: Timings, over: str) -> Figure:
    label = _label(service, clients)
    times = gain(taken, label, over) if over and label != over else None
    value = statistics.median(taken[label]) * 1e3
    return Figure(label, value, "ms of CPU per s of a client", times, over if times else "")


def _is_installed(python: str) -> bool:
    try:
        code = f"import {PEER_MODULE}"
        return subprocess.run([python, "-c", code], capture_output=True).returncode == 0
    except OSError as error:
        reason = error.strerror or str(error)
        raise ToolError(f"{python} cannot be run: {reason}; name a program.") from None


def _cpu_s(command: list[str], clients: int, seconds: int) -> float:
    """Start a service; return the CPU time that it takes while clients stream."""
    port = _free_port()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*command, "--uri", f"tcp://{HOST}:{port}"],
            env={**os.environ, **one_thread_env()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            _wait_for(port, process)
            asyncio.run(_stream(port, clients, WARM_UP_S, process.pid))
            before = running_cpu_s(process.pid)
            asyncio.run(_stream(port, clients, seconds, process.pid))
            cpu_s = max(running_cpu_s(process.pid) - before, 1e-9)
        finally:
            process.terminate()
            process.wait()
        errors.seek(0)
        told = errors.read().decode(errors="replace").strip()
    if "Traceback" in told:  # a service whose threads have died costs nothing
        last = told.rpartition("\n")[2]
        raise ToolError(f"{_shown(command)} has failed ({last}): run it by hand and see why.")
    return cpu_s


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
    raise ToolError(f"{_shown(process.args)} did not start to serve: run it and see why.")


def _shown(command: object) -> str:
    return shown(" ".join(map(str, command)) if isinstance(command, list) else command)


async def _stream(port: int, clients: int, seconds: int, service: int) -> None:
    """Stream by several clients in real time; hang up once the service has nothing more to do.

    Not before: wyoming-openwakeword forgets the sound that waits when its client is done.
    """
    sound = speech_like(seconds).astype("<i2").tobytes()
    step = 2 * CHUNK_SAMPLES
    events = [
        to_bytes(
            AudioChunk(SAMPLE_RATE_HZ, 2, 1, sound[at : at + step], timestamp=at // 32).event()
        )
        for at in range(0, len(sound), step)
    ]
    writers = [(await asyncio.open_connection(HOST, port))[1] for _ in range(clients)]
    await asyncio.gather(
        *(_send(writer, events, i / clients * _pace_s()) for i, writer in enumerate(writers))
    )
    before, deadline = -1.0, time.monotonic() + IDLE_S
    while (taken := running_cpu_s(service)) > before:
        if time.monotonic() > deadline:
            raise ToolError(
                f"A service was still busy after {IDLE_S:.0f} s: measure on an idle machine."
            )
        before = taken
        await asyncio.sleep(REST_S)
    for writer in writers:
        writer.close()


async def _send(writer: asyncio.StreamWriter, events: list[bytes], offset_s: float) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time() + offset_s
    for number, event in enumerate(events):
        await asyncio.sleep(start + number * _pace_s() - loop.time())
        writer.write(event)
        await writer.drain()


def _pace_s() -> float:
    return CHUNK_SAMPLES / SAMPLE_RATE_HZ
