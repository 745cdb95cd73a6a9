"""Windows with a phrase and without it, cut from recordings and mixed anew for every copy."""

from collections.abc import Sequence

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


class WindowCutter:
    """Cuts windows of `data.window_s` seconds from recordings of the phrase and of other sound."""

    def __init__(
        self,
        data: DataConfig,
        features: FeatureConfig,
        phrases: Sequence[Samples],
        talk: Sequence[Samples],
    ) -> None:
        """`phrases`: recordings (samples,) int16 of the phrase; `talk`: of everything else.

        CorpusError where every phrase is silent.
        """
        self._data, self._features = data, features
        self._rate_hz = features.sample_rate_hz
        self.length = round(data.window_s * self._rate_hz)  # of a window, in samples
        self._phrases = cut_phrases(phrases, self.length, self._rate_hz)
        tail = np.zeros(self.length, np.int16)
        # As recorded, and with the pauses cut out: single words in a row come near fluent speech.
        self._talk = np.concatenate([*talk, tail])
        self._fluent_talk = np.concatenate([*map(self._trimmed, talk), tail])

    def _trimmed(self, samples: Samples) -> Samples:
        """A recording from the first to the last sound within 30 dB of its loudest."""
        first, last = speech_span(samples, self._rate_hz)
        return samples[first:last]

    def positive(self, rng: np.random.Generator) -> Window:
        """Cut a window with a phrase near its end; the label is the frame at the phrase's middle.

        Some have other speech before the phrase, or after it; some open with the phrase.
        """
        phrase = self._phrases[rng.integers(len(self._phrases))]
        window = np.zeros(self.length, np.int16)
        after = round(rng.uniform(*AFTER_S) * self._rate_hz)
        phrase = phrase[: self.length]
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
            phrase = self._phrases[rng.integers(len(self._phrases))][: self.length]
            part = phrase[: round(rng.uniform(*PARTIAL_LENGTH) * len(phrase))]
            start = rng.integers(self.length - len(part) + 1)
            window = np.zeros(self.length, np.int16)
            window[start : start + len(part)] = part
        return window, 0

    def _crop(self, length: int, rng: np.random.Generator) -> Samples:
        talk = self._fluent_talk if rng.random() < self._data.fluent_share else self._talk
        start = rng.integers(len(talk) - length + 1)
        return np.array(talk[start : start + length])
