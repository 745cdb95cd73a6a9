"""A board behind a pseudo-terminal."""

import os
import subprocess
import tty
from pathlib import Path

import numpy as np
import pytest
from host_board import build


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("host") / "app")


@pytest.fixture
def board(program, tmp_path):
    """Start a board; gives the name of its port. What `sound` it hears begins with its start."""
    running, files = [], []

    def start(sound: np.ndarray, models: list[Path], program: Path = program) -> str:
        (tmp_path / "sound.raw").write_bytes(sound.astype("<i2").tobytes())
        ours, theirs = os.openpty()
        files.extend([ours, theirs])
        tty.setraw(theirs)
        command = [program, tmp_path / "sound.raw", tmp_path / "settings", *models]
        running.append(subprocess.Popen(command, stdin=ours, stdout=ours, stderr=subprocess.PIPE))
        return os.ttyname(theirs)

    yield start
    for process in running:
        process.kill()
        process.communicate()
    for file in files:
        os.close(file)
