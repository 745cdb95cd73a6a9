"""What a sound file is before it is decoded: its kind, and whether it holds several recordings.

Files joined end to end, as `cat a.wav b.wav` and recorders of radio make them, open like one; most
decoders play the first alone and say nothing.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from kws.audio import ogg
from kws.audio.headers import UNKNOWN_BYTES
from kws.audio.kinds import LONGEST_HEAD, OGG_CHAIN, id3_bytes, mpeg_frame_bytes, sound_kind
from kws.errors import AudioError
from kws.support.files import is_pipe_or_device
from kws.support.text import reason_of

_MOST_CHUNKS = 10_000
_FRAMES = 3  # of MP3, one behind the other: no chance


def kind_of(path: Path | str) -> str | None:
    """Look at a file and name its kind; None for one that has no magic bytes.

    AudioError where there is none, it cannot be opened, or several recordings lie in it one behind
    the other, unless it is an Ogg file, which may be such a chain (RFC 3533): OGG_CHAIN.
    """
    if is_pipe_or_device(path):  # opening may wait for ever, and what is read is gone for a decoder
        raise AudioError(
            f"{path} is a pipe or a device: save its sound to a file first, or pipe raw samples "
            "into `kws listen MODEL -`"
        )
    try:
        with open(path, "rb") as file:
            head = file.read(LONGEST_HEAD)
            kind = sound_kind(head)
            is_joined = bool(head) and _is_joined(file, kind)
    except IsADirectoryError:
        raise AudioError(f"{path} is a folder: name the recordings in it") from None
    except OSError as refusal:
        raise AudioError(
            f"cannot open {path}: {reason_of(refusal)}; check the name and its rights"
        ) from None
    if not head:
        raise AudioError(f"{os.fspath(path)} is empty (0 bytes): record it again or remove it")
    if is_joined and kind != "Ogg":
        raise AudioError(
            f"{path} holds another recording behind the first, which would not be heard: save each "
            "in a file of its own"
        )
    return OGG_CHAIN if is_joined else kind


def _is_joined(file: BinaryIO, kind: str | None) -> bool:
    """Tell whether a second recording of its kind lies behind the first."""
    if kind == "Ogg":
        return ogg.is_chained(file)
    if kind == "MP3":
        return _is_joined_mp3(file)
    return kind == "WAV" and _is_joined_wav(file)


def _is_joined_wav(file: BinaryIO) -> bool:
    at, order = 12, "<"
    for number in range(_MOST_CHUNKS):
        file.seek(at if number else 0)
        chunk = file.read(12)
        if len(chunk) < 12:
            return False
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
