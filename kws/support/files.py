"""Files that are either whole or not there: written beside their place, then renamed into it."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from kws.errors import ConfigError, KwsError
from kws.support.cache import CACHE
from kws.support.text import reason_of

_FULL = (errno.ENOSPC, errno.EDQUOT)


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path]) -> None:
    """Raise ConfigError where a file to write is one that is read, or cannot be written there.

    To be asked before long work whose result they are to hold: its end is too late.
    """
    taken = {os.path.realpath(path): path for path in inputs}
    for path in filter(None, outputs):
        if str(path) == "-":
            raise ConfigError("- would be a file of that name: give one, or /dev/stdout")
        if same := taken.get(os.path.realpath(path)):
            raise ConfigError(f"{path} would be written over {same}: choose another name for it")
        taken[os.path.realpath(path)] = path
        if os.path.isdir(path):
            raise ConfigError(f"{path} is a folder: name a file in it, {path / 'out'}{path.suffix}")
        # os.path, for it says no where Path raises: of a name too long, or behind a closed folder
        folder = next(filter(os.path.exists, Path(os.path.realpath(path)).parents))
        try:
            os.lstat(folder / path.name)  # the folders between are still to be made
        except OSError as refusal:
            if refusal.errno == errno.ENAMETOOLONG:
                raise ConfigError(unsaved(path, refusal)) from refusal
        if os.access(path, os.W_OK):  # a pipe or a device, too, in a folder that is not ours
            continue
        is_folder = os.path.isdir(folder)
        if not is_folder or not os.access(folder, os.W_OK | os.X_OK):
            trouble = "may not be written to" if is_folder else "is no folder"
            raise ConfigError(f"cannot save {path}: {folder} {trouble}; choose another place")


def check_output_folder(folder: Path) -> None:
    """Raise ConfigError where a folder is a file, or cannot be written to; it is not made yet."""
    if folder.exists() and not folder.is_dir():
        make_folder(folder, ConfigError)
    check_outputs([folder / "new"], [])


def make_folder(folder: Path, error: type[KwsError] = KwsError) -> None:
    """Make a folder where it is not there; `error` where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as refusal:
        reason = "it is a file" if folder.exists() else refusal.strerror
        raise error(f"cannot make the folder {folder} ({reason}): give another") from None


def is_pipe_or_device(path: Path | str) -> bool:
    """Tell whether something is there that is no file and no folder, and may never end."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False  # what cannot be opened says why when it is
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def unsaved(path: Path | str, refusal: OSError) -> str:
    """Say that the operating system does not let `path` be saved, why, and what helps."""
    space = "free some space or " if refusal.errno in _FULL else ""
    how = " with XDG_CACHE_HOME" if CACHE in Path(path).parents else ""
    return f"cannot save {path}: {reason_of(refusal)}; {space}choose another place{how}"


@contextlib.contextmanager
def replacing(path: Path | str, error: type[KwsError] = KwsError) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`, and rename it to `path` once the block has succeeded.

    A reader sees the old file or the whole new one, whatever happens in between; missing parent
    folders are made.  What is no regular file (a pipe, a device) is written to in place.
    Anything the operating system refuses, a full disk for one, becomes one sentence of `error`.
    """
    try:
        target = Path(os.path.realpath(path))  # through a symlink, which must survive the rename
        if is_pipe_or_device(target):
            with target.open("wb") as stream:
                yield stream
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        # Made with `open`, so that the usual rights of a new file apply.
        partial = target.with_name(f".{target.name[:40]}.{os.getpid()}.{os.urandom(4).hex()}.part")
        try:
            with partial.open("xb") as stream:
                yield stream
                stream.flush()
                # Without this a power cut could keep the rename and lose the bytes.
                os.fsync(stream.fileno())
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as refusal:
        raise error(unsaved(path, refusal)) from refusal
