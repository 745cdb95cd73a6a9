"""The speed figures of the README, measured here: engine, front end, listening, training, batches.

Every figure of a benchmark comes from the same run, in CPU time on one thread (the batches alone in
wall time), as the median of interleaved rounds; ratios are taken within a round.
"""

import struct
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws import engine, model_file
from kws.config import WAKE_WORD_BYTES, DetectorConfig, FeatureConfig, check
from kws.frontend_spec import SAMPLE_RATE_HZ
from kws.model_file import Matrix, Model, Weights
from kws.text import table
from kws.timing import machine, measure, median, ratio

HOPS = (320, 160)


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much to measure; the defaults take about five minutes.

    clips: one-second clips of the front-end and batch benchmarks; batch and frames: of training;
    listen_s: the recordings whose difference in CPU time is the price of listening, in seconds.
    """

    rounds: int = 9
    audio_s: int = 60
    clips: int = 64
    batch: int = 128
    frames: int = 99
    listen_rounds: int = 5
    listen_s: tuple[int, int] = (60, 600)
    listen_slow_s: tuple[int, int] = (10, 40)


@dataclass(frozen=True)
class Figure:
    """One measured number: value in unit; `times` as good as what `against` names, where given."""

    name: str
    value: float
    unit: str
    times: float | None = None
    against: str = ""


def run(
    only: Sequence[str] = (),
    *,
    model: str | Path | None = None,
    peers: str = "",
    effort: Effort | None = None,
) -> dict[str, Any]:
    """Measure, and return `machine`, `model` and the figures and notes of each benchmark.

    model: a .kws file; else the shipped wake word, or where there is none a random one of its
    size. peers: a Python in which other detectors may be installed. ConfigError on another name.
    """
    for name in only:
        known = f"choose from {', '.join(BENCHMARKS)}"
        check(name in BENCHMARKS, f"There is no benchmark {name!r}; {known}.")
    effort = effort or Effort()
    loaded = model_file.load(model) if model else shipped_model()
    results = {
        name: BENCHMARKS[name](loaded, effort, peers)
        for name in BENCHMARKS
        if name in (only or BENCHMARKS)
    }
    return {
        "machine": machine(),
        "model": {"name": loaded.name, "bytes": len(loaded.data)},
        "benchmarks": {
            name: {"figures": [asdict(figure) for figure in figures], "notes": notes}
            for name, (figures, notes) in results.items()
        },
    }


def to_text(result: dict[str, Any]) -> str:
    """Return the result of `run` as a table for each benchmark, under the line of the machine."""
    about, model = result["machine"], result["model"]
    lines = [
        ", ".join(
            [about["processor"], f"{about['cores']} cores", about["system"], about["compiler"]]
            + [about["instructions"], f"Python {about['python']}"]
            + [f"{name} {about[name]}" for name in ("numpy", "torch", "torchaudio", "librosa")]
        ),
        f"model {model['name']}, {model['bytes']:,} bytes",
    ]
    for name, benchmark in result["benchmarks"].items():
        header = (name, "value", "unit", "times", "against")
        rows = [_row(figure) for figure in benchmark["figures"]]
        lines += ["", table(header, rows), *benchmark["notes"]]
    return "\n".join(lines)


def _row(figure: dict[str, Any]) -> tuple[str, ...]:
    value, times = figure["value"], figure["times"]
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return (
        *(figure["name"], shown, figure["unit"]),
        *("" if times is None else f"{times:.2f}", figure["against"]),
    )


Found = tuple[list[Figure], list[str]]


def bench_engine(model: Model, effort: Effort, peers: str = "") -> Found:
    """MFCC, network and detector on one core, whole and apart, at both hops."""
    samples = speech_like(effort.audio_s)
    works: dict[str, Callable[[], object]] = {}
    frames = {}
    for hop in HOPS:
        at_hop = with_hop(model, hop)
        spotter = engine.Spotter(at_hop)
        features = engine.features(samples, at_hop.features)
        frames[hop] = len(features)
        works |= {
            f"all {hop}": lambda spotter=spotter: spotter.process(samples),
            f"mfcc {hop}": lambda config=at_hop.features: engine.features(samples, config),
            f"network {hop}": lambda m=at_hop, f=features[None]: engine.network_batch(
                m, f, threads=1
            ),
        }
    taken = measure(works, effort.rounds, label="engine")
    figures = []
    for hop in HOPS:
        ms = hop * 1000 // SAMPLE_RATE_HZ
        speed = effort.audio_s / median(taken, f"all {hop}")
        figures.append(Figure(f"whole engine, {ms} ms hop", speed, "x real time"))
        for stage in ("mfcc", "network"):
            per_frame = median(taken, f"{stage} {hop}") / frames[hop] * 1e6
            figures.append(Figure(f"{stage}, {ms} ms hop", per_frame, "us per frame"))
    return figures, [f"{effort.audio_s} s of synthetic speech; the same weights at both hops."]


def bench_batch(model: Model, effort: Effort, peers: str = "") -> Found:
    """Scoring many one-second clips in one call, in wall time, with one thread and with two."""
    samples = speech_like(effort.clips).reshape(effort.clips, SAMPLE_RATE_HZ)
    works = {
        f"{threads} threads": lambda threads=threads: engine.clip_logits(
            model, samples, threads=threads
        )
        for threads in (1, 2)
    }
    taken = measure(works, effort.rounds, label="batch", clock=time.perf_counter)
    one, two = (effort.clips / median(taken, name) for name in works)
    gain = ratio(taken, "2 threads", "1 threads")
    return [
        Figure("clip_logits, 1 thread", one, "clips per s"),
        Figure("clip_logits, 2 threads", two, "clips per s", gain, "1 thread"),
    ], ["Wall time: other programs on the machine lower these figures."]


def _mfcc(model: Model, effort: Effort, peers: str) -> Found:
    from kws.bench_mfcc import bench_mfcc

    return bench_mfcc(speech_like(effort.clips).reshape(effort.clips, -1), effort.rounds)


def _listen(model: Model, effort: Effort, peers: str) -> Found:
    from kws.bench_listen import bench_listen

    lengths = (effort.listen_s, effort.listen_slow_s)
    return bench_listen(model, speech_like, lengths, effort.listen_rounds, peers)


def _training(model: Model, effort: Effort, peers: str) -> Found:
    from kws.bench_training import bench_training

    return bench_training(effort.batch, effort.frames, effort.rounds)


BENCHMARKS: dict[str, Callable[[Model, Effort, str], Found]] = {
    "engine": bench_engine,
    "mfcc": _mfcc,
    "listen": _listen,
    "training": _training,
    "batch": bench_batch,
}


def speech_like(seconds: int, seed: int = 0) -> npt.NDArray[np.int16]:
    """Return syllables of a voice that glides, with pauses and a little noise: int16 at 16 kHz."""
    rng = np.random.default_rng(seed)
    count = seconds * SAMPLE_RATE_HZ
    time_s = np.arange(count) / SAMPLE_RATE_HZ
    syllables = np.interp(time_s, np.arange(4 * seconds + 1) / 4, rng.random(4 * seconds + 1))
    pitch_hz = 90 + 120 * np.interp(time_s, np.arange(seconds + 1), rng.random(seconds + 1))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    loudness = 6000 * np.maximum(syllables - 0.3, 0)
    return np.rint(loudness * voice + rng.normal(0, 30, count)).astype(np.int16)


def shipped_model() -> Model:
    """Return the first model of models/ of at most 1,024 bytes, or a random one of that size."""
    for path in sorted(model_file.MODELS.glob("*/*.kws")):
        if path.stat().st_size <= WAKE_WORD_BYTES:
            return model_file.load(path)
    return random_model()


def random_model() -> Model:
    """Return a model of nearly 1,024 bytes: 44 units, ranks 9 and 12, int4, random weights."""
    rng = np.random.default_rng(0)
    units, rank_w, rank_u, inputs = 44, 9, 12, 16

    def matrix(rows: int, cols: int, multiplier: int, shift: int) -> Matrix:
        weights = rng.integers(-7, 8, (rows, cols)).astype(np.int8)
        return Matrix("int4", weights, multiplier, shift)

    weights = Weights(
        input_offset=np.zeros(inputs, np.int8),
        input_scale=np.full(inputs, 64, np.uint8),
        w=(matrix(units, rank_w, 160, 4), matrix(rank_w, inputs, 160, 12)),
        u=(matrix(units, rank_u, 160, 4), matrix(rank_u, units, 160, 12)),
        bias_gate=rng.integers(-32, 32, units).astype(np.int8),
        bias_update=rng.integers(-32, 32, units).astype(np.int8),
        zeta_q8=187,
        nu_q8=5,
        classifier=matrix(1, units, 128, 5),
        bias_class=np.array([-2000], np.int16),
    )
    features, detector = FeatureConfig(n_mfcc=inputs), DetectorConfig(threshold=0.99)
    return model_file.parse(model_file.encode(features, detector, ("random",), weights))


def with_hop(model: Model, hop_length: int) -> Model:
    """Return the model with another hop: the same bytes but for that field and the checksum."""
    data = bytearray(model.data[:-4])
    data[9] = hop_length * 1000 // SAMPLE_RATE_HZ
    return model_file.parse(bytes(data) + struct.pack("<I", zlib.crc32(data)))
