"""The boards' own application on this computer: what `kws monitor` is tried on."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kws.audio.files import read_audio
from kws.device.line import BoardLine
from kws.device.protocol import Board

ROOT = Path(__file__).parents[2]
MODELS = [ROOT / f"models/{name}/{name}.kws" for name in ("hey_cortana", "athena")]


def build(built: Path, *flags: str) -> Path:
    """The host's board; flags make it another."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    folders = ("ports/host", "app", "include", "src")
    sources = [file for folder in folders for file in (ROOT / "firmware" / folder).glob("*.c")]
    include = [f"-I{ROOT / 'firmware' / folder}" for folder in folders]
    files = [str(file) for file in sources]
    command = ["gcc", "-std=c99", "-O1", *flags, *include, *files, "-o", str(built)]
    subprocess.run(command, check=True)
    return built


def speech() -> np.ndarray:
    """Six seconds with one "hey cortana", heard from 2.5 s on."""
    return read_audio(ROOT / "data/sample/stream/held_out.opus")[2 * 16_000 : 8 * 16_000]


class Deaf(BoardLine):
    """The line of a board that is told nothing."""

    def __init__(self, board: Board) -> None:
        self.board = board

    def send(self, command: str) -> None:
        pass
