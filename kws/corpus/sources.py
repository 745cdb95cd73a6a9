"""Where recordings come from: what training draws from, so that no source drowns the others.

A source is a folder that was given, or of synthesized speech in it the engine that spoke. Drawn by
their duration, hours of single words would leave fluent speech nothing, and the engine that made
most clips would be what a network learns.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kws.audio.files import find_audio, stated_length
from kws.audio.recording import Recording
from kws.corpus.splits import (
    NEGATIVE_SHARES,
    POSITIVE_SHARES,
    SPLITS,
    named_speaker,
    split_folders,
)
from kws.errors import AudioError, CorpusError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.settings.names import ENGINES
from kws.support.notices import Notice, tell

# Of other people's talk more is kept apart: false accepts are counted in hours of it.
FLUENT_SHARES = (0.25, 0.4)
SENTENCE_S = 1.8  # a folder whose median recording is as long holds sentences
NEAR_MISSES = "near_misses"  # a folder of that name holds what is nearly the phrase
_PROBED_FILES = 25
_ENGINES = f"({'|'.join(ENGINES)})"
# As `kws synthesize` names its clips, and data/negatives its folders.
_SPOKEN = re.compile(rf"_{_ENGINES}_(?:all|train|validation|test)_s\d+_\d{{5}}")
_TALKER = re.compile(rf"{_ENGINES}_")

Sources = dict[str, list[Path]]  # the name of each, and its files


def is_near_miss(path: Path) -> bool:
    """Whether a recording lies in a folder of near misses."""
    return NEAR_MISSES in path.parent.parts


def refuse_near_misses(positives: Iterable[Path | str]) -> None:
    """Raise CorpusError for a folder of positives that holds a folder of near misses.

    `kws train wake` puts both into one; taken together, what is nearly the phrase would be learned
    as the phrase.
    """
    for folder in map(Path, positives):
        near = next((path for path in folder.rglob(NEAR_MISSES) if path.is_dir()), None)
        if near:
            raise CorpusError(
                f"{folder} is given as the phrase, and {near} holds what is nearly the phrase: "
                f"give the folder beside it, such as {near.with_name('positives')}"
            )


def split_negatives(folders: Sequence[Path | str]) -> dict[str, list[Path]]:
    """Give the files of the folders their split; of folders with sentences more are held out.

    Tells where no folder holds sentences. Errors are those of `split_folders`.
    """
    fluent = {folder for folder in map(Path, folders) if holds_sentences(folder)}
    if folders and not fluent:
        text = (
            "the negatives hold no sentences: what fires in a day of talk is neither trained "
            "against nor counted; add data/negatives, or what `kws download wake-data` fetches"
        )
        tell(Notice("no sentences", text))
    parts: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for shares, some in (
        (FLUENT_SHARES, [folder for folder in map(Path, folders) if folder in fluent]),
        (NEGATIVE_SHARES, [folder for folder in map(Path, folders) if folder not in fluent]),
    ):
        for split, paths in split_folders(some, *shares).items():
            parts[split] += paths
    return parts


def kept_for_testing(
    positives: Sequence[Path | str], negatives: Sequence[Path | str]
) -> tuple[list[Path], list[Path]]:
    """Return the files of folders that training sets aside for testing."""
    spoken = split_folders(positives, *POSITIVE_SHARES)["testing"]
    return spoken, split_negatives(negatives)["testing"]


def holds_sentences(folder: Path) -> bool:
    """Whether the median of a folder's recordings, of some of them, is as long as a sentence."""
    paths = find_audio(folder) if folder.is_dir() else [folder]
    seconds = sorted(filter(None, map(_seconds, paths[:: max(1, len(paths) // _PROBED_FILES)])))
    return bool(seconds) and seconds[len(seconds) // 2] >= SENTENCE_S


def _seconds(path: Path) -> float:
    """The length that a file states or has; 0 where it is no sound: told when it is read."""
    frames, rate_hz = stated_length(path)
    if frames:
        return frames / rate_hz
    try:  # what ffmpeg decodes, and what tells no length
        return sum(map(len, Recording(path))) / SAMPLE_RATE_HZ
    except AudioError:
        return 0.0


def engine_of(path: Path) -> str | None:
    """Return the engine that spoke a clip of `kws synthesize` or of data/negatives, else None."""
    if found := _SPOKEN.search(path.stem):
        return found[1]
    found = _TALKER.match(path.parent.name)
    return found[1] if found else None


def spoken_by(paths: Iterable[Path], folders: Sequence[Path | str]) -> dict[str, list[str]]:
    """Return the engines that spoke a folder's files, of the folders that hold no others."""
    found: dict[str, set[str]] = defaultdict(set)
    named = by_path(folders)
    for path in paths:
        found[holder_of(path, named) or ""].add(engine_of(path) or "")
    return {folder: sorted(engines) for folder, engines in found.items() if "" not in engines}


def unnamed_speakers(paths: Iterable[Path]) -> int:
    """Count the recordings of people whose names do not say who speaks."""
    return sum(
        not (engine_of(path) or named_speaker(path) or "_nohash_" in path.stem) for path in paths
    )


def holder_of(path: Path, named: Mapping[Path, str]) -> str | None:
    """Return which of the folders holds a file, the innermost where several do; None if none.

    named: the folders, as `by_path` gives them.
    """
    return next((named[each] for each in (path, *path.parents) if each in named), None)


def by_path(folders: Iterable[Path | str]) -> dict[Path, str]:
    """Return the names of folders as they were given, by their paths."""
    return {Path(folder): str(folder) for folder in folders}


def sources_of(paths: Iterable[Path], folders: Sequence[Path | str]) -> Sources:
    """Gather files by their source: the folder of `folders` that holds them, and the engine."""
    sources: Sources = defaultdict(list)
    named = by_path(folders)
    for path in paths:
        folder = holder_of(path, named) or str(path.parent)
        engine = engine_of(path)
        sources[f"{folder} ({engine})" if engine else folder].append(path)
    return dict(sources)
