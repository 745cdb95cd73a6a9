"""The wake-word task: one phrase against everything else, in windows cut from streams."""

import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kws.audio.level import speech_span
from kws.audio.samples import Samples
from kws.audio.word import phrases as cut_phrases
from kws.corpus.augment import Augment
from kws.corpus.decoded import key_of, read_streams
from kws.corpus.splits import NEGATIVE_SHARES, POSITIVE_SHARES, check_splits, split_folders
from kws.engine import batch
from kws.engine.model_file import parse
from kws.errors import CorpusError
from kws.evaluation.operating_points import stream_verdict
from kws.evaluation.recording_stream import Stream, build_stream
from kws.settings.recipe import Recipe
from kws.training.feature_store import Examples
from kws.training.task import Run

BATCH_WINDOWS = 256
BEFORE_S = (0.0, 0.3)  # between what is said before the phrase and the phrase
AFTER_S = (0.1, 0.5)  # between the phrase and the window's end, where it fits
TALK_BEFORE, TALK_AFTER = 0.5, 0.3  # share of positives with other speech around them
PARTIAL_SHARE = 0.15  # share of negatives that are the first part of a phrase
PARTIAL_LENGTH = (0.25, 0.55)
LEAST_HOURS = 1.0
# Log-odds of the thresholds at which validation weighs misses against false accepts.
TRIED_LOG_ODDS = np.arange(-2.0, 10.01, 0.25)


class WakeTask:
    """Windows with the phrase and without it; the highest logit of a window decides."""

    def __init__(self, recipe: Recipe, cache: Path | None) -> None:
        """CorpusError where a split has no positives or no negatives, or a clip is both."""
        self.recipe = recipe
        self._rate_hz = rate_hz = recipe.features.sample_rate_hz
        self.classes = recipe.words
        data = recipe.data
        for name in ("positives", "negatives"):
            if not getattr(data, name):
                raise CorpusError(f"A wake word needs --{name} DIR: folders of clips.")
        self.positives = split_folders(data.positives, *POSITIVE_SHARES)
        self.negatives = split_folders(data.negatives, *NEGATIVE_SHARES)
        check_splits(self.positives, self.negatives)
        noise = split_folders(data.noise, *NEGATIVE_SHARES) if data.noise else {"train": []}
        self._noise_paths = noise["train"]
        self._noise = read_streams(self._noise_paths, cache, sample_rate_hz=rate_hz, unread={})
        phrases = read_streams(self.positives["train"], cache, sample_rate_hz=rate_hz, unread={})
        self._phrases = cut_phrases(phrases, self._window, rate_hz)
        talk = read_streams(self.negatives["train"], cache, sample_rate_hz=rate_hz, unread={})
        tail = np.zeros(self._window, np.int16)
        # As recorded, and with the pauses cut out: single words in a row come near fluent speech.
        self._talk = np.concatenate([*talk, tail])
        self._fluent_talk = np.concatenate([*map(self._trimmed, talk), tail])
        self._augment = Augment(recipe.augment, self._noise, sample_rate_hz=rate_hz)
        self._streams: dict[str, Stream] = {}

    @property
    def _window(self) -> int:
        return round(self.recipe.data.window_s * self._rate_hz)

    def _trimmed(self, samples: Samples) -> Samples:
        """A recording from the first to the last sound within 30 dB of its loudest."""
        first, last = speech_span(samples, self._rate_hz)
        return samples[first:last]

    @property
    def identity(self) -> str:
        """Everything that decides what the versions hold."""
        files = [self.positives["train"], self.negatives["train"], self._noise_paths]
        return self.recipe.identity_of_copies([key_of(paths) for paths in files])

    def blocks(self, index: int) -> Iterator[Examples]:
        """Cut, mix, augment and featurize one set of windows.

        A label is 0 for a window without the phrase, else the frame at the phrase's middle.
        """
        rng = np.random.default_rng([self.recipe.data.augmentation_seed, 2, index])
        data = self.recipe.data
        for count, cut in (
            (data.positive_windows, self._positive_window),
            (data.negative_windows, self._negative_window),
        ):
            for first in range(0, count, BATCH_WINDOWS):
                cuts = [cut(rng) for _ in range(min(BATCH_WINDOWS, count - first))]
                varied = self._augment(np.stack([window for window, _ in cuts]), rng)
                features = batch.features_batch(varied, self.recipe.features)
                yield features, np.array([frame for _, frame in cuts], np.int64)

    def _positive_window(self, rng: np.random.Generator) -> tuple[Samples, int]:
        phrase = self._phrases[rng.integers(len(self._phrases))]
        window = np.zeros(self._window, np.int16)
        after = round(rng.uniform(*AFTER_S) * self._rate_hz)
        phrase = phrase[: self._window]
        end = max(len(phrase), self._window - after)
        start = end - len(phrase)
        window[start:end] = phrase
        pause = round(rng.uniform(*BEFORE_S) * self._rate_hz)
        if rng.random() < TALK_BEFORE and start > pause:
            window[: start - pause] = self._crop(start - pause, rng)
        if rng.random() < TALK_AFTER:
            window[end:] = self._crop(self._window - end, rng)
        return window, max(1, (start + end) // 2 // self.recipe.features.hop_length)

    def _negative_window(self, rng: np.random.Generator) -> tuple[Samples, int]:
        window = self._crop(self._window, rng)
        if rng.random() < PARTIAL_SHARE:
            phrase = self._phrases[rng.integers(len(self._phrases))][: self._window]
            part = phrase[: round(rng.uniform(*PARTIAL_LENGTH) * len(phrase))]
            start = rng.integers(self._window - len(part) + 1)
            window = np.zeros(self._window, np.int16)
            window[start : start + len(part)] = part
        return window, 0

    def _crop(self, length: int, rng: np.random.Generator) -> Samples:
        talk = self._fluent_talk if rng.random() < self.recipe.data.fluent_share else self._talk
        start = rng.integers(len(talk) - length + 1)
        return np.array(talk[start : start + length])

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Binary cross-entropy of the window's highest logit, of a phrase's from its middle on.

        Where the phrase's maximum may lie anywhere, it can lie where nothing was heard yet, for
        every window alike; the loss then stays at the entropy of the labels for ever.
        """
        return _loss(self._highest(logits, labels), labels)

    def _highest(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The highest smoothed logit (batch,) of (batch, frames, 1), from the label's frame on."""
        scores = smoothed(logits[:, :, 0], self.recipe.detector.smoothing_shift)
        is_early = torch.arange(logits.shape[1])[None, :] < labels[:, None]
        return scores.masked_fill(is_early, -math.inf).amax(1)

    def validate(self, run: Run, model: bytes | None) -> dict[str, float]:
        """How well the validation windows part, and for a model file its misses on a stream."""
        features, labels = self._validation_windows
        truth = torch.from_numpy(labels)
        loss = _loss(self._highest(torch.from_numpy(run(features)), truth), truth).item()
        figures = {"score": -loss, "validation_loss": loss}
        if model is not None:
            _, found = self.choose_threshold(model)
            figures |= {
                "score": -found["cost"] - 0.1 * loss,
                "validation_miss_rate": found["miss_rate"],
                "validation_false_accepts_per_hour": found["per_hour"],
            }
        return figures

    @cached_property
    def _validation_windows(self) -> Examples:
        """Every validation positive, and the negatives cut one window after the other."""
        stream = self.stream("validation")
        samples = np.concatenate([stream.samples, np.zeros(self._window, np.int16)])
        starts, labels = [], []
        for clip in stream.clips:
            if clip.word is not None:
                starts.append(max(0, clip.end - self._window + self._rate_hz // 4))
                labels.append(1)
            else:
                cuts = list(range(clip.start, clip.end, self._window))
                starts += cuts
                labels += [0] * len(cuts)
        windows = np.stack([samples[s : s + self._window] for s in starts])
        features = batch.features_batch(windows, self.recipe.features)
        return features, np.array(labels, np.int64)

    @cached_property
    def _stream_features(self) -> batch.Int16Array:
        """The validation stream's features: every epoch's model is given the same ones."""
        return batch.features(self.stream("validation").samples, self.recipe.features)

    def stream(self, split: str) -> Stream:
        """All clips of a split as one stream, as `kws evaluate` plays them."""
        if split not in self._streams:
            clips = self.positives[split], self.negatives[split]
            self._streams[split] = build_stream(*clips, self.classes, sample_rate_hz=self._rate_hz)
        return self._streams[split]

    def choose_threshold(self, model: bytes) -> tuple[float, dict[str, float]]:
        """Return the posterior at which the validation stream costs least, and the figures there.

        The cost is the miss rate plus `false_accept_cost` for each false accept an hour, of which a
        shorter stream counts as one: minutes of near misses are not what an hour of life is like.
        Where several thresholds cost the same, the middle one has the most room on both sides.
        """
        stream, loaded = self.stream("validation"), parse(model)
        scores = batch.scores_of(loaded, self._stream_features)
        rows = []
        for log_odds in TRIED_LOG_ODDS:
            threshold = 1 / (1 + math.exp(-log_odds))
            verdict = stream_verdict(loaded, stream, scores, threshold)
            miss_rate = len(verdict.missed) / len(stream.positives)
            rate = len(verdict.false_accepts) / max(stream.negative_hours, LEAST_HOURS)
            cost = miss_rate + self.recipe.data.false_accept_cost * rate
            rows.append((threshold, {"cost": cost, "miss_rate": miss_rate, "per_hour": rate}))
        least = min(figures["cost"] for _, figures in rows)
        best = [row for row in rows if row[1]["cost"] <= least + 1e-9]
        return best[len(best) // 2]


def smoothed(logits: Tensor, shift: int) -> Tensor:
    """Exponential smoothing over time as the detector does it: (batch, frames), weight 2^-shift.

    The first logit stands for what came before it.
    """
    if shift == 0:
        return logits
    weight = 2.0**-shift
    taps = weight * (1 - weight) ** torch.arange(6 * 2**shift, dtype=logits.dtype)
    taps = (taps / taps.sum()).flip(0)[None, None, :]
    padded = torch.nn.functional.pad(logits[:, None, :], (taps.shape[2] - 1, 0), mode="replicate")
    return torch.nn.functional.conv1d(padded, taps)[:, 0, :]


def _loss(highest: Tensor, labels: Tensor) -> Tensor:
    truth = (labels > 0).to(highest.dtype)
    return torch.nn.functional.binary_cross_entropy_with_logits(highest, truth)
