"""Ogg pages: decoders skip what is damaged among them, and say nothing (RFC 3533)."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_PAGE = b"OggS"
_HEAD_BYTES = 27
_CRC = slice(22, 26)
_FIRST = 2  # the flag of a stream's first page
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def is_complete(path: Path | str) -> bool:
    """Tell whether the last page of an Ogg file is whole and flagged as the end (section 6)."""
    largest_page = 27 + 255 + 255 * 255
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - largest_page))
        tail = file.read()
    start = tail.rfind(_PAGE)
    page = tail[start:]
    if start < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        return False
    size = 27 + page[26] + sum(page[27 : 27 + page[26]])
    return len(page) >= size and bool(page[5] & 4)


def is_chained(file: BinaryIO) -> bool:
    """Tell whether streams follow the first ones in an open Ogg file (section 4).

    Streams that are played at once, sound beside a picture, all begin before any goes on.
    """
    file.seek(0)
    goes_on = False
    while len(head := file.read(_HEAD_BYTES)) == _HEAD_BYTES and head[:4] == _PAGE:
        is_first = bool(head[5] & _FIRST)
        if is_first and goes_on:
            return True
        goes_on = goes_on or not is_first
        file.seek(sum(file.read(head[-1])), os.SEEK_CUR)
    return False


def is_whole(path: Path | str) -> bool:
    """Tell whether an Ogg file has every page undamaged; `is_complete` asks for the last one."""
    following: dict[bytes, int] = {}  # of each logical stream: the number of its next page
    with open(path, "rb") as file:
        for page in _pages(file):
            if page is None or int.from_bytes(page[_CRC], "little") != _checksum(page):
                return False
            serial, number = page[14:18], int.from_bytes(page[18:22], "little")
            if number != following.get(serial, number) and not page[5] & _FIRST:
                return False
            following[serial] = number + 1
    return True


def _pages(file: BinaryIO) -> Iterator[bytes | None]:
    """Yield page after page; None, and no more, where there should be one and is none.

    What no page follows ends it, too: padding, or a tag that a player has put behind.
    """
    while head := file.read(_HEAD_BYTES):
        lengths = file.read(head[-1]) if len(head) == _HEAD_BYTES else b""
        body = file.read(sum(lengths))
        if head[:4] != _PAGE or len(lengths) != head[-1] or len(body) != sum(lengths):
            if _is_page_in(head + lengths + body, file):
                yield None
            return
        yield head + lengths + body


def _is_page_in(read: bytes, file: BinaryIO) -> bool:
    """Tell whether a page begins in what was read, or in what is left of the file."""
    while _PAGE not in read:
        block = file.read(1 << 16)
        if not block:
            return False
        read = read[-3:] + block
    return True


def _checksum(page: bytes) -> int:
    """The CRC-32 of a page with zeros in its place: as zlib's, but from the highest bit down."""
    data = page[: _CRC.start] + bytes(4) + page[_CRC.stop :]
    backwards = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{backwards:032b}"[::-1], 2)
