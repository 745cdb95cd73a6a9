"""How much a cache folder may hold, and what goes first."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path


def _folder() -> Path:
    """Return kws in XDG_CACHE_HOME, else in ~/.cache, and without a home in the temporary one."""
    place = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(place):
        return Path(place, "kws")
    try:
        return Path.home() / ".cache" / "kws"
    except RuntimeError:  # a container's user of whom nothing is known
        return Path(tempfile.gettempdir(), f"kws-cache-{getattr(os, 'getuid', int)()}")


CACHE = _folder()  # decoded clips, features, teachers; safe to delete
KEPT_BYTES = 8 * 2**30  # of everything in the folder
IN_USE_S = 3600.0  # what was used within the hour may be another training's, and stays
# What kws makes there and can make again; the rest is counted and left alone.
_OURS = (
    *("features-*", "teacher-*", "clips-*.npy", "streams-*.pcm", "streams-*.npy"),
    *("clips-*.json", "streams-*.json"),
)
_LEFTOVER = ".*.part"  # of a process that was killed while it wrote


def used(entry: Path) -> None:
    """Note that a file or folder of the cache is used now."""
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(entry)


def make_room(root: Path, keep: Path | None = None) -> None:
    """Drop what was used longest ago, once there are more than KEPT_BYTES; leftovers in any case.

    keep: an entry that is being written and stays.
    """
    now = time.time()
    for leftover in _files(root):
        if fnmatch(leftover.name, _LEFTOVER) and now - _time_of(leftover) > IN_USE_S:
            with contextlib.suppress(OSError):  # another process was quicker
                leftover.unlink()
    total = _bytes(root)
    ours = {entry for pattern in _OURS for entry in root.glob(pattern)}
    for entry in sorted(ours, key=_time_of):
        if total <= KEPT_BYTES or now - _time_of(entry) <= IN_USE_S:
            return
        if entry == keep:
            continue
        total -= _bytes(entry)
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                entry.unlink()


def _files(entry: Path) -> Iterator[Path]:
    """Yield the files of an entry; `os.walk` passes over folders that another process removes."""
    if not entry.is_dir():
        yield entry
    for folder, _, names in os.walk(entry):
        yield from (Path(folder) / name for name in names)


def _bytes(entry: Path) -> int:
    total = 0
    for file in _files(entry):
        with contextlib.suppress(OSError):
            total += file.lstat().st_size
    return total


def _time_of(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return time.time()
