"""The paper's table beside ours, as text for a terminal, as Markdown and as JSON."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from kws.errors import KwsError
from kws.studies.paper import DIFFERENCES, ENTRIES, Run, Setting
from kws.support.files import replacing
from kws.support.text import markdown_table, table
from kws.training.metrics import SPLITS

HEADER = (
    "network", "paper %", "paper KB", "validation %", "best %", "testing %", "measured in",
    "float KB", "8-bit KB", "file bytes", "parameters", "MMAC/s", "training s",
)  # fmt: skip
PUBLISHED_ON = {
    "commands10": "Google-12 (twelve classes, testing part)",
    "google12": "Google-12, testing part",
    "google30": "Google-30, testing part",
}


def results(setting: Setting, runs: Sequence[Run]) -> dict[str, Any]:
    """Return settings, a row a network (means over its seeds), and what differs from the paper."""
    rows = []
    for name, group in groupby(runs, key=lambda run: run.name):
        seeds = [_seed(run) for run in group]
        accuracy, kilobytes = setting.published[name]
        first = seeds[0]
        rows.append(
            {
                "name": name,
                "label": ENTRIES[name].label,
                "paper": {"accuracy": round(accuracy / 100, 4), "kilobytes": kilobytes},
                "validation_mean": _mean([run["validation"] for run in seeds]),
                "validation_best": max(run["validation"] for run in seeds),
                "testing_mean": _mean([run["testing"] for run in seeds]),
                "training_seconds_mean": _mean([run["training_seconds"] for run in seeds]),
                **{key: first[key] for key in SHARED if key in first},
                "seeds": seeds,
            }
        )
    return {
        "task": setting.task,
        "published_on": PUBLISHED_ON[setting.task],
        "readout": setting.readout,
        "augmented": setting.augmented,
        "epochs_scale": setting.epochs_scale,
        "rows": rows,
        "differences": list(DIFFERENCES),
    }


def _seed(run: Run) -> dict[str, Any]:
    """The figures of one training, in one row."""
    values = run.metrics.to_json()
    del values["evaluations"]
    row = {"name": run.name, "measured": run.metrics.measured, **values}
    for split in SPLITS:
        row[split] = run.metrics.accuracy(split)
        row[f"{split}_clips"] = run.metrics.evaluation(split)["clips"]
    return row


SHARED = (
    "measured", "parameters", "bytes_float32", "bytes_int8", "model_bytes", "macs_per_second",
    "epochs", "validation_clips", "testing_clips",
)  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row's cells, under HEADER; an index of a weight is a byte of the 8-bit KB."""
    kilobytes = row["paper"]["kilobytes"]
    return [
        row["label"],
        f"{100 * row['paper']['accuracy']:.2f}",
        "" if kilobytes is None else f"{kilobytes:g}",
        f"{100 * row['validation_mean']:.2f}",
        f"{100 * row['validation_best']:.2f}",
        f"{100 * row['testing_mean']:.2f}",
        "float" if row["measured"] == "float" else "integers",
        f"{row['bytes_float32'] / 1024:.1f}",
        f"{row['bytes_int8'] / 1024:.1f}",
        f"{row['model_bytes']:,}" if "model_bytes" in row else "",
        f"{row['parameters']:,}",
        f"{row['macs_per_second'] / 1e6:.2f}",
        f"{row['training_seconds_mean']:.0f}",
    ]


def notes(result: dict[str, Any]) -> list[str]:
    """Return what must be known to read the table."""
    first = result["rows"][0]
    seeds = len(first["seeds"])
    readout = {
        "last": "the last frame's, as in the paper",
        "max": "the maximum over the frames, where the paper takes the last frame's",
    }[result["readout"]]
    clips = f"{first['validation_clips']:,} clips of validation, {first['testing_clips']:,} of "
    return [
        f"Paper: {result['published_on']}. Ours: {result['task']}, {clips}testing, "
        f"{seeds} seed{'s' * (seeds != 1)}, {result['epochs_scale']:g} times the paper's epochs; "
        "the best epoch was chosen on validation.",
        f"A clip's logits are {readout}; training clips are "
        f"{'varied anew' if result['augmented'] else 'taken as they are, as in the paper'}.",
        "Integers are those of the shipped bytes, through the C engine. Training time is the wall "
        "clock's on this machine, validation included.",
        *result["differences"],
    ]


def to_text(result: dict[str, Any]) -> str:
    """Return the table for a terminal."""
    return "\n".join([table(HEADER, [cells(row) for row in result["rows"]]), "", *notes(result)])


def to_markdown(result: dict[str, Any]) -> str:
    """Return the table for a document."""
    rows = markdown_table(HEADER, [cells(row) for row in result["rows"]])
    return "\n".join([rows, "", *(f"- {note}" for note in notes(result)), ""])


def write(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write results.json and results.md, each whole or not at all."""
    written = []
    for name, text in (
        ("results.json", json.dumps(result, indent=1) + "\n"),
        ("results.md", to_markdown(result)),
    ):
        with replacing(folder / name, KwsError) as file:
            file.write(text.encode())
        written.append(folder / name)
    return written
