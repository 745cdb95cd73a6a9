"""Headers of sound files that lie about the length: what they say, and what is there.

A program that writes into a pipe cannot go back to fill in the sizes, and some recorders fill them
in wrongly, by the bytes of the header most of all. The samples are all there then.
"""

import io
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

UNKNOWN_BYTES = 0x7FFF_0000  # a size from here on says "unknown", as pipes write it, and so does 0
SLACK_BYTES = 1024  # a size that counts the header in is wrong by no more than this


@dataclass(frozen=True)
class Length:
    """What a header says about the data and what the file holds, in bytes.

    patches: bytes to put over the file's own, at their offsets, so that all its data is read.
    """

    said: int
    there: int
    cut_short: bool = False
    is_wrong: bool = False
    patches: dict[int, bytes] = field(default_factory=dict)

    @property
    def finding(self) -> str:
        """What is wrong with the header, in half a sentence; empty where nothing is."""
        if self.cut_short or not self.is_wrong:
            return ""
        if self.said <= 0 or self.said >= UNKNOWN_BYTES:
            return "its header does not say how long it is"
        return f"its header says {self.said} bytes of sound, and {self.there} are there"


class Patched(io.RawIOBase):
    """A file with some of its bytes replaced, for a decoder that believes every header."""

    def __init__(self, path: Path | str, patches: dict[int, bytes]) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 (closed by `close`)
        self._patches = patches

    def readable(self) -> bool:
        """Tell that it can be read, as `io` asks."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be moved in, as `io` asks."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move in the file; patches keep their places."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if not self.closed:
            self._file.close()
        super().close()

    def readinto(self, buffer: object) -> int:
        """Read into a buffer, as a raw file does."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        start = self._file.tell()
        size = self._file.readinto(view)
        for offset, patch in self._patches.items():
            for index, byte in enumerate(patch, offset - start):
                if 0 <= index < size:
                    view[index] = byte
        return size


def read_length(path: Path | str) -> Length | None:
    """Compare what a WAV, RF64 or CAF header says with the file; None for every other format."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
            return _wav_length(file, size, head[:4] != b"RIFF")
        if head[:4] == b"caff":
            return _caf_length(file, size)
    return None


@dataclass(frozen=True)
class _WavData:
    """The data chunk of a WAV file, and what the chunks before it say about it.

    block: bytes of a sample of every channel. ds64_at: where 64-bit sizes are, 0 without them.
    """

    start: int
    said: int
    block: int
    ds64_at: int


def _wav_data(file: BinaryIO, is_64: bool) -> _WavData | None:
    block, said_64, ds64_at, at = 1, 0, 0, 12
    while True:
        file.seek(at)
        chunk = file.read(8)
        if len(chunk) < 8:
            return None
        name, said = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if name == b"data":
            break
        if name == b"fmt ":
            block = max(1, struct.unpack("<H", file.read(14)[12:].ljust(2, b"\0"))[0])
        elif name == b"ds64" and is_64:
            ds64_at = at + 8
            said_64 = struct.unpack("<Q", file.read(16)[8:].ljust(8, b"\0"))[0]
        at += 8 + said + said % 2
    if ds64_at and said == 0xFFFF_FFFF:
        said = said_64
    return _WavData(at + 8, said, block, ds64_at)


def _wav_length(file: BinaryIO, size: int, is_64: bool) -> Length | None:
    data = _wav_data(file, is_64)
    if data is None:
        return None
    start, said, block = data.start, data.said, data.block
    there = (size - start) // block * block
    if said == there or (0 < said <= there and _chunks_follow(file, start + said, size)):
        return Length(said, said)
    if said == 0 and (there == 0 or _chunks_follow(file, start, size)):
        return Length(0, 0)
    is_unknown = said == 0 or said >= UNKNOWN_BYTES
    slack = max(block - 1, min(start + 8, SLACK_BYTES))
    if said - there > slack and not is_unknown:
        return Length(said, there, cut_short=True)
    if data.ds64_at:
        counts = struct.pack("<QQ", size - 8, there)
        sizes = {4: b"\xff" * 4, data.ds64_at: counts, start - 4: b"\xff" * 4}
        return Length(said, there, is_wrong=True, patches=sizes)
    if size > 0xFFFF_FFFF:
        # 32 bits cannot say it; libsndfile reads to the end.
        return Length(said, there, is_wrong=True)
    sizes = {4: struct.pack("<I", size - 8), start - 4: struct.pack("<I", there)}
    return Length(said, there, is_wrong=True, patches=sizes)


def _chunks_follow(file: BinaryIO, at: int, size: int) -> bool:
    """Tell whether whole chunks, or a tag of another format, fill the file from here on."""
    file.seek(at)
    if file.read(8)[:3] in (b"TAG", b"ID3", b"APE"):
        return True
    at += at % 2
    while size - at >= 8:
        file.seek(at)
        chunk = file.read(8)
        if not (chunk[:4].isascii() and chunk[:4].decode("ascii").isprintable()):
            return False
        length = struct.unpack("<I", chunk[4:])[0]
        at += 8 + length + length % 2
    return abs(at - size) <= 1


def _caf_length(file: BinaryIO, size: int) -> Length | None:
    at = 8
    while True:
        file.seek(at)
        chunk = file.read(12)
        if len(chunk) < 12:
            return None
        said = struct.unpack(">q", chunk[4:])[0]
        if chunk[:4] == b"data":
            break
        if said < 0:
            return None
        at += 12 + said
    there = size - at - 12
    if said == -1:
        return Length(0, there, is_wrong=True, patches={at + 4: struct.pack(">q", there)})
    return Length(said, min(said, there), cut_short=said > there)
