"""Files that end with their own SHA-256: what a disk or a kill has changed is not read as if whole.

The seal stands behind the content, where .npy, raw samples and torch's archives leave it alone; so
content and seal are one file, which `replacing` puts in place at once.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from kws.errors import KwsError
from kws.support.files import replacing

_MARK = b"\nkws sha256\n"
SEAL_BYTES = len(_MARK) + hashlib.sha256().digest_size
_BLOCK_BYTES = 1 << 20
# What this process has verified: a file is hashed once, unless its size or times changed.
_verified: dict[Path, tuple[int, int, int]] = {}


@contextlib.contextmanager
def sealing(path: Path, error: type[KwsError] = KwsError) -> Iterator[BinaryIO]:
    """Open a file as `replacing` does, and seal what the block wrote."""
    with replacing(path, error) as file:
        yield file
        file.flush()
        seal = _MARK + _digest(Path(file.name))
        file.seek(0, os.SEEK_END)
        file.write(seal)


def is_whole(path: Path) -> bool:
    """Whether the file is there and its content is what was sealed; hashes it once a process."""
    try:
        found = path.stat()
        identity = found.st_size, found.st_mtime_ns, found.st_ino
        if _verified.get(path) == identity:
            return True
        if found.st_size < SEAL_BYTES:
            return False
        with path.open("rb") as file:
            file.seek(-SEAL_BYTES, os.SEEK_END)
            seal = file.read()
        if not seal.startswith(_MARK):
            return False
        if seal != _MARK + _digest(path, found.st_size - SEAL_BYTES):
            return False
    except OSError:
        return False
    _verified[path] = identity
    return True


def content_bytes(path: Path) -> int:
    """Return the size of a sealed file's content."""
    return path.stat().st_size - SEAL_BYTES


def content_of(path: Path) -> bytes | None:
    """Return the content of a sealed file; None where it is not there, or not whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    content, seal = data[:-SEAL_BYTES], data[-SEAL_BYTES:]
    return content if seal == _MARK + hashlib.sha256(content).digest() else None


def _digest(path: Path, size: int | None = None) -> bytes:
    """Hash a file's first `size` bytes, or all of them."""
    digest = hashlib.sha256()
    left = path.stat().st_size if size is None else size
    with path.open("rb") as file:
        while left and (block := file.read(min(left, _BLOCK_BYTES))):
            digest.update(block)
            left -= len(block)
    return digest.digest()
