"""Windows with a phrase and without it, cut from recordings and mixed anew for every copy.

A window's source is drawn first, by the root of what it holds: an hour of fluent speech counts as
much beside nine hours of single words as three beside one, and a hundred clips of one engine as
half of four hundred of another.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from kws.audio.level import speech_span
from kws.audio.samples import Samples
from kws.audio.word import phrases as cut_phrases
from kws.corpus.splicing import Span
from kws.settings.data import DataConfig
from kws.settings.model import FeatureConfig
from kws.support.notices import Notice, tell

BEFORE_S = (0.0, 0.3)  # between what is said before the phrase and the phrase
AFTER_S = (0.1, 0.5)  # between the phrase and the window's end, where it fits
TALK_BEFORE, TALK_AFTER = 0.5, 0.3  # share of positives with other speech around them
OPENING_SHARE = 0.1  # of positive windows whose phrase comes soon after the start
OPENING_S = 1.0  # at most before such a phrase, mostly far less
PARTIAL_SHARE = 0.15  # share of negatives that are the first part of a phrase
PARTIAL_LENGTH = (0.25, 0.55)
SHUFFLED_FROM_S = (3.0, 12.0)  # of talk that is shuffled: mostly one voice's
PIECE_S = (0.06, 0.35)  # of shuffled talk: shorter than a word
PHRASE_PIECE_SHARE = 0.12  # of the pieces
PHRASE_PIECE_LENGTH = (0.15, 0.55)  # of the phrase
FEW_LONG = 0.1  # of the positives
FADE_S = 0.005  # from one piece to the next

OTHER_SPAN_S = (0.3, 1.2)  # of other sound: what counts as one recording, as a phrase does

# With its label, 0 without the phrase, else the phrase's middle frame, and the span that counts.
Window = tuple[Samples, int, Span | None]


class Pools:
    """Recordings by source, from which one is drawn at random."""

    def __init__(self, sources: Mapping[str, Sequence[Samples]]) -> None:
        """`sources`: recordings (samples,) int16 of each; one without any is left out."""
        held = {name: list(some) for name, some in sources.items() if sum(map(len, some))}
        self.names, self.each = list(held), list(held.values())
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
        near: Mapping[str, Sequence[Samples]] | None = None,
        *,
        are_spliced: bool = True,
    ) -> None:
        """By source, recordings (samples,) int16: of the phrase, of all else, of near misses.

        Windows of other sound have no span unless they `are_spliced`, and nothing is drawn for one.

        CorpusError where every phrase is silent.
        """
        self._data, self._features, self._are_spliced = data, features, are_spliced
        self._rate_hz = features.sample_rate_hz
        self.length = round(data.window_s * self._rate_hz)  # of a window, in samples
        self._phrases = Pools(self._cut(phrases))
        near = {f"near misses of {name}": some for name, some in (near or {}).items()}
        self._pools = Pools({**talk, **near})
        places = (place for place, name in enumerate(self._pools.names) if name in near)
        self._near = list(places) if data.near_miss_share else []

    @cached_property
    def _talk(self) -> list[Samples]:
        """Every source in one piece, as recorded: in memory once a window is cut, not before."""
        tail = np.zeros(self.length, np.int16)
        return [np.concatenate([*some, tail]) for some in self._pools.each]

    @cached_property
    def _fluent_talk(self) -> list[Samples]:
        """The same with its pauses cut out: single words in a row come near fluent speech."""
        tail = np.zeros(self.length, np.int16)
        return [np.concatenate([*map(self._trimmed, some), tail]) for some in self._pools.each]

    def _cut(self, phrases: Mapping[str, Sequence[Samples]]) -> dict[str, list[Samples]]:
        """The phrase alone of every recording that is not silent."""
        together = [samples for some in phrases.values() for samples in some]
        all_cut = cut_phrases(together, self.length, self._rate_hz)
        self._tell_long(all_cut)
        cut = iter(all_cut)
        return {
            name: [next(cut) for samples in some if samples.any()] for name, some in phrases.items()
        }

    def _tell_long(self, phrases: Sequence[Samples]) -> None:
        """Tell where many recordings hold more speech in one piece than a window has room for.

        A few do where noise fills the pauses.
        """
        long = sum(len(phrase) > self.length for phrase in phrases)
        if long > FEW_LONG * len(phrases):
            text = (
                f"{long} of {len(phrases)} positives hold more than {self._data.window_s:g} s of "
                "speech in one piece, whose beginning is taken for the phrase: cut them to it, and "
                "see that positives and negatives are not exchanged"
            )
            tell(Notice("long positives", text))

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
            before = OPENING_S * rng.random() ** 2
            end = min(self.length, len(phrase) + round(before * self._rate_hz))
        start = end - len(phrase)
        window[start:end] = phrase
        pause = round(rng.uniform(*BEFORE_S) * self._rate_hz)
        if rng.random() < TALK_BEFORE and start > pause:
            window[: start - pause] = self._crop(start - pause, rng)
        if rng.random() < TALK_AFTER:
            window[end:] = self._crop(self.length - end, rng)
        return window, max(1, (start + end) // 2 // self._features.hop_length), (start, end)

    def negative(self, rng: np.random.Generator) -> Window:
        """Cut a window of other sound, or of no more than parts of a phrase; label 0."""
        span = self._other_span(rng) if self._are_spliced else None
        return self._other(rng), 0, span

    def _other_span(self, rng: np.random.Generator) -> Span:
        size = round(rng.uniform(*OTHER_SPAN_S) * self._rate_hz)
        start = int(rng.integers(max(1, self.length - size)))
        return start, start + size

    def _other(self, rng: np.random.Generator) -> Samples:
        if self._near and rng.random() < self._data.near_miss_share:
            return self._crop(self.length, rng, self._near[rng.integers(len(self._near))])
        if rng.random() < self._data.shuffled_share:
            return self._shuffled(rng)
        window = self._crop(self.length, rng)
        if rng.random() < PARTIAL_SHARE:
            phrase = self._phrase(rng)
            part = phrase[: round(rng.uniform(*PARTIAL_LENGTH) * len(phrase))]
            start = rng.integers(self.length - len(part) + 1)
            window = np.zeros(self.length, np.int16)
            window[start : start + len(part)] = part
        return window

    def _shuffled(self, rng: np.random.Generator) -> Samples:
        """Pieces of speech shorter than a word, in any order: its sounds, but other words.

        What a small network fires at is mostly not what it was trained on: some sounds in an order
        that a few hours of talk do not hold.
        """
        talk = self._fluent_talk[self._pools.draw(rng)]
        region = min(len(talk), round(rng.uniform(*SHUFFLED_FROM_S) * self._rate_hz))
        talk = _part(talk, region, rng)
        fade = round(FADE_S * self._rate_hz)
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        window, position = np.zeros(self.length, np.float32), 0
        source = talk
        while position < self.length:
            # Two pieces of the phrase in a row might be the phrase.
            of_phrase = rng.random() < PHRASE_PIECE_SHARE and source is talk
            source, size = talk, round(rng.uniform(*PIECE_S) * self._rate_hz)
            if of_phrase:
                source = self._phrase(rng)
                size = round(rng.uniform(*PHRASE_PIECE_LENGTH) * len(source))
            piece = _part(source, max(size, 2 * fade), rng).astype(np.float32)
            piece[:fade] *= ramp[: len(piece)]
            piece[-fade:] *= ramp[::-1][-len(piece) :]
            window[position : position + len(piece)] += piece[: self.length - position]
            position += max(1, len(piece) - fade)
        return np.clip(window, -32768, 32767).astype(np.int16)

    def _crop(self, length: int, rng: np.random.Generator, source: int | None = None) -> Samples:
        """Cut other sound, of any source unless one is given."""
        source = self._pools.draw(rng) if source is None else source
        is_fluent = rng.random() < self._data.fluent_share
        talk = (self._fluent_talk if is_fluent else self._talk)[source]
        return np.array(_part(talk, length, rng))


def _part(samples: Samples, size: int, rng: np.random.Generator) -> Samples:
    """Return so many samples from anywhere in a recording, or all of a shorter one."""
    start = rng.integers(max(1, len(samples) - size + 1))
    return samples[start : start + size]
