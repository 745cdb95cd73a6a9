"""A model of two words, and a recording of both."""

from pathlib import Path

import numpy as np
import pytest
from loudness_models import noise, two_words

from kws.audio.files import write_audio


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "two.kws"
    path.write_bytes(two_words())
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Six seconds: "low" at 1.5 s and "high" at 4 s."""
    parts = [noise(1.5, 16), noise(1, 3000, colour="low"), noise(1.5, 16, 1)]
    samples = np.concatenate([*parts, noise(1, 3000, colour="high"), noise(1, 16, 2)])
    write_audio(tmp_path / "a.wav", samples)
    return tmp_path / "a.wav"
