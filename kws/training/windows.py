"""Windows with a phrase and without it, cut from recordings and mixed anew for every copy.

A window's source is drawn first, by the root of what it holds: an hour of fluent speech counts as
much beside nine hours of single words as three beside one, and a hundred clips of one engine as
half of four hundred of another.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from kws.audio.level import speech_span
from kws.audio.samples import Samples
from kws.audio.word import phrases as cut_phrases
from kws.settings.data import DataConfig
from kws.settings.model import FeatureConfig

BEFORE_S = (0.0, 0.3)  # between what is said before the phrase and the phrase
AFTER_S = (0.1, 0.5)  # between the phrase and the window's end, where it fits
TALK_BEFORE, TALK_AFTER = 0.5, 0.3  # share of positives with other speech around them
OPENING_SHARE = 0.1  # of positives whose window opens with the phrase, as a stream may
OPENING_S = (0.0, 0.1)  # before such a phrase
PARTIAL_SHARE = 0.15  # share of negatives that are the first part of a phrase
PARTIAL_LENGTH = (0.25, 0.55)

Window = tuple[Samples, int]  # and its label: 0 without the phrase, else the phrase's middle frame


class Pools:
    """Recordings by source, from which one is drawn at random."""

    def __init__(self, sources: Mapping[str, Sequence[Samples]]) -> None:
        """`sources`: recordings (samples,) int16 of each; one without any is left out."""
        self.each = [list(some) for some in sources.values() if sum(map(len, some))]
        weights = np.sqrt([sum(map(len, some)) for some in self.each])
        self._bounds = np.cumsum(weights / weights.sum())[:-1]

    def draw(self, rng: np.random.Generator) -> int:
        """Return the number of a source."""
        return int(np.searchsorted(self._bounds, rng.random(), side="right"))


class WindowCutter:
    """Cuts windows of `data.window_s` seconds from recordings of the phrase and of other sound."""

    def __init__(
        self,
        data: DataConfig,
        features: FeatureConfig,
        phrases: Mapping[str, Sequence[Samples]],
        talk: Mapping[str, Sequence[Samples]],
    ) -> None:
        """`phrases`: by source, recordings (samples,) int16 of the phrase; `talk`: of all else.

        CorpusError where every phrase is silent.
        """
        self._data, self._features = data, features
        self._rate_hz = features.sample_rate_hz
        self.length = round(data.window_s * self._rate_hz)  # of a window, in samples
        self._phrases = Pools(self._cut(phrases))
        tail = np.zeros(self.length, np.int16)
        self._pools = Pools(talk)
        # As recorded, and with the pauses cut out: single words in a row come near fluent speech.
        self._talk = [np.concatenate([*some, tail]) for some in self._pools.each]
        self._fluent_talk = [
            np.concatenate([*map(self._trimmed, some), tail]) for some in self._pools.each
        ]

    def _cut(self, phrases: Mapping[str, Sequence[Samples]]) -> dict[str, list[Samples]]:
        """The phrase alone of every recording that is not silent."""
        together = [samples for some in phrases.values() for samples in some]
        cut = iter(cut_phrases(together, self.length, self._rate_hz))
        return {
            name: [next(cut) for samples in some if samples.any()] for name, some in phrases.items()
        }

    def _trimmed(self, samples: Samples) -> Samples:
        """A recording from the first to the last sound within 30 dB of its loudest."""
        first, last = speech_span(samples, self._rate_hz)
        return samples[first:last]

    def _phrase(self, rng: np.random.Generator) -> Samples:
        """One recording of the phrase, no longer than a window."""
        some = self._phrases.each[self._phrases.draw(rng)]
        return some[rng.integers(len(some))][: self.length]

    def positive(self, rng: np.random.Generator) -> Window:
        """Cut a window with a phrase near its end; the label is the frame at the phrase's middle.

        Some have other speech before the phrase, or after it; some open with the phrase.
        """
        phrase = self._phrase(rng)
        window = np.zeros(self.length, np.int16)
        after = round(rng.uniform(*AFTER_S) * self._rate_hz)
        end = max(len(phrase), self.length - after)
        if rng.random() < OPENING_SHARE:
            end = min(self.length, len(phrase) + round(rng.uniform(*OPENING_S) * self._rate_hz))
        start = end - len(phrase)
        window[start:end] = phrase
        pause = round(rng.uniform(*BEFORE_S) * self._rate_hz)
        if rng.random() < TALK_BEFORE and start > pause:
            window[: start - pause] = self._crop(start - pause, rng)
        if rng.random() < TALK_AFTER:
            window[end:] = self._crop(self.length - end, rng)
        return window, max(1, (start + end) // 2 // self._features.hop_length)

    def negative(self, rng: np.random.Generator) -> Window:
        """Cut a window of other sound, or of no more than the first part of a phrase; label 0."""
        window = self._crop(self.length, rng)
        if rng.random() < PARTIAL_SHARE:
            phrase = self._phrase(rng)
            part = phrase[: round(rng.uniform(*PARTIAL_LENGTH) * len(phrase))]
            start = rng.integers(self.length - len(part) + 1)
            window = np.zeros(self.length, np.int16)
            window[start : start + len(part)] = part
        return window, 0

    def _crop(self, length: int, rng: np.random.Generator) -> Samples:
        source = self._pools.draw(rng)
        is_fluent = rng.random() < self._data.fluent_share
        talk = (self._fluent_talk if is_fluent else self._talk)[source]
        start = rng.integers(len(talk) - length + 1)
        return np.array(talk[start : start + length])
