"""A long recording made of test clips, played block by block or joined in memory."""

import dataclasses
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from kws.audio.files import recordings_of
from kws.audio.level import SpeechLevel
from kws.audio.recording import Recording
from kws.audio.samples import Samples
from kws.corpus.decoded import read_streams
from kws.corpus.overlap import refuse_overlap
from kws.errors import AudioError, CorpusError
from kws.evaluation.clip_stream import JOIN_RMS, JOIN_S
from kws.evaluation.conditions import Conditions
from kws.evaluation.placed import PlacedClip, Stream
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.notices import LEFT_OUT, Notice, tell
from kws.support.progress import progress

SHORT_BYTES = 2_000_000  # of a file: a minute of WAV
_Entry = tuple[Path, str, str | None]  # recording, folder that was given, word


def build_stream(
    positives: Sequence[Path],
    negatives: Sequence[Path],
    words: Sequence[str],
    *,
    conditions: Conditions | None = None,
    seed: int = 0,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    cache: Path | None = None,
) -> Stream:
    """Join the recordings of folders into one stream in memory, as `Playlist` plays them."""
    playlist = Playlist(
        *(positives, negatives, words),
        conditions=conditions,
        seed=seed,
        sample_rate_hz=sample_rate_hz,
        cache=cache,
    )
    samples = np.concatenate(list(playlist.blocks()))
    return dataclasses.replace(playlist.stream, samples=samples)


class Playlist:
    """The recordings of folders as one stream, played block by block.

    The order depends only on `seed`, and recordings are resampled to `sample_rate_hz` where they
    have another rate. Positives and negatives take turns at random, with 1.5 s of low noise
    before, between and after them. `conditions` say in what noise and room they are heard. Of
    several channels only `channel` is played, the first is 0, otherwise
    their average. A recording that cannot be read is told, left out and listed in `stream.unread`;
    one that lies in several folders, or behind a link, is told and played once.
    In a `cache` folder short recordings are kept as they are decoded, for the next time.

    Raises CorpusError for a folder without recordings, a file that is given as both positive and
    negative, or a positive of which it is not clear which of the model's words it holds. Playing
    raises CorpusError where no positive or no negative can be read.
    """

    def __init__(
        self,
        positives: Sequence[Path],
        negatives: Sequence[Path],
        words: Sequence[str],
        *,
        conditions: Conditions | None = None,
        seed: int = 0,
        sample_rate_hz: int = SAMPLE_RATE_HZ,
        channel: int | None = None,
        cache: Path | None = None,
    ) -> None:
        entries: list[_Entry] = [
            (path, folder, _word(path, folder, words)) for path, folder in _recordings(positives)
        ]
        entries += [(path, folder, None) for path, folder in _recordings(negatives)]
        refuse_overlap(
            [path for path, _, word in entries if word is not None],
            [path for path, _, word in entries if word is None],
        )
        order = np.random.default_rng(seed).permutation(len(entries))
        self._entries = [entries[index] for index in order]
        self._seed, self._conditions = seed, conditions or Conditions()
        self._channel, self._cache = channel, cache
        self.stream = Stream(np.zeros(0, np.int16), [], sample_rate_hz)

    def _kept(self) -> dict[Path, Samples]:
        """The short recordings, decoded once and kept; long ones are read as they are played."""
        if self._cache is None or self._channel is not None:
            return {}
        short = {path for path, _, _ in self._entries if 0 <= _bytes(path) <= SHORT_BYTES}
        kept: dict[Path, Samples] = {}
        # Corpus by corpus, so that the next phrase finds the talk that this one was tried on.
        for _, corpus in groupby(sorted(short, key=lambda path: (_corpus(path), path)), _corpus):
            kept |= self._read(list(corpus), self._cache)
        return kept

    def _read(self, paths: Sequence[Path], cache: Path) -> dict[Path, Samples]:
        unread: dict[Path, str] = {}
        rate_hz = self.stream.sample_rate_hz
        try:
            kept = read_streams(paths, cache, sample_rate_hz=rate_hz, unread=unread)
        except AudioError:  # not one of them can be read, or the cache: each is tried by itself
            return {}
        self.stream.unread.update(unread)
        return dict(zip((path for path in paths if path not in unread), kept, strict=True))

    def blocks(self) -> Iterator[Samples]:
        """Yield the stream; `stream.clips` is complete when it ends."""
        stream, rate_hz = self.stream, self.stream.sample_rate_hz
        mixing, joining = (np.random.default_rng([self._seed, part]) for part in (1, 2))
        join_samples = round(JOIN_S * rate_hz)
        room = np.rint(joining.normal(0.0, JOIN_RMS, 20 * join_samples)).astype(np.int16)

        def quiet() -> Samples:
            start = joining.integers(len(room) - join_samples)
            return room[start : start + join_samples]

        yield quiet()
        position, kept = join_samples, self._kept()
        for path, folder, word in progress(self._entries, label="Playing the recordings"):
            start, level = position, SpeechLevel(rate_hz)
            if path in stream.unread:
                continue
            try:
                for block in self._played(path, word, mixing, kept.get(path)):
                    if word is not None:
                        level.add(block)
                    position += len(block)
                    yield block
            except AudioError as refusal:
                stream.unread[path] = str(refusal)
                tell(Notice(LEFT_OUT, str(refusal)))
                if position > start:  # part of it was heard: it is noise between two clips
                    yield quiet()
                    position += join_samples
                continue
            speech_end = position if word is None else start + level.end_heard()
            stream.clips.append(PlacedClip(path, folder, word, start, position, speech_end))
            yield quiet()
            position += join_samples
        self._refuse_nothing()

    def _played(
        self, path: Path, word: str | None, rng: np.random.Generator, kept: Samples | None
    ) -> Iterator[Samples]:
        rate_hz = self.stream.sample_rate_hz
        recording = None
        if kept is None:
            recording = Recording(path, rate_hz, channel=self._channel, mono_too=True)
        blocks: Iterable[Samples] = recording or [kept]  # type: ignore[list-item]
        if word is None:
            yield from map(self._conditions.of_sound, blocks)
        else:  # a phrase is short: whole, so that one that cannot be read is not half played
            yield self._conditions.of_phrase(np.concatenate(list(blocks)), rng)
        for notice in recording.notices if recording else ():
            tell(notice)

    def _refuse_nothing(self) -> None:
        words = {clip.word is None for clip in self.stream.clips}
        for is_negative, kind in ((False, "positives"), (True, "negatives")):
            if is_negative not in words:
                reason = next(iter(self.stream.unread.values()), "there are none")
                raise CorpusError(f"none of the {kind} can be read: {reason}")


def _bytes(path: Path) -> int:
    """The size of a file; -1 where it cannot be had, as of a link to nowhere."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _corpus(path: Path) -> Path:
    """The folder that holds a recording's: a corpus has one for each word, voice or speaker."""
    return path.parent.parent


def _recordings(folders: Sequence[Path]) -> list[tuple[Path, str]]:
    """List each recording once, with the innermost of the given folders that hold it."""
    found: dict[str, tuple[Path, Path]] = {}
    again: list[Path] = []
    for source in map(Path, folders):
        for path in recordings_of(source):
            real = os.path.realpath(path)
            if real in found:
                again.append(path)
                if _depth(path, source) >= _depth(*found[real]):
                    continue
            found[real] = path, source
    if again:
        which = f"{again[0]} is" if len(again) == 1 else f"{again[0]} and {len(again) - 1} more are"
        text = f"{which} in several of the folders that are given, or twice in one: played once"
        tell(Notice("given twice", text))
    return [(path, str(source)) for path, source in found.values()]


def _depth(path: Path, folder: Path) -> int:
    return len(path.relative_to(folder).parts)


def _word(path: Path, folder: str, words: Sequence[str]) -> str:
    if len(words) == 1:
        return words[0]
    parts = (Path(folder).resolve().name, *path.relative_to(folder).parts[:-1])
    names = {name_key(part) for part in parts}
    fits = [word for word in words if name_key(word) in names]
    if len(fits) == 1:
        return fits[0]
    raise CorpusError(
        f"it is not clear which word {path} holds: the model has several, so put its positives "
        f"into folders named after them ({', '.join(words)})"
    )


def name_key(name: str) -> str:
    """Return a folder's or a word's name in the form in which the two compare."""
    return unicodedata.normalize("NFC", name).strip().lower().replace(" ", "_").replace("-", "_")
