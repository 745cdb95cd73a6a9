"""A long recording made of test clips, and the rule that tells right from wrong detections."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kws.audio import SAMPLE_RATE_HZ, find_audio, read_audio
from kws.errors import ConfigError, CorpusError
from kws.progress import progress
from kws.windows import JOIN_RMS, JOIN_S

GRACE_S = 1.0  # how long after a clip a detection still belongs to it
SPEECH_FRAME_MS = 20
SPEECH_RANGE_DB = 30.0

Samples = NDArray[np.int16]
_Entry = tuple[Path, str, str | None]  # recording, folder that was given, word


class Clip(NamedTuple):
    """Where one recording lies in the stream, in samples, and the word it should trigger."""

    path: Path
    folder: str
    word: str | None  # None: a negative
    start: int
    end: int
    speech_end: int


class Hit(NamedTuple):
    """One detection in the stream: the last sample of the frame that fired."""

    sample: int
    word: str
    score: float


@dataclass(frozen=True)
class Stream:
    """All clips in a row: `samples` (n,) int16, and the clips in their order in it."""

    samples: Samples
    clips: list[Clip]
    sample_rate_hz: int = SAMPLE_RATE_HZ

    @property
    def positives(self) -> list[Clip]:
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


@dataclass
class Verdict:
    """What the detections in a stream amount to."""

    missed: list[Clip] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    false_accepts: list[tuple[Clip, Hit]] = field(default_factory=list)
    wrong_words: int = 0


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


def judge(stream: Stream, hits: Sequence[Hit]) -> Verdict:
    """Weigh the detections in a stream.

    A positive is found when its word is detected inside its clip or within 1 s after it; further
    detections there count neither way.  Every detection elsewhere is a false accept, reckoned to
    the clip before it.  Latency runs from the end of the speech to the first detection.
    """
    verdict = Verdict()
    starts = [clip.start for clip in stream.clips]
    found: dict[int, Hit] = {}
    for hit in hits:
        index = max(bisect_right(starts, hit.sample) - 1, 0)
        clip = stream.clips[index]
        in_reach = clip.start <= hit.sample <= clip.end + GRACE_S * stream.sample_rate_hz
        if clip.word is None or not in_reach:
            verdict.false_accepts.append((clip, hit))
        elif hit.word == clip.word:
            found.setdefault(index, hit)
        else:
            verdict.wrong_words += 1
    for index, clip in enumerate(stream.clips):
        if clip.word is None:
            continue
        if index in found:
            late = found[index].sample - clip.speech_end
            verdict.latencies_s.append(late / stream.sample_rate_hz)
        else:
            verdict.missed.append(clip)
    return verdict


def poisson_upper(count: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided upper bound of a Poisson mean after `count` events were seen.

    It is the mean at which `count` or fewer events have probability 1 - confidence (Garwood 1936;
    half the chi-square quantile with 2 (count + 1) degrees of freedom).
    """
    events = np.arange(count + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(events[1:]))])

    def chance_of_so_few(mean: float) -> float:
        return float(np.exp(events * math.log(mean) - mean - log_factorial).sum())

    low, high = max(count, 1e-9), count + 6.0 * math.sqrt(count + 1.0) + 20.0
    for _ in range(80):
        middle = (low + high) / 2
        if chance_of_so_few(middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def speech_span(samples: Samples, sample_rate_hz: int = SAMPLE_RATE_HZ) -> tuple[int, int]:
    """Return from where to where 20 ms come within 30 dB of the loudest 20 ms, in samples."""
    frame = sample_rate_hz * SPEECH_FRAME_MS // 1000
    whole = len(samples) // frame * frame
    if whole == 0:
        return 0, len(samples)
    frames = samples[:whole].reshape(-1, frame).astype(np.float32)
    power = np.square(frames).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-SPEECH_RANGE_DB / 10))
    return int(loud[0]) * frame, int(loud[-1] + 1) * frame


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
    from kws.augment import mix

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
    clips: list[Clip] = []
    position = join_samples
    for (path, folder, word), samples in zip(entries, recordings, strict=True):
        end = position + len(samples)
        speech_end = position + speech_span(samples, sample_rate_hz)[1]
        clips.append(Clip(path, folder, word, position, end, speech_end))
        parts += [samples, quiet()]
        position = end + join_samples
    return Stream(np.concatenate(parts), clips, sample_rate_hz)
