"""Part recordings of one phrase by who speaks, where their names do not tell people apart.

    python data/part_by_voice.py data/raw/wake_phrases/wake-words/en/athena data/raw/athena_people

Volunteers record a phrase ten times in a row, and their files are then named at random. Split by
name, everybody is in training and in the test, and the test tells how well the network knows these
people. What one person leaves in ten recordings of one phrase is alike: the colour of the voice,
its pitch, and the noise of the room and the microphone. Recordings that share these stay together
in train/, validation/ or test/ below the second folder, copied.

It hears less than a person: of 60 people of Speech Commands who say a word three times or more,
half to three quarters of the pairs of one person's clips are kept together, and people parted
wrongly make a test easier than strangers would. Where a recording goes may change when others join
its folder.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio.files import find_audio, read_audio
from kws.audio.samples import Samples
from kws.corpus.splits import POSITIVE_SHARES, SPLITS
from kws.errors import CorpusError, KwsError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.progress import progress
from kws.support.text import count_of

ALIKE = 4.0  # mean distance below which groups are one (docs/experiments/wake-words.md)
BANDS = 24
FRAME, HOP = 512, 160
LOUD, QUIET = 75, 20  # percentiles of a recording's frames: its speech, and its floor
COLOUR_DB, RATIO_DB, LEVEL_DB, PITCH_SEMITONES = 6.0, 8.0, 10.0, 2.0  # that count as one
PITCH_HZ = (70.0, 350.0)
LARGEST = 0.09  # of all: a larger group trains

Traits = npt.NDArray[np.float64]


def group_by_voice(paths: Sequence[Path], alike: float = ALIKE) -> list[list[Path]]:
    """Gather recordings of one phrase by who speaks, as far as it can be heard; sorted by name.

    A group is one person with one microphone; a person who moved may make two. Errors are those of
    `read_audio`.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    paths = sorted(paths)
    if len(paths) < 2:
        return [paths] if paths else []
    heard = [traits(read_audio(path)) for path in progress(paths, label="Telling voices apart")]
    labels = fcluster(linkage(np.array(heard), "average"), alike, "distance")
    groups: dict[int, list[Path]] = {}
    for path, label in zip(paths, labels, strict=True):
        groups.setdefault(int(label), []).append(path)
    return list(groups.values())


def traits(samples: Samples) -> Traits:
    """Return what is particular to a voice and where it was recorded: samples (n,) at 16 kHz.

    The shape of the speech's spectrum and of the floor's, how far the one is above the other, the
    pitch, and how loud the floor is; each in units of what tells two people apart.
    """
    import librosa

    padded = np.pad(samples.astype(np.float64), (0, max(0, 4 * FRAME - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(FRAME))))
    decibels = 10 * np.log10(power @ _filters().T + 1.0)
    level = decibels.mean(axis=1)
    is_loud = level > np.percentile(level, LOUD)
    speech = decibels[is_loud].mean(axis=0)
    floor = decibels[level <= np.percentile(level, QUIET)].mean(axis=0)
    low_hz, high_hz = PITCH_HZ
    pitch_hz = librosa.yin(
        padded.astype(np.float32),
        fmin=low_hz,
        fmax=high_hz,
        sr=SAMPLE_RATE_HZ,
        frame_length=2 * FRAME,
        hop_length=HOP,
    )
    count = min(len(pitch_hz), len(is_loud))
    voiced_hz = np.median(pitch_hz[:count][is_loud[:count]]) if is_loud[:count].any() else low_hz
    return np.concatenate(
        [
            (speech - speech.mean()) / COLOUR_DB,
            (floor - floor.mean()) / COLOUR_DB,
            [
                (speech.mean() - floor.mean()) / RATIO_DB,
                12 * np.log2(voiced_hz / 150.0) / PITCH_SEMITONES,
                floor.mean() / LEVEL_DB,
            ],
        ]
    )


@cache
def _filters() -> npt.NDArray[np.floating]:
    import librosa

    filters: npt.NDArray[np.floating] = librosa.filters.mel(
        sr=SAMPLE_RATE_HZ, n_fft=FRAME, n_mels=BANDS
    )
    return filters


def part_by_voice(paths: Sequence[Path], seed: int = 0) -> dict[str, list[Path]]:
    """Give each group of recordings a split, until validation and testing have their share.

    CorpusError where too few groups are small enough to make three parts of them.
    """
    groups = group_by_voice(paths)
    validation, testing = POSITIVE_SHARES
    shares = {"testing": testing, "validation": validation}
    parts: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for index in np.random.default_rng(seed).permutation(len(groups)):
        group = groups[index]
        wanting = (split for split in shares if len(parts[split]) < shares[split] * len(paths))
        is_small = len(group) <= LARGEST * len(paths)
        parts[next(wanting, "train") if is_small else "train"] += group
    empty = [split for split, some in parts.items() if not some]
    if empty:
        raise CorpusError(
            f"{len(paths)} recordings sound like {count_of(len(groups), 'voice')}: too few for "
            f"{', '.join(SPLITS)}; record more people"
        )
    return parts


def main(arguments: Sequence[str] | None = None) -> None:
    """Copy the recordings of a folder into the parts of another."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("recordings", type=Path)
    parser.add_argument("to", type=Path, help="a folder that is not there yet")
    given = parser.parse_args(arguments)
    if given.to.exists():
        raise CorpusError(f"{given.to} is there already: name a new folder, or remove it")
    for split, paths in part_by_voice(find_audio(given.recordings)).items():
        folder = given.to / split.replace("testing", "test")
        folder.mkdir(parents=True)
        for path in paths:
            copy = folder / path.relative_to(given.recordings)  # two folders may share a name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        print(f"{folder}: {len(paths)} recordings")


if __name__ == "__main__":
    try:
        main()
    except KwsError as error:
        sys.exit(f"part_by_voice: {error}")
