"""What kind of sound file some bytes open: known by their content, whatever their name says."""

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
)
_BY_FFMPEG = frozenset(
    {"M4A", "AAC", "AMR", "WMA", "WebM or Matroska", "WavPack", "Monkey's Audio"}
)
LONGEST_HEAD = 8192  # two frames of MPEG sound, and their headers

_MP3_KBPS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_HZ = (44_100, 48_000, 32_000)


def sound_kind(head: bytes) -> str | None:
    """Name the kind of sound file that opens with these bytes; None for anything else.

    head: the first bytes, up to LONGEST_HEAD. MP3 and AAC without a tag have no magic but a frame
    header of two bytes, which raw samples hold by chance: they count where a second frame follows.
    """
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return "M4A"
    for length_of, kind in ((mp3_frame_bytes, "MP3"), (_adts_frame_bytes, "AAC")):
        length = length_of(head)
        if length and length_of(head[length:]):
            return kind
    return None


def may_be_frames(head: bytes) -> bool:
    """Tell whether these first bytes could open an MP3 or AAC frame: more are then needed."""
    return len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0


def needs_ffmpeg(kind: str | None) -> bool:
    """Tell whether a kind is one that libsndfile does not decode."""
    return kind in _BY_FFMPEG


def mp3_frame_bytes(header: bytes) -> int:
    """The length of the MPEG layer III frame that these bytes open, 0 where they open none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, rate, kbps = header[1] >> 3 & 3, header[2] >> 2 & 3, header[2] >> 4
    if version == 1 or rate == 3 or kbps in (0, 15):
        return 0
    first = version == 3
    hz = _MP3_HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    bits = _MP3_KBPS[1 if first else 2][kbps] * 1000
    return (144 if first else 72) * bits // hz + (header[2] >> 1 & 1)


def _adts_frame_bytes(header: bytes) -> int:
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    if header[2] >> 2 & 15 > 12:  # no such sample rate
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0
