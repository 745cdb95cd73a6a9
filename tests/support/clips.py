"""Short clips of known content."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kws.audio.files import write_audio


def clip_of(value: int, samples: int = 400) -> np.ndarray:
    return np.full(samples, value, np.int16)


def write_clips(folder: Path, names: Iterable[str], samples: int = 400) -> list[Path]:
    """Write one clip a name, each of another content; return the paths."""
    paths = [folder / name for name in names]
    for path in paths:
        value = sum(path.name.encode()) * 7 % 30_000 + len(path.parent.name)
        write_audio(path, clip_of(value, samples))
    return paths
