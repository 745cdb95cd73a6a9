"""Sound files whose end is missing: most decoders play what is there and say nothing."""

import re
from pathlib import Path

import soundfile

from kws.audio.headers import SLACK_BYTES, UNKNOWN_BYTES, Length
from kws.audio.kinds import id3_bytes, mpeg_frame_bytes

# An mp3 header counts whole blocks and may count the encoder's delay: not a sign of missing data.
_MP3_SLACK_FRAMES = 4_096
UNKNOWN_FRAMES = 1 << 62  # libsndfile says about 2^63 where a FLAC does not tell its length
_NOTED = re.compile(r"^ *(?:SSND|Data Size|riff) *: (-?\d+) \(should be (\d+)\)", re.MULTILINE)
_NOTED_CUT = re.compile(r"^\W*(?:file )?seems to be (?:a )?truncated", re.MULTILINE | re.IGNORECASE)
_MP3_HEAD_BYTES = 200  # Xing, Info and VBRI lie within this of a frame's start


def is_cut_short(file: soundfile.SoundFile, path: Path | str, read_frames: int) -> bool:
    """Tell whether a fully read, still open `file` promises more than the `read_frames` it gave.

    What the header of a WAV or a similar file says of its bytes is `headers.read_length`'s and
    `noted_length`'s to compare, before anything is read.
    """
    if file.format in ("MP3", "MPEG"):
        missing = read_frames + _MP3_SLACK_FRAMES < file.frames
        return missing and not _mp3_is_complete(path)
    if file.format == "FLAC":
        return bool(read_frames < file.frames < UNKNOWN_FRAMES)
    return bool(_NOTED_CUT.search(file.extra_info))  # of a VOC


def noted_length(file: soundfile.SoundFile) -> Length | None:
    """What libsndfile has noted of the sizes in an AIFF, AU or W64 file, which it mends itself.

    A note reads "SSND : 64000 (should be 63000)".
    """
    if file.format not in ("AIFF", "AU", "W64"):
        return None
    noted = _NOTED.search(file.extra_info)
    if noted is None:
        return None
    said, there = int(noted[1]), int(noted[2])
    is_short = said - there > SLACK_BYTES and 0 < said < UNKNOWN_BYTES
    return Length(said, there, cut_short=is_short, is_wrong=True)


def _mp3_is_complete(path: Path | str) -> bool:
    """Tell whether an MP3 without a count of its frames ends with a whole one.

    Without one (the Xing, Info or VBRI header) a decoder reckons the length from the first frame,
    which is far from the truth where the bit rate varies.
    """
    data = Path(path).read_bytes()
    at = id3_bytes(data[:10])
    while at + 4 <= len(data) and not mpeg_frame_bytes(data[at : at + 4]):
        at += 1
    head = data[at : at + _MP3_HEAD_BYTES]
    if any(mark in head for mark in (b"Xing", b"Info", b"VBRI")):
        return False
    while length := mpeg_frame_bytes(data[at : at + 4]):
        if at + length > len(data):
            return False
        at += length
    return True
