"""What an export wrote into its folder, so that the next one takes away what it no longer writes.

The file has the form of `sha256sum`: by the sum is known what a person has changed since, which is
theirs by now.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

MANIFEST = ".kws_export"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\\:]+)")


def sum_of(content: bytes) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(content).hexdigest()


class Manifest(dict[str, str]):
    """The sum of every file that was written, by its path in the folder."""

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Return what an earlier export noted; nothing where none did, or of a line that is odd."""
        file = folder / MANIFEST
        try:
            text = file.read_text(encoding="utf-8") if file.is_file() else ""
        except (OSError, UnicodeDecodeError):
            text = ""
        found = filter(None, map(_LINE.fullmatch, text.splitlines()))
        return cls({match[2]: match[1] for match in found if _is_within(match[2])})

    def is_as_written(self, folder: Path, name: str) -> bool:
        """Tell whether a file is there, and is to the byte what an export wrote."""
        file = folder / name
        if name not in self or not file.is_file():
            return False
        if not file.resolve().is_relative_to(folder.resolve()):  # through a link of a person's
            return False
        return sum_of(file.read_bytes()) == self[name]

    def text(self) -> str:
        """Return the file's text."""
        return "".join(f"{digest}  {name}\n" for name, digest in sorted(self.items()))


def noted(
    files: Mapping[str, bytes], kept: Iterable[str], before: Mapping[str, str]
) -> dict[str, bytes]:
    """Return the manifest's own file: of what is written now, and of what is kept from before."""
    sums = {name: before[name] for name in kept if name in before}
    sums |= {name: sum_of(content) for name, content in files.items()}
    return {MANIFEST: Manifest(sums).text().encode()}


def remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files, and the folders that they leave empty."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds something else
            for above in PurePosixPath(name).parents[:-1]:
                (folder / above).rmdir()


def _is_within(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts
