"""Sound files and sample arrays: anything that comes in leaves as mono int16 at 16 kHz."""

import io
import os
from collections import Counter
from pathlib import Path

import numpy.typing as npt
import soundfile

from kws.audio.recording import decode
from kws.audio.samples import Samples, to_int16
from kws.errors import AudioError, CorpusError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.files import is_pipe_or_device, replacing
from kws.support.notices import Notice, tell
from kws.support.text import reason_of

AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".w64", ".rf64"}
    | {".au", ".snd", ".caf", ".m4a", ".mp4", ".aac", ".webm", ".mka", ".wma", ".amr", ".3gp"}
)

# What describes a corpus: expected beside its sound, and not told.
_DOCUMENTS = (".md", ".csv", ".json", ".toml", "_list.txt")

_SAVED_AS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "OPUS"),
    ".opus": ("OGG", "OPUS"),
}


def read_audio(
    path: Path | str, sample_rate_hz: int = SAMPLE_RATE_HZ, *, channel: int | None = None
) -> Samples:
    """Read a whole sound file as mono int16 at `sample_rate_hz`, and tell what is odd about it.

    Formats, channels and refusals are those of `Recording`, which reads in blocks. Returns
    (samples,) int16. Raises AudioError, naming the file. What a person should know and can live
    with (a lying header, a telephone's bandwidth, channels that differ, silence) is told by
    `support.notices`.
    """
    samples, notices = decode(path, sample_rate_hz, channel=channel)
    for notice in notices:
        tell(notice)
    return samples


def stated_length(path: Path | str) -> tuple[int, int]:
    """Return the frames and the sample rate that a file states; 0, 1 where it does not.

    What cannot be opened says so when it is read, and not here.
    """
    try:
        # As bytes: a name need not be valid UTF-8, and soundfile encodes it as if it were.
        info = soundfile.info(os.fsencode(path) if os.name == "posix" else path)
    except (soundfile.SoundFileError, RuntimeError, OSError, TypeError):  # the last of .raw
        return 0, 1
    return (info.frames, info.samplerate) if info.samplerate > 0 else (0, 1)


def write_audio(
    path: Path | str, samples: npt.ArrayLike, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> None:
    """Save mono int16 samples as .wav, .flac, .ogg or .opus (Ogg Opus), whole or not at all.

    Raises AudioError for another suffix, a rate that the format cannot hold, or a full disk.
    """
    suffix = Path(path).suffix.lower()
    known = _SAVED_AS.get(suffix)
    if known is None and is_pipe_or_device(path):
        known = _SAVED_AS[".wav"]  # it has no suffix to go by
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


def check_folder(folder: Path) -> None:
    """Raise CorpusError unless a folder is there."""
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise CorpusError(f"{folder} {what}: give a folder of sound files")


def find_audio(folder: Path | str) -> list[Path]:
    """List the sound files of a folder and of all folders below it, sorted by path.

    Files are known by their suffix; hidden ones are left out (macOS puts `._name.wav` beside every
    file on a foreign disk), and so are pipes and devices.  How many files are left out, and of
    what kind, is told, and which folders may not be read.  Raises CorpusError if the folder is
    missing or holds no sound file.
    """
    root = Path(folder)
    check_folder(root)
    found: list[Path] = []
    others: Counter[str] = Counter()
    seen: set[str] = set()
    for parent, folders, names in os.walk(root, followlinks=True, onerror=_tell_closed):
        real = os.path.realpath(parent)
        if real in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = os.path.join(parent, name)
            if is_sound_file(path, others):
                found.append(Path(path))
    if not found:
        raise CorpusError(
            f"{root} holds no sound files ({', '.join(sorted(AUDIO_SUFFIXES))}): "
            "give a folder that does"
        )
    tell_stray(root, others)
    return sorted(found)


def recordings_of(source: Path | str) -> list[Path]:
    """List the sound files of a folder as `find_audio` does; a file, or a link to none, is one."""
    is_one = os.path.lexists(source) and not os.path.isdir(source)
    return [Path(source)] if is_one else find_audio(source)


def _tell_closed(refusal: OSError) -> None:
    text = f"{refusal.filename} is left out: {reason_of(refusal)}; check the rights of this folder"
    tell(Notice("closed folders", text))


def is_audio_name(name: str) -> bool:
    """Tell whether a file's name is that of a sound file, and not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES


def is_sound_file(path: str, others: Counter[str]) -> bool:
    """Tell whether what lies in a folder is a sound file; in `others` the stray are counted."""
    name = os.path.basename(path)
    if is_audio_name(name):
        if not is_pipe_or_device(path):
            return True
        others["pipe or device"] += 1
    elif not name.lower().endswith(_DOCUMENTS):
        others["folders" if os.path.isdir(path) else _kind_of_name(name)] += 1
    return False


def tell_stray(folder: Path, others: Counter[str]) -> None:
    """Tell how many files of a folder `is_sound_file` has left out, by their kind, if any."""
    if not others:
        return
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(others.items()))
    total = sum(others.values())
    what = "1 file is" if total == 1 else f"{total} files are"
    text = f"{folder}: {what} left out, by a name or kind that no sound file has ({kinds})"
    tell(Notice("stray files", text))


def _kind_of_name(name: str) -> str:
    """The kind by which a file that is no sound is counted: its suffix, or a hidden name."""
    if name.startswith("."):
        return "._*" if name.startswith("._") else name
    return os.path.splitext(name)[1].lower() or "without suffix"
