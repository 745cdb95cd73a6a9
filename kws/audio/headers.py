"""Headers of sound files that lie about the length: what they say, and what is there.

A program that writes into a pipe cannot go back to fill in the sizes, and some recorders fill them
in wrongly, by the bytes of the header most of all. The samples are all there then.
"""

import io
import math
import os
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

UNKNOWN_BYTES = 0x7FFF_0000  # a size from here on says "unknown", as pipes write it, and so does 0
_NIST_BYTES = 4096  # a header is of 1,024, and in some corpora longer
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


def go_to(file: BinaryIO, at: int) -> None:
    """Move to where a header says that something lies; to the end where the file is shorter.

    What 64 bits can name is farther than any file system reaches, and its refusal is no answer.
    """
    file.seek(min(at, file.seek(0, os.SEEK_END)))


def read_length(path: Path | str) -> Length | None:
    """Compare what a WAV, RF64, CAF or NIST header says with the file; None for other formats."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
            return _wav_length(file, size, head[:4])
        if head[:4] == b"caff":
            return _caf_length(file, size)
        if head[:7] == b"NIST_1A":
            return nist_length(head + file.read(_NIST_BYTES), size)
    return None


@dataclass(frozen=True)
class _WavData:
    """The data chunk of a WAV file, and what the chunks before it say about it.

    order: that of the bytes in a number, for `struct`. block: bytes of a sample of every channel,
    1 where they are coded in blocks of their own. ds64_at: where 64-bit sizes are, 0 without them.
    """

    order: str
    start: int
    said: int
    block: int
    ds64_at: int


def _wav_data(file: BinaryIO, magic: bytes) -> _WavData | None:
    order = ">" if magic == b"RIFX" else "<"
    block, said_64, ds64_at, at = 1, 0, 0, 12
    while True:
        file.seek(at)
        chunk = file.read(8)
        if len(chunk) < 8:
            return None
        name, said = chunk[:4], struct.unpack(f"{order}I", chunk[4:])[0]
        if name == b"data":
            break
        if name == b"fmt ":
            numbers = file.read(16).ljust(16, b"\0")
            channels, *_, align, bits = struct.unpack(f"{order}2xHIIHH", numbers)
            block = align if align and 8 * align == channels * bits else 1
        elif name == b"ds64" and magic != b"RIFF":
            ds64_at = at + 8
            said_64 = struct.unpack("<Q", file.read(16)[8:].ljust(8, b"\0"))[0]
        at += 8 + said + said % 2
    if ds64_at and said == 0xFFFF_FFFF:
        said = said_64
    return _WavData(order, at + 8, said, block, ds64_at)


def _wav_length(file: BinaryIO, size: int, magic: bytes) -> Length | None:
    data = _wav_data(file, magic)
    if data is None:
        return None
    order, start, said, block = data.order, data.start, data.said, data.block
    there = (size - start) // block * block
    if said == there or (0 < said <= there and _chunks_follow(file, start + said, size, order)):
        return Length(said, said)
    if said == 0 and (there == 0 or _chunks_follow(file, start, size, order)):
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
    number = struct.Struct(f"{order}I")
    sizes = {4: number.pack(size - 8), start - 4: number.pack(there)}
    return Length(said, there, is_wrong=True, patches=sizes)


def _chunks_follow(file: BinaryIO, at: int, size: int, order: str) -> bool:
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
        length = struct.unpack(f"{order}I", chunk[4:])[0]
        at += 8 + length + length % 2
    return abs(at - size) <= 1


def _caf_length(file: BinaryIO, size: int) -> Length | None:
    at = 8
    while True:
        go_to(file, at)
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


def nist_length(head: bytes, size: int) -> Length | None:
    """Of a NIST SPHERE file, as TIMIT has them: a header of text, then the samples."""
    text = head.partition(b"end_head")[0]
    if b",embedded-" in text:  # and packed
        return None
    fields = dict(re.findall(rb"^(\w+) -\w+ (\S+)", text, re.MULTILINE))
    names = (b"sample_count", b"channel_count", b"sample_n_bytes")
    try:
        said = math.prod(int(fields[name]) for name in names)
        there = size - int(head.split(maxsplit=2)[1])
    except (KeyError, IndexError, ValueError):
        return None
    return Length(said, there, cut_short=0 <= there < said)
