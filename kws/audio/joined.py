"""Recordings joined end to end in one file, as `cat a.wav b.wav` and recorders of radio make them.

Such a file opens like one; most decoders play the first alone and say nothing, others play the
headers between them. Where the first ends is what its own header says. Where it does not tell, as
in FLAC, the head of a second one is searched for.
"""

import mmap
import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from kws.audio import ogg
from kws.audio.headers import UNKNOWN_BYTES, go_to, nist_length
from kws.audio.kinds import LONGEST_HEAD, id3_bytes, mpeg_frame_bytes, sound_kind

_MOST_CHUNKS = 10_000
_FRAMES = 3  # of MP3, one behind the other: no chance
_MOST_PADDING = 8  # between a recording and the next
_WMA = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FLAC = b"fLaC\0\0\0\x22"  # and the length of the block that must follow


def is_joined(file: BinaryIO, kind: str | None) -> bool:
    """Tell whether a second recording of its kind lies behind the first."""
    if kind in _WHOLE:
        return _WHOLE[kind](file)
    return kind in _ENDS and _follows(file, kind, _ENDS[kind](file))


def _follows(file: BinaryIO, kind: str, end: int) -> bool:
    """Tell whether a recording of this kind opens here, or a few bytes of padding later."""
    if end <= 8:
        return False
    go_to(file, end)
    data = file.read(_MOST_PADDING + LONGEST_HEAD)
    return any(sound_kind(data[n:]) == kind for n in range(_MOST_PADDING) if not any(data[:n]))


def _is_joined_wav(file: BinaryIO) -> bool:
    at, order = 12, "<"
    for number in range(_MOST_CHUNKS):
        file.seek(at if number else 0)
        chunk = file.read(12)
        if len(chunk) < 12:
            return False
        if number == 0 and chunk[:4] in (b"RF64", b"BW64"):
            # of the chunk ds64, which comes first
            return _follows(file, "WAV", 8 + _number(file, 20, "<Q"))
        if chunk[:4] in (b"RIFF", b"RIFX") and chunk[8:] == b"WAVE":
            if number:
                return True
            order = ">" if chunk[:4] == b"RIFX" else "<"
            continue
        said = struct.unpack(f"{order}I", chunk[4:8])[0]
        if number == 0 or said >= UNKNOWN_BYTES or (chunk[:4] == b"data" and said == 0):
            return False
        at += 8 + said
        file.seek(at)
        at += said % 2 if file.read(3) != b"RIF" else 0  # some leave out the byte of padding
    return False


def _is_joined_mp3(file: BinaryIO) -> bool:
    """Tell whether frames follow where the count of bytes (Xing, Info) says that all is over."""
    file.seek(0)
    at = id3_bytes(file.read(10))
    file.seek(at)
    head = file.read(LONGEST_HEAD)
    first = next((n for n in range(len(head)) if mpeg_frame_bytes(head[n : n + 4])), len(head))
    mark = next((n for name in (b"Xing", b"Info") if 0 <= (n := head.find(name, first)) < 200), -1)
    if mark < 0 or len(head) < mark + 16:
        return False
    flags, *numbers = struct.unpack(">III", head[mark + 4 : mark + 16])
    if not flags & 2:
        return False
    end = at + first + numbers[flags & 1]
    file.seek(end)
    file.seek(end + id3_bytes(file.read(10)))
    data = file.read(LONGEST_HEAD)
    for _ in range(_FRAMES):
        length = mpeg_frame_bytes(data)
        data = data[length:]
        if not length:
            return False
    return True


def _number(file: BinaryIO, at: int, layout: str) -> int:
    """Return a number of the header, 0 where the file ends before it."""
    go_to(file, at)
    data = file.read(struct.calcsize(layout))
    return int(struct.unpack(layout, data)[0]) if len(data) == struct.calcsize(layout) else 0


def _au_end(file: BinaryIO) -> int:
    said = _number(file, 8, ">I")
    return _number(file, 4, ">I") + said if 0 < said < UNKNOWN_BYTES else 0


def _nist_end(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = nist_length(file.read(LONGEST_HEAD), size)
    return size - length.there + length.said if length else 0


def _names(file: BinaryIO, at: int, layout: str, outside: int = 0) -> Iterator[bytes]:
    """Yield the names of chunks from `at` on, whose sizes leave out so many bytes of their own."""
    size = struct.calcsize(layout)
    for _ in range(_MOST_CHUNKS):
        go_to(file, at)
        head = file.read(size)
        if len(head) < size:
            return
        one, other = struct.unpack(layout, head)
        name, said = (one, other) if isinstance(one, bytes) else (other, one)
        yield name
        if said == 1 and layout == _BOXES:  # the size is of 64 bits, and stands behind the name
            said = _number(file, at + size, ">Q")
        if said + outside < size:  # to the end of the file
            return
        at += said + outside


def _opens_again(file: BinaryIO, head: bytes) -> bool:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(head, len(head)) >= 0


def _head(file: BinaryIO, length: int) -> bytes:
    """Return how a recording opens: so many bytes, as all of its kind and rate share them."""
    file.seek(0)
    return file.read(length)


_BOXES = ">I4s"
_ENDS: dict[str, Callable[[BinaryIO], int]] = {
    "AIFF": lambda file: 8 + _number(file, 4, ">I"),
    "AU": _au_end,
    "W64": lambda file: _number(file, 16, "<Q"),
    "NIST Sphere": _nist_end,
}
_WHOLE: dict[str, Callable[[BinaryIO], bool]] = {
    "Ogg": ogg.is_chained,
    "MP3": _is_joined_mp3,
    "WAV": _is_joined_wav,
    "FLAC": lambda file: _opens_again(file, _FLAC),
    "IRCAM": lambda file: _opens_again(file, _head(file, 16)),
    "PAF": lambda file: _opens_again(file, _head(file, 16)),
    "TTA": lambda file: _opens_again(file, _head(file, 6)),
    "VOC": lambda file: _opens_again(file, _head(file, 20)),
    "M4A": lambda file: [*_names(file, 0, _BOXES)].count(b"ftyp") > 1,
    "CAF": lambda file: b"caff" in _names(file, 8, ">4sq", 12),
    "WMA": lambda file: [*_names(file, 0, "<16sQ")].count(_WMA) > 1,
}
