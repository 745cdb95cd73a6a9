"""Files that are either whole or not there: written beside their place, then renamed into it."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from kws.errors import ConfigError, KwsError


def refuse_overwriting(outputs: Iterable[Path | None], inputs: Iterable[Path]) -> None:
    """Raise ConfigError where a file to write is one that is read, or is to be written twice."""
    taken = {os.path.realpath(path): path for path in inputs}
    for path in filter(None, outputs):
        if same := taken.get(os.path.realpath(path)):
            raise ConfigError(f"{path} would be written over {same}: choose another name for it")
        taken[os.path.realpath(path)] = path


@contextlib.contextmanager
def replacing(path: Path | str, error: type[KwsError] = KwsError) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`, and rename it to `path` once the block has succeeded.

    A reader sees the old file or the whole new one, whatever happens in between; missing parent
    folders are made.  What is no regular file (a pipe, a device) is written to in place.
    Anything the operating system refuses, a full disk for one, becomes one sentence of `error`.
    """
    try:
        target = Path(os.path.realpath(path))  # through a symlink, which must survive the rename
        if target.exists() and not target.is_file() and not target.is_dir():
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
        reason = (refusal.strerror or str(refusal)).lower()
        raise error(
            f"cannot save {path}: {reason}; free some space or choose another place"
        ) from refusal
