"""Sound files and sample arrays: anything that comes in leaves as mono int16 at 16 kHz."""

import io
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from kws.audio.samples import Samples, _check_finite, _mono, _resample, to_int16
from kws.audio.truncation import is_cut_short
from kws.errors import AudioError, CorpusError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.files import replacing

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"})
SHORTEST_MS = 10

_SAVED_AS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "OPUS"),
    ".opus": ("OGG", "OPUS"),
}


def read_audio(path: Path | str, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Samples:
    """Read a whole sound file as mono int16 at `sample_rate_hz`.

    WAV, FLAC, Ogg Vorbis, Opus and MP3; any rate, any number of channels (averaged), 8 to 64 bits.
    Returns (samples,) int16.  Raises AudioError, naming the file, for one that is missing, not
    audio, cut short, shorter than 10 ms, or that holds NaN or infinity.
    """
    _check_file(path)
    try:
        with soundfile.SoundFile(_name(path)) as file:
            # Lossy decoders overshoot full scale and libsndfile would wrap; 24 and 32 bits would
            # be cut instead of rounded.  Only 16-bit files need no such care.
            plain = file.subtype == "PCM_16" and file.channels == 1
            samples = file.read(dtype="int16" if plain else "float32", always_2d=True)
            rate_hz = int(file.samplerate)
            cut_short = is_cut_short(file, path, len(samples))
    except (soundfile.SoundFileError, RuntimeError) as refusal:
        # libsndfile repeats the path, and words a truncated file like a text file.
        raise AudioError(
            f"cannot decode {path}: not a sound file, or a damaged one; "
            "give WAV, FLAC, Ogg, Opus or MP3, or remove it"
        ) from refusal
    if cut_short:
        raise AudioError(f"{path} is cut short: its end is missing; copy or download it again")
    if len(samples) * 1000 < SHORTEST_MS * rate_hz:
        raise AudioError(
            f"{path} holds {len(samples)} sample{'s' * (len(samples) != 1)} at {rate_hz} Hz: "
            f"at least {SHORTEST_MS} ms are needed; record it again or remove it"
        )
    try:
        if rate_hz != sample_rate_hz:
            scaled = samples / np.float32(32768) if plain else samples
            _check_finite(scaled)
            return to_int16(_resample(_mono(scaled), rate_hz, sample_rate_hz))
        return to_int16(samples)
    except AudioError as refusal:
        raise AudioError(f"{path}: {refusal}") from None


def write_audio(
    path: Path | str, samples: npt.ArrayLike, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> None:
    """Save mono int16 samples as .wav, .flac, .ogg or .opus (Ogg Opus), whole or not at all.

    Raises AudioError for another suffix, a rate that the format cannot hold, or a full disk.
    """
    suffix = Path(path).suffix.lower()
    known = _SAVED_AS.get(suffix)
    if known is None and Path(path).exists() and not Path(path).is_file():
        known = _SAVED_AS[".wav"]  # a pipe or a device has no suffix to go by
    if known is None:
        raise AudioError(f"cannot save {path}: the name must end in {', '.join(_SAVED_AS)}")
    # Encoded in memory first: libsndfile turns a full disk into an assertion.
    encoded = io.BytesIO()
    container, subtype = known
    try:
        soundfile.write(
            encoded, to_int16(samples), sample_rate_hz, format=container, subtype=subtype
        )
    except (soundfile.SoundFileError, ValueError) as refusal:
        raise AudioError(
            f"cannot save {path} as {subtype} at {sample_rate_hz} Hz: give 16000 Hz or a .wav name"
        ) from refusal
    with replacing(path, AudioError) as file:
        file.write(encoded.getbuffer())


def find_audio(folder: Path | str) -> list[Path]:
    """List the sound files of a folder and of all folders below it, sorted by path.

    Files are known by their suffix; hidden ones are left out (macOS puts `._name.wav` beside every
    file on a foreign disk).  Raises CorpusError if the folder is missing or holds no sound file.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise CorpusError(f"{root} {what}: give a folder of sound files")
    found: list[Path] = []
    seen: set[str] = set()
    for parent, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(parent, name)
            for name in names
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES
        ]
    if not found:
        raise CorpusError(
            f"{root} holds no sound files ({', '.join(sorted(AUDIO_SUFFIXES))}): "
            "give a folder that does"
        )
    return sorted(found)


def _name(path: Path | str) -> str | bytes:
    """A file's name as soundfile takes it; where names are bytes they need not be UTF-8."""
    return os.fsencode(path) if os.name == "posix" else str(path)


def _check_file(path: Path | str) -> None:
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except IsADirectoryError:
        raise AudioError(f"cannot open {path}: a folder; name the recordings in it") from None
    except OSError as refusal:
        reason = (refusal.strerror or str(refusal)).lower()
        raise AudioError(f"cannot open {path}: {reason}; check the name and its rights") from None
    if empty:
        raise AudioError(f"{path} is empty (0 bytes): record it again or remove it")
