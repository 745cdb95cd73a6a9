"""Decoded recordings, kept between runs: thousands of small files become one memory map.

Everything here can be made again: a cache folder may be deleted at any time. Each file is sealed
with its SHA-256, which is verified once a process; what is damaged is made again, and said.
"""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from kws.audio.files import recordings_of
from kws.audio.recording import decode
from kws.audio.samples import Samples
from kws.audio.word import crop_to_word
from kws.errors import AudioError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support import cache as cache_room
from kws.support.notices import LEFT_OUT, Notice, gathered, tell
from kws.support.progress import progress
from kws.support.sealed import content_bytes, content_of, is_whole, sealing

_LAYOUT_VERSION = 2  # part of every key: a change of decoding or layout makes old caches unused
_BLOCK_FILES = 256


class _Decoded(NamedTuple):
    """A file's samples, or why there are none; and what a person should know of it."""

    samples: Samples | None
    reason: str
    notices: list[Notice]


@gathered()
def read_clips(
    paths: Sequence[Path],
    clip_samples: int,
    cache: Path | None = None,
    *,
    spare_rows: int = 0,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    unread: dict[Path, str] | None = None,
) -> Samples:
    """Decode files to one array, a row each, fitted into `clip_samples` by `crop_to_word`.

    Returns (len(paths) + spare_rows, clip_samples) int16; the spare rows, at the end, are zeros
    for the caller to fill.  With a `cache` folder the array is a memory map that the next call
    opens at once, and tells what was told before, as long as no file changed name, size or time;
    what is written to it stays in this process.

    Raises AudioError naming a file that cannot be read, or the cache if it cannot be saved. With
    an `unread` to put such files and the reasons into, they are told, have no row, and only all
    of them raise.
    """
    rate = _other_rate(sample_rate_hz)
    decoded = _decoded(
        paths,
        lambda samples: crop_to_word(samples, clip_samples, sample_rate_hz),
        sample_rate_hz,
        found := _Found(paths, unread),
    )
    if cache is None:
        kept_rows = list(decoded)
        rows = np.zeros((len(kept_rows) + spare_rows, clip_samples), np.int16)
        for index, row in enumerate(kept_rows):
            rows[index] = row
        return rows
    shape = len(paths) + spare_rows, clip_samples
    entry = Path(cache) / f"clips-{key_of(paths, *shape, *rate)}.npy"
    kept = _open_clips(entry, shape, found)
    if kept is None:
        _prepare(entry)
        with sealing(entry, AudioError) as file:
            _clips_header(file, shape)
            # Plain writes: a full disk is then an error and not, as in a memory map, a SIGBUS.
            for row in decoded:
                file.write(row.astype("<i2", copy=False).data)
            file.truncate(file.tell() + 2 * spare_rows * clip_samples)
            file.seek(0)
            _clips_header(file, (shape[0] - len(found.unread), clip_samples))
            found.save(entry)
        kept = _open_clips(entry, shape, found)
    if kept is None:
        raise AudioError(f"cannot read back the cache {entry}: delete it, or use another folder")
    return kept


@gathered()
def read_streams(
    sources: Sequence[Path],
    cache: Path | None = None,
    *,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    unread: dict[Path, str] | None = None,
) -> list[Samples]:
    """Decode whole recordings at `sample_rate_hz`, each with its own length.

    sources: folders (all sound files below them, sorted) or files, in the order given.  Returns
    one (samples,) int16 a file; with a `cache` folder they are read-only parts of a memory map.
    Raises CorpusError for a folder without sound files, AudioError as `read_clips` does, and with
    `unread` leaves out what it does.
    """
    paths = [path for source in sources for path in recordings_of(source)]
    found = _Found(paths, unread)
    decoded = _decoded(paths, lambda samples: samples, sample_rate_hz, found)
    if cache is None or not paths:
        return list(decoded)
    entry = Path(cache) / f"streams-{key_of(paths, *_other_rate(sample_rate_hz))}.pcm"
    lengths_entry = entry.with_suffix(".npy")
    kept = _open_streams(entry, lengths_entry, found)
    if kept is None:
        lengths: list[int] = []
        _prepare(entry)
        with sealing(entry, AudioError) as file:
            for samples in decoded:
                file.write(samples.astype("<i2", copy=False).data)
                lengths.append(len(samples))
            found.save(entry)
        with sealing(lengths_entry, AudioError) as file:
            np.save(file, np.asarray(lengths, np.int64))
        kept = _open_streams(entry, lengths_entry, found)
    if kept is None:
        raise AudioError(f"cannot read back the cache {entry}: delete it, or use another folder")
    return kept


class _Found:
    """What decoding found: files that cannot be read, and notices; kept beside a cache entry."""

    def __init__(self, paths: Sequence[Path], unread: dict[Path, str] | None) -> None:
        self._paths, self._asked = paths, unread
        self.unread: dict[int, str] = {}
        self._notices: dict[Notice, None] = {}  # a set that keeps their order
        self.count = len(paths)

    def add(self, index: int, decoded: _Decoded) -> None:
        """Take in what one file gave, and tell it; AudioError where it has to be readable."""
        for notice in decoded.notices:
            self._tell(notice)
        if decoded.samples is None:
            if self._asked is None:
                raise AudioError(decoded.reason)
            self._leave_out(index, decoded.reason)
            if len(self.unread) == len(self._paths):
                raise AudioError(
                    f"none of the {len(self._paths)} recordings can be read: {self.unread[0]}"
                )

    def save(self, entry: Path) -> None:
        """Write it beside a cache entry; nothing where nothing was found."""
        note = entry.with_suffix(".json")
        note.unlink(missing_ok=True)
        if self.unread or self._notices:
            with sealing(note, AudioError) as file:
                document = {"unread": list(self.unread.items()), "notices": list(self._notices)}
                file.write(json.dumps(document).encode())

    def load(self, entry: Path) -> int | None:
        """Tell what was found before; return how many files were unread, None where damaged."""
        note = entry.with_suffix(".json")
        if not note.exists():
            return len(self.unread)
        content = content_of(note)
        if content is None:
            return None
        cache_room.used(note)
        document = json.loads(content)
        unread = {int(index): str(reason) for index, reason in document["unread"]}
        if unread and self._asked is None:
            raise AudioError(next(iter(unread.values())))
        for kind, text in document["notices"]:
            self._tell(Notice(kind, text))
        for index, reason in unread.items():
            self._leave_out(index, reason)
        return len(unread)

    def _tell(self, notice: Notice) -> None:
        if notice not in self._notices:
            self._notices[notice] = None
            tell(notice)

    def _leave_out(self, index: int, reason: str) -> None:
        if index not in self.unread and self._asked is not None:
            self.unread[index] = self._asked[self._paths[index]] = reason
            tell(Notice(LEFT_OUT, reason))


def _decoded(
    paths: Sequence[Path],
    shaped: Callable[[Samples], Samples],
    sample_rate_hz: int,
    found: _Found,
) -> Iterator[Samples]:
    """Yield each readable file's samples in order, decoded by all cores (without the GIL)."""

    def read(path: Path) -> _Decoded:
        try:
            samples, notices = decode(path, sample_rate_hz)
        except AudioError as refusal:
            return _Decoded(None, str(refusal), [])
        return _Decoded(shaped(samples), "", notices)

    # One at a time from each core: more threads than cores is slower, they fight for the GIL.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        # In blocks, so that an error or Ctrl-C waits for one block and not for every file.
        blocks = (paths[at : at + _BLOCK_FILES] for at in range(0, len(paths), _BLOCK_FILES))
        decoded = (one for block in blocks for one in pool.map(read, block))
        counted = progress(decoded, label="decoding recordings", total=len(paths), unit="files")
        for index, one in enumerate(counted):
            found.add(index, one)
            if one.samples is not None:
                yield one.samples


def _other_rate(sample_rate_hz: int) -> tuple[int, ...]:
    """What a rate adds to a key: nothing for 16 kHz, which was once the only one."""
    return () if sample_rate_hz == SAMPLE_RATE_HZ else (sample_rate_hz,)


def key_of(paths: Sequence[Path], *layout: int) -> str:
    """Name the content of these files: changes with any name, order, size or time."""
    digest = hashlib.sha256(repr((_LAYOUT_VERSION, layout)).encode())
    for path in paths:
        named = os.fsencode(os.path.abspath(path))
        try:
            status = os.stat(path)
            digest.update(b"%s\0%d %d\n" % (named, status.st_size, status.st_mtime_ns))
        except OSError:  # whoever decodes it says why
            digest.update(b"%s\0missing\n" % named)
    return digest.hexdigest()[:24]


def _prepare(entry: Path) -> None:
    """Make room for an entry that is not there, or say that it is damaged."""
    if entry.exists():
        tell(Notice("damaged", f"{entry} is damaged: its recordings are decoded again"))
    cache_room.make_room(entry.parent)


def _clips_header(file: BinaryIO, shape: tuple[int, int]) -> None:
    """Write the header of a .npy file; its length does not depend on the number of rows."""
    header = {"descr": "<i2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _open_clips(entry: Path, shape: tuple[int, int], found: _Found) -> Samples | None:
    """Map the cached rows, private to this process; None if there are none or they are damaged."""
    if not is_whole(entry):
        return None
    cache_room.used(entry)
    rows: Samples = np.load(entry, mmap_mode="c")
    unread = found.load(entry)
    if unread is None or rows.dtype != np.int16:
        return None
    return rows if rows.shape == (shape[0] - unread, shape[1]) else None


def _open_streams(entry: Path, lengths_entry: Path, found: _Found) -> list[Samples] | None:
    stored = content_of(lengths_entry)
    if stored is None or not is_whole(entry):
        return None
    for file in (entry, lengths_entry):
        cache_room.used(file)
    lengths: npt.NDArray[Any] = np.load(io.BytesIO(stored))
    flat: Samples = np.memmap(entry, "<i2", mode="r", shape=content_bytes(entry) // 2)
    unread = found.load(entry)
    if unread is None or lengths.dtype != np.int64 or lengths.sum() != len(flat):
        return None
    if lengths.shape != (found.count - unread,):
        return None
    # Plain arrays on the map: slicing memmap objects themselves is slow and they pickle badly.
    return np.split(np.asarray(flat), np.cumsum(lengths)[:-1])
