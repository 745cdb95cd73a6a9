"""A long recording made of test clips, and the rule that tells right from wrong detections."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kws.audio.files import find_audio, read_audio
from kws.audio.level import speech_span
from kws.audio.samples import Samples
from kws.errors import ConfigError, CorpusError
from kws.evaluation.clip_stream import JOIN_RMS, JOIN_S
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.progress import progress

_Entry = tuple[Path, str, str | None]  # recording, folder that was given, word


class PlacedClip(NamedTuple):
    """Where one recording lies in the stream, in samples, and the word it should trigger."""

    path: Path
    folder: str
    word: str | None  # None: a negative
    start: int
    end: int
    speech_end: int


@dataclass(frozen=True)
class Stream:
    """All clips in a row: `samples` (n,) int16, and the clips in their order in it."""

    samples: Samples
    clips: list[PlacedClip]
    sample_rate_hz: int = SAMPLE_RATE_HZ

    @property
    def positives(self) -> list[PlacedClip]:
        """The clips that should trigger."""
        return [clip for clip in self.clips if clip.word is not None]

    @property
    def negative_hours(self) -> float:
        """Hours of negative recordings, without the noise that joins them."""
        samples = sum(clip.end - clip.start for clip in self.clips if clip.word is None)
        return samples / self.sample_rate_hz / 3600

    def hours_by_folder(self) -> dict[str, float]:
        """Hours of negative recordings per folder that was given."""
        hours: dict[str, float] = {}
        for clip in self.clips:
            if clip.word is None:
                more = (clip.end - clip.start) / self.sample_rate_hz / 3600
                hours[clip.folder] = hours.get(clip.folder, 0.0) + more
        return hours


def build_stream(
    positives: Sequence[Path],
    negatives: Sequence[Path],
    words: Sequence[str],
    *,
    noise: Sequence[Path] = (),
    snr_db: float | None = None,
    seed: int = 0,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> Stream:
    """Join the recordings of folders into one stream, in an order that depends only on `seed`.

    They are resampled to `sample_rate_hz` where they have another rate.
    Positives and negatives take turns at random, with 1.5 s of low noise before, between and
    after them.  With `snr_db`, every positive gets a crop of a recording from the `noise` folders.
    Raises CorpusError for a folder without recordings, a file that is given as both positive and
    negative, or a positive of which it is not clear which of the model's words it holds, and
    ConfigError for noise without a ratio or a ratio without noise.
    """
    if (snr_db is None) != (len(noise) == 0):
        raise ConfigError(
            "noise folders and a signal-to-noise ratio need each other: "
            "give --noise and --snr-db together"
        )
    entries: list[_Entry] = [
        (path, folder, _word(path, folder, words)) for path, folder in _recordings(positives)
    ]
    entries += [(path, folder, None) for path, folder in _recordings(negatives)]
    _refuse_overlap(entries)
    entries = [entries[index] for index in np.random.default_rng(seed).permutation(len(entries))]
    rate_hz = sample_rate_hz
    recordings = _read([path for path, _, _ in entries], rate_hz, "Reading the clips")
    if snr_db is not None:
        noises = _read([path for path, _ in _recordings(noise)], rate_hz, "Reading the noise")
        is_positive = [word is not None for _, _, word in entries]
        rng = np.random.default_rng([seed, 1])
        _add_noise(recordings, is_positive, noises, snr_db, rng, rate_hz)
    return _join(entries, recordings, np.random.default_rng([seed, 2]), rate_hz)


def _recordings(folders: Sequence[Path]) -> list[tuple[Path, str]]:
    return [(path, str(source)) for source in folders for path in _files_of(Path(source))]


def _files_of(source: Path) -> list[Path]:
    return [source] if source.is_file() else find_audio(source)


def _refuse_overlap(entries: Sequence[_Entry]) -> None:
    files = {True: set[Path](), False: set[Path]()}
    for path, _, word in entries:
        files[word is not None].add(path.resolve())
    both = files[True] & files[False]
    if both:
        raise CorpusError(
            f"{min(both)} is given as a positive and as a negative: keep the folders apart"
        )


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
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _read(paths: Sequence[Path], sample_rate_hz: int, label: str) -> list[Samples]:
    # Decoding releases the GIL; a thread per core is all that helps.
    with ThreadPoolExecutor() as pool:
        recordings = pool.map(lambda path: read_audio(path, sample_rate_hz), paths)
        return list(progress(recordings, label=label, total=len(paths)))


def _add_noise(
    recordings: list[Samples],
    is_positive: Sequence[bool],
    noises: Sequence[Samples],
    snr_db: float,
    rng: np.random.Generator,
    sample_rate_hz: int,
) -> None:
    from kws.corpus.augment import mix

    for index, positive in enumerate(is_positive):
        if positive:
            noise = noises[int(rng.integers(len(noises)))]
            recording = recordings[index]
            recordings[index] = mix(recording, noise, snr_db, rng, sample_rate_hz=sample_rate_hz)


def _join(
    entries: Sequence[_Entry],
    recordings: list[Samples],
    rng: np.random.Generator,
    sample_rate_hz: int,
) -> Stream:
    join_samples = round(JOIN_S * sample_rate_hz)
    room = np.rint(rng.normal(0.0, JOIN_RMS, 20 * join_samples)).astype(np.int16)

    def quiet() -> Samples:
        start = rng.integers(len(room) - join_samples)
        return room[start : start + join_samples]

    parts = [quiet()]
    clips: list[PlacedClip] = []
    position = join_samples
    for (path, folder, word), samples in zip(entries, recordings, strict=True):
        end = position + len(samples)
        speech_end = position + speech_span(samples, sample_rate_hz)[1]
        clips.append(PlacedClip(path, folder, word, position, end, speech_end))
        parts += [samples, quiet()]
        position = end + join_samples
    return Stream(np.concatenate(parts), clips, sample_rate_hz)
