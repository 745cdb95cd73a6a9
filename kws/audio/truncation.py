"""Sound files whose end is missing: most decoders play what is there and say nothing."""

import os
from pathlib import Path

import soundfile

# An mp3 header counts whole blocks and may count the encoder's delay: not a sign of missing data.
_MP3_SLACK_FRAMES = 4_096
# A program that pipes a WAV cannot know its length and writes about 2 or 4 GB, or 0.
_UNKNOWN_LENGTH_BYTES = 0x7FFF_0000


def is_cut_short(file: soundfile.SoundFile, path: Path | str, read_frames: int) -> bool:
    """Tell whether a fully read, still open `file` promises more than the `read_frames` it gave."""
    if file.format == "OGG":
        return not _ogg_is_complete(path)
    if file.format in ("WAV", "WAVEX", "RF64", "AIFF"):
        return _wav_is_cut_short(file.extra_info)
    slack_frames = _MP3_SLACK_FRAMES if file.format in ("MP3", "MPEG") else 0
    return bool(read_frames + slack_frames < file.frames)


def _wav_is_cut_short(notes: str) -> bool:
    # libsndfile mends the length without complaint and only notes it: "data : 64000 (should be N)".
    for line in notes.splitlines():
        words = line.replace(":", " ").split()
        if words[:1] == ["data"] and "(should" in words and words[1].isdigit():
            return 0 < int(words[1]) < _UNKNOWN_LENGTH_BYTES
    return False


def _ogg_is_complete(path: Path | str) -> bool:
    """Tell whether the last Ogg page is whole and flagged as the end (RFC 3533, section 6)."""
    largest_page = 27 + 255 + 255 * 255
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - largest_page))
        tail = file.read()
    start = tail.rfind(b"OggS")
    page = tail[start:]
    if start < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        return False
    size = 27 + page[26] + sum(page[27 : 27 + page[26]])
    return len(page) >= size and bool(page[5] & 4)
