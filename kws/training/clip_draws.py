"""Which clips a version of the keyword task's training set is made of.

A small network takes any word that it never heard for the command word that is nearest: with the
corpus' own other words alone it rejects one in three. So the unknown class draws rare words more
often, and gets pieces of other speech and garbled command words, which sound like no word, in the
voices of all speakers; the silent class gets other sounds than the corpus' few noises.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio.files import find_audio
from kws.audio.samples import Samples
from kws.corpus.decoded import read_streams
from kws.corpus.labelled import LabelledClips, silence_clips
from kws.corpus.listing import SILENCE, UNKNOWN
from kws.settings.data import DataConfig


@dataclass(frozen=True)
class Draw:
    """One version's clips: rows of the corpus, then clips that were made for it.

    rows: (n,) indices into the corpus; made: (m, samples) int16; labels: (n + m,) int64.
    """

    rows: np.ndarray
    made: Samples
    labels: np.ndarray

    def clips(self, indices: np.ndarray, corpus: Samples) -> Samples:
        """Copy clips by their index in `labels`: (len(indices), samples) int16."""
        taken = np.empty((len(indices), corpus.shape[1]), np.int16)
        recorded = indices < len(self.rows)
        taken[recorded] = corpus[self.rows[indices[recorded]]]
        taken[~recorded] = self.made[indices[~recorded] - len(self.rows)]
        return taken


class ClipDraws:
    """Draws versions from a corpus and from folders of other speech and other noise."""

    def __init__(
        self, train: LabelledClips, data: DataConfig, noise: list[Samples], cache: Path | None
    ) -> None:
        """`noise`: (samples,) int16 each, what the corpus itself has for silence."""
        self._train, self._data, self._noise = train, data, noise
        label_of = {name: index for index, name in enumerate(train.classes)}
        self._unknown, self._silence = label_of.get(UNKNOWN, -1), label_of.get(SILENCE, -1)
        speech, sounds = _audio_in(data.negatives), _audio_in(data.noise)
        self._other_speech = read_streams(speech, cache, unread={}) if speech else []
        self._other_noise = read_streams(sounds, cache, unread={}) if sounds else []
        recorded = train.paths[: len(train.labels) - int(np.sum(train.labels == self._silence))]
        self.paths = [*map(Path, recorded), *speech, *sounds]  # of every file that is drawn from
        labels = train.labels
        self._spoken = np.flatnonzero((labels != self._unknown) & (labels != self._silence))
        self._pool = np.flatnonzero(labels == self._unknown)
        words = [Path(train.paths[row]).parent.name for row in self._pool]
        _, word, clips = np.unique(words, return_inverse=True, return_counts=True)
        # By the square root: each of a rare word's clips comes more often, but not all the time.
        weights = 1.0 / np.sqrt(clips[word]) if len(words) else np.empty(0)
        self._weights = weights / weights.sum() if len(words) else weights
        self._average = len(self._spoken) / max(1, len(train.classes) - 2)

    def __call__(self, rng: np.random.Generator) -> Draw:
        """Draw the clips of one version."""
        data, labels = self._data, self._train.labels
        rows = self._spoken
        if self._unknown >= 0:
            count = min(len(self._pool), self._clips(data.unknown_share))
            drawn = rng.choice(self._pool, count, replace=False, p=self._weights)
            rows = np.concatenate([rows, drawn])
        made = [np.empty((0, self._train.samples.shape[1]), np.int16)]
        made_labels: list[int] = []

        def add(clips: Samples, label: int) -> None:
            made.append(clips)
            made_labels.extend([label] * len(clips))

        if self._unknown >= 0:
            add(self._garbled(self._clips(data.garbled_share), rng), self._unknown)
            if self._other_speech:
                add(self._speech(self._clips(data.other_speech_share), rng), self._unknown)
        if self._silence >= 0:
            for noise, share in (
                (self._noise, data.silence_share),
                (self._other_noise, data.other_noise_share),
            ):
                if noise:
                    seed = int(rng.integers(2**31))
                    length = made[0].shape[1]
                    add(silence_clips(noise, self._clips(share), length, seed), self._silence)
        every = np.concatenate([labels[rows], np.array(made_labels, np.int64)])
        return Draw(rows, np.concatenate(made), every)

    def _clips(self, share: float) -> int:
        return round(share * self._average)

    def _garbled(self, count: int, rng: np.random.Generator) -> Samples:
        """Command words backwards, and halves of two different ones, in equal parts."""
        rows = rng.choice(self._spoken, count)
        clips = np.array(self._train.samples[rows][:, ::-1])
        middle = clips.shape[1] // 2
        for index in range(0, count, 2):
            label = self._train.labels[rows[index]]
            others = self._spoken[self._train.labels[self._spoken] != label]
            if len(others):
                clips[index, :middle] = self._train.samples[rows[index], :middle]
                clips[index, middle:] = self._train.samples[rng.choice(others), middle:]
        return clips

    def _speech(self, count: int, rng: np.random.Generator) -> Samples:
        """Cut pieces from recordings drawn evenly; a short recording lies anywhere in its clip."""
        length = self._train.samples.shape[1]
        clips = np.zeros((count, length), np.int16)
        for clip in clips:
            recording = self._other_speech[rng.integers(len(self._other_speech))]
            spare = len(recording) - length
            if spare >= 0:
                start = rng.integers(spare + 1)
                clip[:] = recording[start : start + length]
            else:
                start = rng.integers(-spare + 1)
                clip[start : start + len(recording)] = recording
        return clips


def _audio_in(folders: tuple[str, ...]) -> list[Path]:
    """All recordings of the folders: nothing of them is kept for a test."""
    return [path for folder in folders for path in find_audio(Path(folder))]
