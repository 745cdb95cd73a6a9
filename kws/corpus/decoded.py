"""Decoded recordings, kept between runs: thousands of small files become one memory map.

Everything here can be made again: a cache folder may be deleted at any time. Each file is sealed
with its SHA-256, which is verified once a process; what is damaged is made again, and said.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.audio.files import find_audio, read_audio
from kws.audio.samples import Samples
from kws.errors import AudioError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support import cache as cache_room
from kws.support.notices import Notice, tell
from kws.support.progress import progress
from kws.support.sealed import content_bytes, content_of, is_whole, sealing

_LAYOUT_VERSION = 1  # part of every key: a change of decoding or layout makes old caches unused
_BLOCK_FILES = 256


def fit(samples: Samples, clip_samples: int) -> Samples:
    """Centre a recording in `clip_samples`: crop both ends, or pad both with zeros.

    samples: (n,) int16.  Returns (clip_samples,) int16.
    """
    spare = clip_samples - len(samples)
    if spare >= 0:
        return np.pad(samples, (spare // 2, spare - spare // 2))
    return samples[-spare // 2 :][:clip_samples]


def read_clips(
    paths: Sequence[Path],
    clip_samples: int,
    cache: Path | None = None,
    *,
    spare_rows: int = 0,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> Samples:
    """Decode files to one array, a row each, centred in `clip_samples` by `fit`.

    Returns (len(paths) + spare_rows, clip_samples) int16; the spare rows, at the end, are zeros
    for the caller to fill.  With a `cache` folder the array is a memory map that the next call
    opens at once, as long as no file changed name, size or time; what is written to it stays in
    this process.  Raises AudioError naming a file that cannot be read, or the cache if it cannot
    be saved.
    """
    shape = (len(paths) + spare_rows, clip_samples)
    decoded = _decoded(paths, lambda path: fit(read_audio(path, sample_rate_hz), clip_samples))
    if cache is None:
        rows = np.zeros(shape, np.int16)
        for index, row in enumerate(decoded):
            rows[index] = row
        return rows
    entry = Path(cache) / f"clips-{key_of(paths, *shape, *_other_rate(sample_rate_hz))}.npy"
    kept = _open_clips(entry, shape)
    if kept is None:
        _prepare(entry)
        with sealing(entry, AudioError) as file:
            header = {"descr": "<i2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            # Plain writes: a full disk is then an error and not, as in a memory map, a SIGBUS.
            for row in decoded:
                file.write(row.astype("<i2", copy=False).data)
            end = file.tell() + 2 * spare_rows * clip_samples
            file.truncate(end)
            file.seek(end)
        kept = _open_clips(entry, shape)
    if kept is None:
        raise AudioError(f"cannot read back the cache {entry}: delete it, or use another folder")
    return kept


def read_streams(
    sources: Sequence[Path], cache: Path | None = None, *, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> list[Samples]:
    """Decode whole recordings at `sample_rate_hz`, each with its own length.

    sources: folders (all sound files below them, sorted) or files, in the order given.  Returns
    one (samples,) int16 a file; with a `cache` folder they are read-only parts of a memory map.
    Raises CorpusError for a folder without sound files, AudioError as `read_clips` does.
    """
    paths = [path for source in sources for path in _files_of(Path(source))]
    decoded = _decoded(paths, lambda path: read_audio(path, sample_rate_hz))
    if cache is None or not paths:
        return list(decoded)
    entry = Path(cache) / f"streams-{key_of(paths, *_other_rate(sample_rate_hz))}.pcm"
    lengths_entry = entry.with_suffix(".npy")
    kept = _open_streams(entry, lengths_entry, len(paths))
    if kept is None:
        lengths: list[int] = []
        _prepare(entry)
        with sealing(entry, AudioError) as file:
            for samples in decoded:
                file.write(samples.astype("<i2", copy=False).data)
                lengths.append(len(samples))
        with sealing(lengths_entry, AudioError) as file:
            np.save(file, np.asarray(lengths, np.int64))
        kept = _open_streams(entry, lengths_entry, len(paths))
    if kept is None:
        raise AudioError(f"cannot read back the cache {entry}: delete it, or use another folder")
    return kept


def _files_of(source: Path) -> list[Path]:
    return [source] if source.is_file() else find_audio(source)


def _decoded(paths: Sequence[Path], read: Callable[[Path], Samples]) -> Iterator[Samples]:
    """Yield read(path) in order, decoded by all cores (libsndfile works without the GIL)."""
    # One at a time from each core: more threads than cores is slower, they fight for the GIL.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        # In blocks, so that an error or Ctrl-C waits for one block and not for every file.
        blocks = (paths[at : at + _BLOCK_FILES] for at in range(0, len(paths), _BLOCK_FILES))
        decoded = (samples for block in blocks for samples in pool.map(read, block))
        yield from progress(decoded, label="decoding recordings", total=len(paths), unit="files")


def _other_rate(sample_rate_hz: int) -> tuple[int, ...]:
    """What a rate adds to a key: nothing for 16 kHz, which was once the only one."""
    return () if sample_rate_hz == SAMPLE_RATE_HZ else (sample_rate_hz,)


def key_of(paths: Sequence[Path], *layout: int) -> str:
    """Name the content of these files: changes with any name, order, size or time."""
    digest = hashlib.sha256(repr((_LAYOUT_VERSION, layout)).encode())
    for path in paths:
        try:
            status = os.stat(path)
        except OSError as refusal:
            reason = (refusal.strerror or str(refusal)).lower()
            raise AudioError(f"cannot open {path}: {reason}; check the name") from None
        named = os.fsencode(os.path.abspath(path))
        digest.update(b"%s\0%d %d\n" % (named, status.st_size, status.st_mtime_ns))
    return digest.hexdigest()[:24]


def _prepare(entry: Path) -> None:
    """Make room for an entry that is not there, or say that it is damaged."""
    if entry.exists():
        tell(Notice("damaged", f"{entry} is damaged: its recordings are decoded again"))
    cache_room.make_room(entry.parent)


def _open_clips(entry: Path, shape: tuple[int, int]) -> Samples | None:
    """Map the cached rows, private to this process; None if there are none or they are damaged."""
    if not is_whole(entry):
        return None
    cache_room.used(entry)
    rows: Samples = np.load(entry, mmap_mode="c")
    return rows if rows.dtype == np.int16 and rows.shape == shape else None


def _open_streams(entry: Path, lengths_entry: Path, count: int) -> list[Samples] | None:
    stored = content_of(lengths_entry)
    if stored is None or not is_whole(entry):
        return None
    for file in (entry, lengths_entry):
        cache_room.used(file)
    lengths: npt.NDArray[Any] = np.load(io.BytesIO(stored))
    flat: Samples = np.memmap(entry, "<i2", mode="r", shape=content_bytes(entry) // 2)
    if lengths.dtype != np.int64 or lengths.shape != (count,) or lengths.sum() != len(flat):
        return None
    # Plain arrays on the map: slicing memmap objects themselves is slow and they pickle badly.
    return np.split(np.asarray(flat), np.cumsum(lengths)[:-1])
