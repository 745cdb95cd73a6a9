"""Many clients that stream at once, as fast as they are served: what they lose, what it costs.

    python tests/support/serving_load.py --clients 50 --minutes 60

starts `kws serve`, lets every client stream a recording over and over, and compares each
detection, its time and its score with those of one Spotter on the same samples.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from wyoming_server import Serving, serving

from kws import Spotter
from kws.audio.files import read_audio

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "data" / "sample" / "stream" / "held_out.opus"
MODEL = ROOT / "models" / "hey_cortana"
CHUNK = 1_024  # samples, as Home Assistant's satellites send
RATE = 16_000
Heard = list[tuple[int, float]]  # milliseconds and score


class Outcome(NamedTuple):
    """What a load showed; `kb` is the memory of the service, minute by minute of the sound."""

    expected: Heard
    heard: list[Heard]
    seconds: float
    cpu_s: float
    kb: list[int]

    def lost(self) -> int:
        """Return how many detections differ from the expected, over all clients."""
        return sum(
            sum(a != b for a, b in zip(heard, self.expected, strict=False))
            + abs(len(heard) - len(self.expected))
            for heard in self.heard
        )


def chunks(samples: np.ndarray) -> bytes:
    """Return samples as audio-chunk events, one after another."""
    form = {"rate": RATE, "width": 2, "channels": 1}
    parts = []
    for at in range(0, len(samples), CHUNK):
        sound = samples[at : at + CHUNK].tobytes()
        header = {"type": "audio-chunk", "data": form, "payload_length": len(sound)}
        parts += [json.dumps(header).encode(), b"\n", sound]
    return b"".join(parts)


def expected(samples: np.ndarray, times: int) -> Heard:
    """What one spotter hears in samples, so many times on end."""
    spotter = Spotter(MODEL)
    hits = [hit for _ in range(times) for hit in spotter.process(samples)]
    return [(round(1000 * hit.time_s), round(hit.score, 4)) for hit in hits]


async def client(port: int, sound: bytes, times: int, done: list[int]) -> Heard:
    """Stream it so many times on end; return the detections."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard: Heard = []

    async def read() -> None:
        while line := await reader.readline():
            header = json.loads(line)
            data = json.loads(await reader.readexactly(header.get("data_length", 0)) or b"{}")
            if header["type"] == "pong":
                return
            assert header["type"] == "detection", data
            heard.append((data["timestamp"], data["score"]))

    reading = asyncio.create_task(read())
    writer.write(b'{"type": "detect", "data": {"names": ["hey_cortana"]}}\n')
    for _ in range(times):
        writer.write(sound)
        await writer.drain()
        done.append(1)
    writer.write(b'{"type": "ping"}\n')
    await reading
    writer.close()
    return heard


def load(service: Serving, clients: int, times: int, samples: np.ndarray) -> Outcome:
    """Let so many clients stream the samples so many times, at once."""
    sound, kb, done = chunks(samples), [service.resident_kb()], list[int]()

    async def all_of_them() -> list[Heard]:
        jobs = [client(service.port, sound, times, done) for _ in range(clients)]
        work = asyncio.gather(*jobs)
        while not work.done():
            await asyncio.wait([work], timeout=0.2)
            if len(done) >= clients * len(kb):
                kb.append(service.resident_kb())
                print(f"{len(done) // clients} of {times}, {kb[-1]} KB", file=sys.stderr)
        return await work

    cpu_s, started = service.cpu_s(), time.monotonic()
    heard = asyncio.run(all_of_them())
    seconds = time.monotonic() - started
    cpu_s = service.cpu_s() - cpu_s
    return Outcome(expected(samples, times), heard, seconds, cpu_s, kb)


def report(outcome: Outcome, clients: int, sound_s: float) -> Iterator[str]:
    """Yield what it showed as lines."""
    yield f"{clients} clients, {sound_s:.0f} s each, in {outcome.seconds:.0f} s"
    yield f"{len(outcome.expected)} detections a client, {outcome.lost()} lost or other"
    yield f"{1000 * outcome.cpu_s / clients / sound_s:.2f} ms of CPU a second of a client"
    ten = outcome.kb[:: max(1, len(outcome.kb) // 10)]
    yield f"memory, KB: {' '.join(map(str, ten))}; at the end {outcome.kb[-1]}"


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--minutes", type=int, default=60)
    args = parser.parse_args()
    samples = read_audio(SPEECH)
    times = round(args.minutes * 60 * RATE / len(samples))
    with serving(MODEL) as service:
        service.drain()
        outcome = load(service, args.clients, times, samples)
    print(*report(outcome, args.clients, times * len(samples) / RATE), sep="\n")


if __name__ == "__main__":
    main()
