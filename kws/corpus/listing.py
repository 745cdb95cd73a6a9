"""What a corpus holds: Speech Commands and folders of clips, listed with word and split."""

import codecs
import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

from kws.audio.files import find_audio, is_sound_file, tell_stray
from kws.audio.samples import Samples
from kws.corpus.decoded import read_streams
from kws.corpus.splits import SPLITS, speaker_split
from kws.errors import CorpusError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.notices import Notice, tell
from kws.support.text import count_of

UNKNOWN, SILENCE = "_unknown_", "_silence_"
BACKGROUND_NOISE = "_background_noise_"
# Each noise recording is cut in time, so that no split hears the noise of another.
_NOISE_PARTS = {"train": (0.0, 0.7), "validation": (0.7, 0.85), "testing": (0.85, 1.0)}


@dataclass(frozen=True)
class Clip:
    """One spoken word: where it is, what is said, and "train", "validation" or "testing"."""

    path: Path
    word: str
    split: str


def speech_commands(folder: Path | str) -> list[Clip]:
    """List Speech Commands (Warden 2018, arXiv:1804.03209) with its official split.

    The split is that of `validation_list.txt` and `testing_list.txt`, whatever the suffix of the
    files; a file in neither list, or without lists, goes where its speaker's hash puts it (the
    rule by which the lists were made).  Lines of a list that match no clip are counted and told.
    Sorted by word and name; folders whose name begins with `_` or `.` are left out.  What else
    lies beside the clips is counted and told.  Raises CorpusError if the folder is missing or
    holds no words.
    """
    root = Path(folder)
    if not root.is_dir():
        raise CorpusError(f"{root} is no folder: get the words with `kws download speech-commands`")
    lists = {root / f"{split}_list.txt": split for split in ("validation", "testing")}
    listed = {path: _listed_names(path) for path in lists}
    split_of = {name: lists[path] for path, names in listed.items() for name in names}
    others: Counter[str] = Counter()
    clips = [
        Clip(path, _nfc(word), split_of.get(_name(word, path)) or speaker_split(path.stem))
        for word in _word_folders(root)
        for path in _audio_in(root / word, others)
    ]
    if not clips:
        raise CorpusError(
            f"{root} holds no <word>/<clip>.wav: give the folder that holds yes/, no/ and so on, "
            "or get it with `kws download speech-commands`"
        )
    tell_stray(root, others)
    _tell_unmatched(listed, {_name(clip.word, clip.path) for clip in clips})
    return clips


def background_noise(
    folder: Path | str, split: str | None = None, *, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> list[Samples]:
    """Read the recordings of `<folder>/_background_noise_`, (samples,) int16 each; [] if none.

    With a `split` each recording gives only its own stretch of time for that split (70 % train,
    15 % validation, 15 % testing), so that training never hears the noise of a test.
    """
    noise_folder = Path(folder) / BACKGROUND_NOISE
    if not noise_folder.is_dir():
        return []
    recordings = read_streams([noise_folder], sample_rate_hz=sample_rate_hz, unread={})
    if split is None:
        return recordings
    start, stop = _NOISE_PARTS[known_split(split)]
    return [noise[int(start * len(noise)) : int(stop * len(noise))] for noise in recordings]


def classes_folder(folder: Path | str) -> list[tuple[Path, str]]:
    """List the clips of a folder laid out as `<word>/<clip>.wav`: (file, word), sorted.

    _unknown_ and _silence_ are words like others; _background_noise_ and hidden folders are left
    out.  Raises CorpusError for a missing folder, one without words, or a word without clips.
    """
    root = Path(folder)
    if not root.is_dir():
        raise CorpusError(f"{root} is no folder: give one with a folder of clips for each word")
    words = _word_folders(root, keep=(UNKNOWN, SILENCE))
    if not words:
        raise CorpusError(f"{root} holds no folders named by word: lay it out as <word>/<clip>.wav")
    return [(path, _nfc(word)) for word in words for path in find_audio(root / word)]


def _listed_names(path: Path) -> list[str]:
    """The names in a list, as `_name` has them, however a program or an editor wrote them."""
    try:
        data = path.read_bytes()
        is_wide = data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        lines = data.decode("utf-16" if is_wide else "utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as refusal:
        raise CorpusError(f"cannot read {path}: {refusal}; download it again") from None
    names = (line.strip().strip("\"'").replace("\\", "/") for line in lines)
    paths = [PurePosixPath(posixpath.normpath(name)) for name in names if name]
    return [_name(path.parent.name, path) for path in paths]  # whatever folders stand before


def _tell_unmatched(listed: Mapping[Path, Sequence[str]], names: Set[str]) -> None:
    for path, entries in listed.items():
        unmatched = [entry for entry in entries if entry not in names]
        if unmatched:
            text = (
                f"{path}: {len(unmatched)} of {count_of(len(entries), 'line')} match no clip, such "
                f"as {unmatched[0]!r}: a clip that one of them means goes by its speaker's hash"
            )
            tell(Notice("lists", text))


def _name(word: str, path: PurePath) -> str:
    """What names a clip in a list; in NFC, as macOS writes names in another form than the lists."""
    return _nfc(f"{word}/{path.stem}")


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _word_folders(root: Path, keep: Sequence[str] = ()) -> list[str]:
    return sorted(
        entry.name
        for entry in os.scandir(root)
        if entry.is_dir() and (entry.name in keep or not entry.name.startswith(("_", ".")))
    )


def _audio_in(folder: Path, others: Counter[str]) -> list[Path]:
    """The sound files right in a folder; whatever else lies there is counted by its kind."""
    # Not find_audio: one level, and an empty folder is no error here.
    names = sorted(os.listdir(folder))
    return [folder / name for name in names if is_sound_file(os.path.join(folder, name), others)]


def known_split(split: str) -> str:
    """Return `split` if it is one of SPLITS, or raise CorpusError."""
    if split not in SPLITS:
        raise CorpusError(f"there is no split {split!r}: it is one of {', '.join(SPLITS)}")
    return split
