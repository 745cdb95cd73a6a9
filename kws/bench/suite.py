"""The speed figures of docs/results: engine, front end, listening, serving, training, batches.

All figures of a benchmark come from interleaved rounds of one run: medians of the CPU time on one
thread (of the wall time for `batch`), and of the ratios within a round.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kws.bench import engine, listen
from kws.bench.inputs import shipped_model
from kws.bench.timing import Found, machine
from kws.engine import model_file
from kws.engine.model_file import Model
from kws.settings.checks import check
from kws.support.text import shown, table


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much to measure; the defaults take some six minutes.

    audio_s: the stream of `engine`; clips: of one second, for `mfcc` and `batch`; batch, frames:
    of a training step; listen_s: two recordings, whose difference in CPU time is the price of
    listening, and listen_slow_s the same for slow peers, in seconds; serve_s: of each stream
    of `serve`; serve_clients: how many stream at once.
    """

    rounds: int = 11
    audio_s: int = 30
    clips: int = 64
    batch: int = 128
    frames: int = 99
    listen_rounds: int = 5
    listen_s: tuple[int, int] = (60, 600)
    listen_slow_s: tuple[int, int] = (10, 40)
    serve_rounds: int = 3
    serve_s: int = 15
    serve_clients: tuple[int, ...] = (4, 50)


def _serve(model: Model, effort: Effort, peers: str) -> Found:
    try:
        from kws.bench.serve import bench_serve  # wyoming is loaded where it is measured
    except ModuleNotFoundError:
        return [], ["kws serve is not installed: pip install 'kws[serve]' includes it."]
    e = effort
    return bench_serve(model, e.serve_s, e.serve_clients, e.serve_rounds, peers)


def _training(batch: int, frames: int, rounds: int) -> Found:
    from kws.bench.parts import bench_parts  # torch is loaded where it is measured
    from kws.bench.training import bench_training

    figures, notes = bench_training(batch, frames, rounds)
    more_figures, more_notes = bench_parts(rounds)
    return [*figures, *more_figures], [*notes, *more_notes]


BENCHMARKS: dict[str, Callable[[Model, Effort, str], Found]] = {
    "engine": lambda model, e, _: engine.bench_engine(model, e.audio_s, e.rounds),
    "mfcc": lambda _, e, __: engine.bench_mfcc(e.clips, e.rounds),
    "listen": lambda model, e, peers: listen.bench_listen(
        model, e.listen_s, e.listen_slow_s, e.listen_rounds, peers
    ),
    "serve": _serve,
    "training": lambda _, e, __: _training(e.batch, e.frames, e.rounds),
    "batch": lambda model, e, _: engine.bench_batch(model, e.clips, e.rounds),
}


def run(
    only: Sequence[str] = (),
    *,
    model: str | Path | None = None,
    peers: str = "",
    effort: Effort | None = None,
) -> dict[str, Any]:
    """Measure, and return `machine`, `model`, and the figures and notes of each benchmark.

    model: what is measured, else the shipped wake word, else random weights of its size.
    peers: a Python in which other detectors are installed; "" is this one.
    ConfigError on an unknown name.
    """
    known = ", ".join(BENCHMARKS)
    for name in only:
        check(name in BENCHMARKS, f"There is no benchmark {name!r}; choose from {known}.")
    loaded = model_file.load(model) if model else shipped_model()
    benchmarks = {}
    for name in only or BENCHMARKS:
        figures, notes = BENCHMARKS[name](loaded, effort or Effort(), peers)
        benchmarks[name] = {"figures": [asdict(figure) for figure in figures], "notes": notes}
    about_model = {"name": loaded.name if loaded.path else "random", "bytes": len(loaded.data)}
    return {"machine": machine(), "model": about_model, "benchmarks": benchmarks}


def to_text(result: dict[str, Any]) -> str:
    """Return the result of `run` as a table for each benchmark, under a line on the machine."""
    about, model = dict(result["machine"]), result["model"]
    line = [f"{about.pop('processor')}, {about.pop('cores')} cores", about.pop("system")]
    line += [about.pop("compiler"), about.pop("instructions")]
    line += [f"{name} {version}" for name, version in about.items()]
    lines = [", ".join(line), f"model: {shown(model['name'])}, {model['bytes']:,} bytes"]
    for name, benchmark in result["benchmarks"].items():
        header = (name, "value", "unit", "gain", "over")
        rows = [_row(figure) for figure in benchmark["figures"]]
        lines += ["", table(header, rows), *benchmark["notes"]]
    return "\n".join(lines)


def _row(figure: dict[str, Any]) -> tuple[str, ...]:
    value, gain = figure["value"], figure["gain"]
    number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    gain_shown = "" if gain is None else f"{gain:.2f}"
    return figure["name"], number, figure["unit"], gain_shown, figure["over"]
