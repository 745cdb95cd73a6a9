"""What a sound file is before it is decoded: its kind, and whether it can be opened at all."""

import os
from pathlib import Path

from kws.audio.joined import is_joined
from kws.audio.kinds import LONGEST_HEAD, OGG_CHAIN, sound_kind
from kws.errors import AudioError
from kws.support.files import is_pipe_or_device
from kws.support.text import reason_of


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
            holds_more = bool(head) and is_joined(file, kind)
    except IsADirectoryError:
        raise AudioError(f"{path} is a folder: name the recordings in it") from None
    except OSError as refusal:
        raise AudioError(
            f"cannot open {path}: {reason_of(refusal)}; check the name and its rights"
        ) from None
    if not head:
        raise AudioError(f"{os.fspath(path)} is empty (0 bytes): record it again or remove it")
    if holds_more and kind != "Ogg":
        raise AudioError(
            f"{path} holds another recording behind the first, which would not be heard: save each "
            "in a file of its own"
        )
    return OGG_CHAIN if holds_more else kind
