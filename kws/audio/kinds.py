"""What kind of sound file some bytes open: known by their content, whatever their name says."""

import os
from pathlib import Path

# Magic bytes at the start, and what people call such a file.
_MAGIC = (
    (b"RIFF", "WAV"),
    (b"RIFX", "WAV"),
    (b"RF64", "WAV"),
    (b"BW64", "WAV"),
    (b"riff\x2e\x91\xcf\x11", "W64"),
    (b"OggS", "Ogg"),
    (b"fLaC", "FLAC"),
    (b"FORM", "AIFF"),
    (b".snd", "AU"),
    (b"caff", "CAF"),
    (b"ID3", "MP3"),
    (b"#!AMR", "AMR"),
    (b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
    (b"NIST_1A", "NIST Sphere"),
    (b"Creative Voice File", "VOC"),
    (b"wvpk", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
    (b"TTA1", "TTA"),
    *((bytes((0x64, 0xA3, machine, 0)), "IRCAM") for machine in (1, 2, 3, 4)),
    *((bytes((0, machine, 0xA3, 0x64)), "IRCAM") for machine in (1, 2, 3, 4)),
    (b" paf", "PAF"),
    (b"fap ", "PAF"),
    (b"MATLAB 5.0 MAT-file", "MATLAB"),
)
_ARCHIVES = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"PK\x03\x04", "ZIP"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
)
_BY_FFMPEG = frozenset(
    {"M4A", "AAC", "AMR", "WMA", "WebM or Matroska", "WavPack", "Monkey's Audio"}
    | {"TTA", "AC3", "MPEG-TS"}
)
OGG_CHAIN = "a chain of Ogg recordings"  # of which libsndfile hears the first alone
_TEXT_BYTES = 40
_AC3 = b"\x0b\x77"
_AC3_BYTES = (128, 3842)  # the shortest frame, and the sync word behind the longest
_TS, _TS_BYTES = b"G@", 188
LONGEST_HEAD = 8192  # two frames of MPEG sound, and their headers

_LOW_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MP3_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP2_KBPS = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_MP3_HZ = (44_100, 48_000, 32_000)


def sound_kind(head: bytes) -> str | None:
    """Name the kind of sound file that opens with these bytes; None for anything else.

    head: the first bytes, up to LONGEST_HEAD. MP3 (MP2 too), AAC, AC3 and MPEG-TS have no magic but
    a frame header of two bytes, which raw samples hold by chance: they count where a second frame
    follows.
    """
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return "M4A"
    for length_of, kind in ((mpeg_frame_bytes, "MP3"), (_adts_frame_bytes, "AAC")):
        length = length_of(head)
        if length and length_of(head[length:]):
            return kind
    if head.startswith(_AC3) and _AC3 in head[slice(*_AC3_BYTES)]:
        return "AC3"
    if head.startswith(_TS) and head[_TS_BYTES : 3 * _TS_BYTES : _TS_BYTES] == b"GG":
        return "MPEG-TS"
    return None


def archive_kind(head: bytes) -> str | None:
    """Name the kind of archive that opens with these bytes; None for anything else."""
    return next((kind for magic, kind in _ARCHIVES if head.startswith(magic)), None)


def is_text(head: bytes) -> bool:
    """Tell whether these first bytes are plain text: of samples by chance one time in a milliard.

    Samples of printable bytes alone are all above 8,000, and nearly two thirds of those are not.
    """
    shown = head[:_TEXT_BYTES]
    return len(shown) == _TEXT_BYTES and all(
        32 <= byte < 127 or byte in b"\t\r\n" for byte in shown
    )


def may_be_frames(head: bytes) -> bool:
    """Tell whether these first bytes could open a frame of sound: more are then needed."""
    is_mpeg = len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    return is_mpeg or head.startswith((_AC3, _TS))


def needs_ffmpeg(kind: str | None) -> bool:
    """Tell whether a kind is one that libsndfile does not decode."""
    return kind in _BY_FFMPEG or kind == OGG_CHAIN


def id3_bytes(head: bytes) -> int:
    """The length of the ID3v2 tag that these ten bytes open, 0 where they open none."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    return 10 + sum((byte & 127) << 7 * (3 - index) for index, byte in enumerate(head[6:10]))


def mpeg_frame_bytes(header: bytes) -> int:
    """The length of the MP3 or MP2 frame that these bytes open, 0 where they open none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 not in (0xE2, 0xE4):
        return 0
    is_mp3 = header[1] & 6 == 2
    version, rate, kbps = header[1] >> 3 & 3, header[2] >> 2 & 3, header[2] >> 4
    if version == 1 or rate == 3 or kbps in (0, 15):
        return 0
    first = version == 3
    hz = _MP3_HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    table = (_MP3_KBPS if is_mp3 else _MP2_KBPS) if first else _LOW_KBPS
    frame_bits = 72 if is_mp3 and not first else 144
    return frame_bits * table[kbps] * 1000 // hz + (header[2] >> 1 & 1)


def _adts_frame_bytes(header: bytes) -> int:
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    if header[2] >> 2 & 15 > 12:  # no such sample rate
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def is_raw_name(path: Path | str) -> bool:
    """Tell whether soundfile takes a file for samples without a header, by its name alone."""
    return os.path.splitext(path)[1].lower() == ".raw"
