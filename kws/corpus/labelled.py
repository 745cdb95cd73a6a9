"""Corpora: Speech Commands and folders of clips become labelled clips with fixed splits."""

import hashlib
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio.samples import Samples
from kws.corpus.decoded import read_clips, read_streams
from kws.corpus.listing import (
    BACKGROUND_NOISE,
    SILENCE,
    UNKNOWN,
    Clip,
    background_noise,
    classes_folder,
    known_split,
    speech_commands,
)
from kws.corpus.splits import SPLITS, split_paths
from kws.errors import CorpusError
from kws.settings.front_end import SAMPLE_RATE_HZ

__all__ = [
    "ALL_WORDS_35",
    "COMMAND_WORDS_10",
    "SILENCE",
    "SPLITS",
    "UNKNOWN",
    "Clip",
    "LabelledClips",
    "background_noise",
    "classes_folder",
    "command_task",
    "read_clips",
    "read_streams",
    "silence_clips",
    "speech_commands",
    "split_paths",
]

COMMAND_WORDS_10 = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
# fmt: off
ALL_WORDS_35 = (
    "backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward",
    "four", "go", "happy", "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one",
    "right", "seven", "sheila", "six", "stop", "three", "tree", "two", "up", "visual", "wow",
    "yes", "zero",
)
# fmt: on


@dataclass(frozen=True)
class LabelledClips:
    """Clips of one split, ready to train or test on.

    samples: (clips, clip_samples) int16, may be a memory map; labels: (clips,) int64, indices
    into `classes`; paths: the file of each clip, or `_silence_/<number>` for one made here.
    """

    classes: tuple[str, ...]
    samples: Samples
    labels: npt.NDArray[np.int64]
    paths: list[str]

    def __len__(self) -> int:
        return len(self.labels)


def command_task(
    clips: Sequence[Clip],
    words: Sequence[str] | None,
    split: str,
    *,
    noise: Sequence[Samples] = (),
    clip_samples: int | None = None,
    cache: Path | None = None,
    seed: int = 0,
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> LabelledClips:
    """Load one split of the keyword task: `words` + _unknown_ + _silence_, or every word alone.

    words: the command words; all other words of the corpus become _unknown_.  None: one class for
    each word of the corpus, and neither _unknown_ nor _silence_ (the 35-word task).
    In "train" every clip of the other words is kept: a pool to draw from at each epoch.  In
    "validation" and "testing" _unknown_ has as many clips as an average command word (10 % each
    with ten words, the standard recipe), chosen by `seed`; so has _silence_ in every split, cut
    from `noise`, recordings at `sample_rate_hz`; a clip is a second long unless `clip_samples` says
    otherwise.  Leave `seed` as it is for figures that compare with others.
    Raises CorpusError for a word without clips in this split, or too few to train on.
    """
    known_split(split)
    if words is not None:
        words = [unicodedata.normalize("NFC", word) for word in words]  # as the clips' words are
    clip_samples = sample_rate_hz if clip_samples is None else clip_samples
    classes = _classes(words, clips)
    label_of = {word: index for index, word in enumerate(classes)}
    here = [clip for clip in clips if clip.split == split]
    counts = Counter(clip.word for clip in here)
    spoken = [word for word in classes if word not in (UNKNOWN, SILENCE)]
    _check_counts(spoken, counts, split, Counter(clip.word for clip in clips))
    average = round(sum(counts[word] for word in spoken) / len(spoken))
    n_silence = average if words is not None else 0
    if words is not None:
        here = _with_unknowns(here, set(spoken), None if split == "train" else average, seed)
    silence = silence_clips(noise, n_silence, clip_samples, seed) if n_silence else None
    unread: dict[Path, str] = {}
    rows = read_clips(
        *([clip.path for clip in here], clip_samples, cache),
        spare_rows=n_silence,
        sample_rate_hz=sample_rate_hz,
        unread=unread,
    )
    here = [clip for clip in here if clip.path not in unread]
    files = [clip.path for clip in here]
    if unread:
        counts = Counter(clip.word for clip in here)
        _check_counts(spoken, counts, split, Counter(clip.word for clip in clips))
    _refuse_silent_words(here, spoken, rows)
    if silence is not None:
        rows[len(here) :] = silence
    labels = [label_of.get(clip.word, label_of.get(UNKNOWN, -1)) for clip in here]
    labels += [label_of[SILENCE]] * n_silence if n_silence else []
    paths = [str(file) for file in files]
    paths += [f"{SILENCE}/{index:05d}" for index in range(n_silence)]
    return LabelledClips(classes, rows, np.asarray(labels, np.int64), paths)


def silence_clips(
    noise: Sequence[Samples], count: int, clip_samples: int, seed: int = 0
) -> Samples:
    """Cut clips in which nobody speaks: noise at -40 to -6 dB, and one in ten next to nothing.

    noise: (samples,) int16 each, repeated where shorter than a clip.  Returns
    (count, clip_samples) int16, the same for the same seed.  Raises CorpusError without noise.
    """
    if not noise or not all(len(recording) for recording in noise):
        raise CorpusError(
            f"the {SILENCE} class needs background noise: put recordings in "
            f"{BACKGROUND_NOISE}/ of the corpus, as Speech Commands has them"
        )
    # `random`, unlike numpy's generators, gives the same numbers in all versions.
    draw = random.Random(seed)
    clips = np.empty((count, clip_samples), np.int16)
    for clip in clips:
        recording = noise[int(draw.random() * len(noise))]
        if len(recording) < clip_samples:
            recording = np.resize(recording, clip_samples)
        start = int(draw.random() * (len(recording) - clip_samples + 1))
        gain = 10 ** ((-40 + 34 * draw.random()) / 20)
        if draw.random() < 0.1:
            gain *= 0.01  # a muted or gated microphone: zeros and a few lowest bits
        clip[:] = np.rint(recording[start : start + clip_samples] * gain)
    return clips


def _classes(words: Sequence[str] | None, clips: Sequence[Clip]) -> tuple[str, ...]:
    if words is None:
        return tuple(sorted({clip.word for clip in clips}))
    if not words:
        raise CorpusError("no command words: give at least one, such as yes,no")
    for word, times in Counter(words).items():
        if times > 1:
            raise CorpusError(f"the word {word!r} is given {times} times: give each word once")
        if not re.fullmatch(r"[^\W_].*", word):
            raise CorpusError(f"{word!r} cannot be a command word: begin with a letter")
    return (*words, UNKNOWN, SILENCE)


def _check_counts(
    words: Iterable[str], counts: Counter[str], split: str, everywhere: Counter[str]
) -> None:
    needed = 2 if split == "train" else 1
    for word in words:
        if counts[word] < needed:
            raise CorpusError(
                f"the word {word!r} has {counts[word]} of its {everywhere[word]} clips in the "
                f"{split} part, at least {needed} needed: record more speakers or drop the word"
            )


def _refuse_silent_words(clips: Sequence[Clip], words: Sequence[str], rows: Samples) -> None:
    """Raise CorpusError for a word all of whose clips are zeros: nothing can be learnt of it."""
    heard = {word: False for word in words}
    for clip, row in zip(clips, rows, strict=False):  # the spare rows are nobody's
        if not heard.get(clip.word, True):
            heard[clip.word] = bool(row.any())
    silent = [word for word, is_heard in heard.items() if not is_heard]
    if silent:
        raise CorpusError(
            f"every clip of the word {silent[0]!r} is silent: check how they were recorded or "
            "converted, or drop the word"
        )


def _with_unknowns(
    clips: Sequence[Clip], commands: set[str], count: int | None, seed: int
) -> list[Clip]:
    """Keep the command words and `count` other words (None: all of them), in the order given."""
    others = [clip for clip in clips if clip.word not in commands]
    if not others:
        raise CorpusError(
            f"the {UNKNOWN} class needs words that are no commands: name fewer words, or none "
            "for one class a word"
        )

    # By hash, not by a generator: the choice is the same in all versions and on all machines.
    def lot(clip: Clip) -> bytes:
        return hashlib.sha1(f"{seed}:{clip.word}/{clip.path.stem}".encode()).digest()

    drawn = {clip.path for clip in sorted(others, key=lot)[:count]}
    return [clip for clip in clips if clip.word in commands or clip.path in drawn]
