"""Compile what `kws export` wrote, and run it on samples: shared by the tests of exports."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

import kws
from kws.device.footprint import CHIPS
from kws.engine.model_file import Model

ROOT = Path(__file__).parents[2]
STAND_INS = ROOT / "tests" / "support" / "stand_ins"
EXPORT_TOOLS = ROOT / "build" / "export-tools" / "bin"
ESPHOME = ROOT / "build" / "esphome" / "bin"
STRICT = ("-Wall", "-Wextra", "-pedantic", "-Werror")
# Every compiler of C that may be here, as a chip's user would call it.
CROSS = {
    "cortex-m0": ("arm-none-eabi-gcc", *CHIPS[0].flags),
    "cortex-m4": ("arm-none-eabi-gcc", *CHIPS[1].flags),
    "rv32imc": ("riscv64-unknown-elf-gcc", *CHIPS[2].flags),
    "atmega2560": ("avr-gcc", "-mmcu=atmega2560"),
}


def needs(tool: str, install: str = "") -> str:
    """Return the path of a tool, or skip the test, saying what to install."""
    places = (None, EXPORT_TOOLS, ESPHOME)
    found = next((found for place in places if (found := shutil.which(tool, path=place))), None)
    if found is None:
        pytest.skip(f"{tool} is not installed: {install or f'apt-get install {tool}'}")
    return found


def run(command: Sequence[object], folder: Path, given: bytes | None = None) -> str:
    """Run a tool, and return what it prints; fail with what it says where it fails or warns."""
    words = [str(word) for word in command]
    ran = subprocess.run(words, cwd=folder, input=given, capture_output=True)
    printed, said = (stream.decode(errors="replace") for stream in (ran.stdout, ran.stderr))
    assert ran.returncode == 0 and "warning" not in said, "\n".join(
        (" ".join(words), said, printed)
    )
    return printed


def build(program: Path, sources: Iterable[object], *flags: object, compiler: str = "cc") -> Path:
    """Compile C with every warning into a program of this machine."""
    needs(compiler, "apt-get install gcc")
    run([compiler, "-std=c99", "-O1", *STRICT, *flags, *sources, "-o", program], program.parent)
    return program


def heard(model: Model | Path, samples: np.ndarray) -> list[str]:
    """Return what the examples must print: `WORD in frame N` for each detection of the library."""
    spotter = kws.Spotter(model)
    config = spotter.model.features
    lines = []
    for found in spotter.process(samples):
        frame = (found.time_s * config.sample_rate_hz - config.frame_length) / config.hop_length
        assert abs(frame - round(frame)) < 1e-6
        lines.append(f"{found.word} in frame {round(frame)}")
    return lines


def said(output: str) -> list[str]:
    """The detections among the lines that an example printed."""
    return re.findall(r"^.+ in frame \d+$", output.replace("\r", ""), flags=re.M)
