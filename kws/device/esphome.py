"""An external component of ESPHome: the engine, models as the files that they are, and examples.

ESPHome's own code generator puts the models that a device names into its program; the component's
Python checks what the device's YAML says, and its C++ feeds a microphone's samples to the engine.
"""

import json
from collections.abc import Iterator

from kws.device import footprint
from kws.device.engine_sources import amalgamation
from kws.device.identifiers import identifier
from kws.device.parts import Parts, plain
from kws.engine.model_file import Model
from kws.settings.model import log_odds_q10

COMPONENT = "components/kws/"
CHIP = next(chip for chip in footprint.CHIPS if chip.name == "RV32IMC")  # the core of a C3 or C6


def files(parts: Parts) -> Iterator[tuple[str, str | bytes]]:
    """Give the path and content of every file of the folder but its README and licence."""
    yield f"{COMPONENT}kws.h", parts.engine["kws.h"]
    yield f"{COMPONENT}kws.c", amalgamation(parts.engine)
    yield f"{COMPONENT}models.py", _table(parts.models)
    for model in parts.models:
        yield f"{COMPONENT}models/{identifier(model.name)}.kws", model.data
    yield from parts.templates("esphome", leave="README.md")


def values(parts: Parts) -> dict[str, str]:
    """Return what the README says of the models, and of their memory on an ESP32-C3 or C6."""
    taken = footprint.measure(CHIP, parts.engine["kws.h"], amalgamation(parts.engine))
    rows = (
        f"| `{identifier(model.name)}` | {plain(', '.join(model.words))} | {len(model.data):,} | "
        f"{model.features.sample_rate_hz:,} | {model.detector.threshold:.4f} |"
        for model in parts.models
    )
    unknown = "not measured, as its compiler is not installed here"
    return {
        "MODELS": "\n".join(rows),
        "RAM": f"{taken.ram:,}",
        "FLASH": f"{taken.flash:,} bytes" if taken.flash else unknown,
        "STACK": f"{taken.stack:,} bytes" if taken.stack else unknown,
    }


def _table(models: list[Model]) -> str:
    """Return models.py, by which the component knows each model's rate and threshold."""
    lines = []
    for model in models:
        entry = {
            "words": list(model.words),
            "sample_rate_hz": model.features.sample_rate_hz,
            "threshold_q10": log_odds_q10(model.detector.threshold),
        }
        lines.append(f"    {json.dumps(identifier(model.name))}: {json.dumps(entry)},\n")
    text = '"""The models of this component. Written by `kws export`; do not edit."""\n\n'
    return f"{text}MODELS = {{\n{''.join(lines)}}}\n"
