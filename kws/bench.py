"""The engine's speed on this machine, on one core: `python -m kws.bench [MODEL ...]`."""

import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kws import engine, model_file
from kws.errors import KwsError
from kws.frontend_spec import SAMPLE_RATE_HZ
from kws.model_file import MODELS, Model
from kws.native._engine import ffi
from kws.text import table

SIGNAL_S = 60
ROUNDS = 5


def bench(model: str | Path | Model) -> dict[str, Any]:
    """Measure a model: how many times faster than real time each stage runs, and its memory.

    Each figure is the best of five rounds over a minute of noise in bursts, in CPU time.
    """
    loaded = model_file.load(model)
    samples = _signal()
    features = engine.features(samples, loaded.features)[None]
    spotter = engine.Spotter(loaded)
    hops = [
        samples[at : at + loaded.features.hop_length]
        for at in range(0, len(samples), loaded.features.hop_length)
    ]
    return {
        "model": loaded.name,
        "model_bytes": len(loaded.data),
        "mfcc_times_real_time": _speed(lambda: engine.features(samples, loaded.features)),
        "network_times_real_time": _speed(
            lambda: engine.network_batch(loaded, features, threads=1)
        ),
        "spotter_times_real_time": _speed(lambda: spotter.process(samples)),
        "spotter_by_hop_times_real_time": _speed(lambda: [spotter.process(hop) for hop in hops]),
        "spotter_ram_bytes": int(ffi.sizeof("kws_spotter")),
        "machine": f"{platform.machine()} {platform.system()}, Python {platform.python_version()}",
    }


def _signal() -> np.ndarray:
    rng = np.random.default_rng(0)
    loudness = np.repeat(2.0 ** rng.uniform(3, 13, SIGNAL_S * 4), SAMPLE_RATE_HZ // 4)
    noise: np.ndarray = np.rint(loudness * rng.uniform(-1, 1, len(loudness))).astype(np.int16)
    return noise


def _speed(work: Callable[[], object]) -> int:
    best_s = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best_s = min(best_s, time.process_time() - start)
    return round(SIGNAL_S / max(best_s, 1e-9))


def main(arguments: list[str]) -> int:
    """Print a line per model, or with --json one document; all of models/ where none is named."""
    names = [name for name in arguments if name != "--json"]
    models: list[str | Path] = [*names] or [*sorted(MODELS.glob("*/*.kws"))]
    try:
        if not models:
            raise KwsError("There is no model under models/: name a .kws file.")
        rows = [bench(model) for model in models]
    except KwsError as error:
        print(error, file=sys.stderr)
        return 1
    if "--json" in arguments:
        print(json.dumps(rows, indent=2))
        return 0
    columns = ("mfcc", "network", "spotter", "spotter_by_hop")
    header = ("model", "bytes", *(f"{name} (x real time)" for name in columns))
    print(
        table(
            header,
            [
                (row["model"], row["model_bytes"], *(row[f"{c}_times_real_time"] for c in columns))
                for row in rows
            ],
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
