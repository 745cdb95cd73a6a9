"""The same recording in two places: a link, a copy, or another format of it."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kws.audio.files import stated_length
from kws.audio.recording import decode
from kws.errors import AudioError, CorpusError


def refuse_overlap(
    positives: Iterable[Path],
    negatives: Iterable[Path],
    said: str = "is given as a positive and as a negative",
) -> None:
    """Raise CorpusError for a recording that is a positive and a negative: a link, or a copy.

    Files are the same where their bytes are, of which only those of equal size are read; and under
    one name where their samples are, as of a WAV and of the FLAC that was made from it.
    """
    positives = list(positives)
    by_size: dict[int, list[Path]] = defaultdict(list)
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in positives:
        by_size[size_of(path)].append(path)
        by_name[path.stem].append(path)
    digests: dict[int, dict[bytes, Path]] = {}
    for path in negatives:
        size = size_of(path)
        if size == 0:  # an empty file is no recording
            continue
        if size in by_size and size not in digests:
            digests[size] = {digest_of(one): one for one in by_size[size]}
        same = digests[size].get(digest_of(path)) if size in by_size else None
        twins = (one for one in by_name.get(path.stem, ()) if _sounds_alike(one, path))
        if same := same or next(twins, None):
            which = "" if path in by_size.get(size, ()) else f" (it holds what {same} holds)"
            raise CorpusError(f"{path} {said}{which}: keep the folders apart")


def same_in(folder: Path, paths: Iterable[Path], other: Path, others: Iterable[Path]) -> list[Path]:
    """Return which files below one folder hold what the other has in the same place."""
    there = {path.relative_to(other).with_suffix(""): path for path in others}
    twins = [(path, there.get(path.relative_to(folder).with_suffix(""))) for path in paths]
    return [
        path
        for path, twin in twins
        if twin is not None and (_is_copy(path, twin) or _sounds_alike(path, twin))
    ]


def _is_copy(one: Path, other: Path) -> bool:
    size = size_of(one)
    return 0 < size == size_of(other) and digest_of(one) == digest_of(other)


def _sounds_alike(one: Path, other: Path) -> bool:
    """Tell whether two files that state one length hold the same samples.

    Of one format and size they are compared by their bytes, and not here.
    """
    if one.suffix == other.suffix and size_of(one) == size_of(other):
        return False
    length = stated_length(one)
    if not length[0] or length != stated_length(other):
        return False
    try:
        return np.array_equal(decode(one)[0], decode(other)[0])
    except AudioError:
        return False  # what cannot be read is told when it is


def size_of(path: Path) -> int:
    """The bytes of a file; 0 where it cannot be opened, which is told when it is read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def digest_of(path: Path) -> bytes:
    """What tells a file's bytes from others; of one that cannot be read, its name."""
    try:
        return hashlib.sha1(path.read_bytes()).digest()
    except OSError:
        return os.fsencode(path)  # equal to itself alone
