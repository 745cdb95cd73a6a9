"""Augmented copies of a training set, on disk and mapped into memory.

A copy is made once, in blocks, so that neither making nor reading it takes memory in proportion to
the corpus; runs with other seeds or networks find it again. Each file is sealed with its SHA-256,
which is verified once a process: 0.5 s of a core for 500 MB.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from kws.errors import CorpusError
from kws.support import cache
from kws.support.notices import Notice, tell
from kws.support.sealed import content_of, is_whole, sealing

LAYOUT_VERSION = 5  # part of every key: a change of features or layout makes old copies unused
FEATURES, LABELS = "features", "labels"

# Features (n, frames, n_features) int16, and labels (n,), or (n, clips) of streams.
Examples = tuple[np.ndarray, np.ndarray]
Blocks = Callable[[int], Iterator[Examples]]


def cache_key(identity: str) -> str:
    """The key of copies, or of what was made of them: of all that decides it, and of the layout."""
    return hashlib.sha256(f"{LAYOUT_VERSION}\n{identity}".encode()).hexdigest()[:24]


class FeatureStore:
    """Copies of one training set: folder/key/<index>.features.npy and .labels.npy."""

    def __init__(self, folder: Path, identity: str) -> None:
        """`identity` names everything that decides what the copies hold."""
        self._root, self.folder = folder, folder / f"features-{cache_key(identity)}"

    def __call__(self, index: int, blocks: Blocks) -> Examples:
        """Map a copy into memory; made first where it is not there, or not whole.

        CorpusError where it cannot be written (a full disk).
        """
        kept = self.open(index)
        if kept is None:
            if self._path(index, LABELS).exists():  # written last: all of it was there
                text = f"copy {index} in {self.folder} is damaged and made again"
                tell(Notice("damaged", text))
            cache.make_room(self._root, keep=self.folder)
            self._write(index, blocks(index))
            kept = self.open(index)
        if kept is None:
            raise CorpusError(
                f"cannot read back {self._path(index, FEATURES)}: delete {self.folder}"
            )
        return kept

    def open(self, index: int) -> Examples | None:
        """Map a copy into memory; None where it is not there, or not whole."""
        stored, features_path = content_of(self._path(index, LABELS)), self._path(index, FEATURES)
        if stored is None or not is_whole(features_path):
            return None
        labels = np.load(io.BytesIO(stored))
        features = np.load(features_path, mmap_mode="r")
        cache.used(self.folder)
        is_copy = features.dtype == np.int16 and features.ndim == 3
        return (features, labels) if is_copy and len(features) == len(labels) else None

    def _path(self, index: int, part: str) -> Path:
        return self.folder / f"{index:04d}.{part}.npy"

    def _write(self, index: int, blocks: Iterator[Examples]) -> None:
        """Write block by block; the labels come last, and without them there is no copy."""
        labels: list[np.ndarray] = []
        with sealing(self._path(index, FEATURES), CorpusError) as file:
            shape: tuple[int, ...] = ()
            for features, block_labels in blocks:
                if not labels:
                    shape = features.shape[1:]
                    _header(file, (0, *shape))
                # Plain writes: a full disk is then an error and not, as in a map, a SIGBUS.
                file.write(np.ascontiguousarray(features, "<i2").data)
                labels.append(block_labels)
            file.seek(0)
            rows = sum(map(len, labels))
            _header(file, (rows, *(shape or (0, 0))))
        with sealing(self._path(index, LABELS), CorpusError) as file:
            np.save(file, np.concatenate(labels) if labels else np.empty(0, np.int64))


def _header(file: object, shape: tuple[int, ...]) -> None:
    """Write the header of a .npy file; it has room for any number of rows."""
    header = {"descr": "<i2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]
