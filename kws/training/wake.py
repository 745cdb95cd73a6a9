"""The wake-word task: one phrase against everything else, in windows cut from streams."""

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from kws.audio.samples import Samples
from kws.corpus.augment import Augment
from kws.corpus.decoded import key_of, read_streams
from kws.corpus.sources import (
    engine_of,
    is_near_miss,
    refuse_near_misses,
    sources_of,
    split_negatives,
    spoken_by,
    unnamed_speakers,
)
from kws.corpus.splits import NEGATIVE_SHARES, POSITIVE_SHARES, check_splits, split_folders
from kws.engine import batch
from kws.engine.model_file import parse
from kws.errors import CorpusError
from kws.evaluation.openings import (
    moved_in_silence,
    opening_scores,
    opening_streams,
    silenced_streams,
)
from kws.evaluation.operating_points import cheapest_threshold
from kws.evaluation.placed import Stream
from kws.evaluation.recording_stream import build_stream
from kws.evaluation.stream import evaluate_stream
from kws.report.training import detection_curve
from kws.settings.model import DetectorConfig
from kws.settings.recipe import Recipe
from kws.training.feature_store import Examples
from kws.training.metrics import whole_cost
from kws.training.pieces import scores_in_pieces
from kws.training.run_folder import DETECTION
from kws.training.task import Run
from kws.training.wake_loss import window_loss
from kws.training.windows import WindowCutter

BATCH_WINDOWS = 256
SETTLED = 0.3  # of a state's range may move in silence; what is beyond costs as misses do
VALIDATION_WINDOWS = 2000  # of the negatives: enough for a loss, and soon asked in every epoch


class WakeTask:
    """Windows with the phrase and without it; the highest logit of a window decides."""

    can_teach: ClassVar[bool] = False

    def __init__(self, recipe: Recipe, cache: Path | None) -> None:
        """CorpusError where a split has no positives or no negatives, or a clip is both."""
        self.recipe, self._cache = recipe, cache
        self._rate_hz = recipe.features.sample_rate_hz
        self.classes = recipe.words
        data = recipe.data
        for name in ("positives", "negatives"):
            if not getattr(data, name):
                raise CorpusError(f"A wake word needs --{name} DIR: folders of clips.")
        refuse_near_misses(data.positives)
        self.positives = split_folders(data.positives, *POSITIVE_SHARES)
        self.negatives = split_negatives(data.negatives)
        check_splits(self.positives, self.negatives)
        noise = split_folders(data.noise, *NEGATIVE_SHARES) if data.noise else {"train": []}
        self._noise_paths = noise["train"]
        talk = self.negatives["train"]
        self._cutter = WindowCutter(
            data,
            recipe.features,
            self._by_source(self.positives["train"], data.positives),
            self._by_source([path for path in talk if not is_near_miss(path)], data.negatives),
            self._by_source([path for path in talk if is_near_miss(path)], data.negatives),
            are_spliced=recipe.augment.splice_probability > 0.0,
        )
        self._augment = Augment(
            recipe.augment, self._read(self._noise_paths), sample_rate_hz=self._rate_hz
        )
        self._streams: dict[str, Stream] = {}

    def _by_source(self, paths: Sequence[Path], folders: Sequence[str]) -> dict[str, list[Samples]]:
        """Decode files, by where they come from."""
        return {name: self._read(some) for name, some in sources_of(paths, folders).items()}

    def _read(self, paths: Sequence[Path]) -> list[Samples]:
        return read_streams(paths, self._cache, sample_rate_hz=self._rate_hz, unread={})

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
            (data.positive_windows, self._cutter.positive),
            (data.negative_windows, self._cutter.negative),
        ):
            for first in range(0, count, BATCH_WINDOWS):
                cuts = [cut(rng) for _ in range(min(BATCH_WINDOWS, count - first))]
                windows, labels, spans = zip(*cuts, strict=True)
                varied = self._augment(np.stack(windows), rng, spans)
                features = batch.features_batch(varied, self.recipe.features)
                yield features, np.array(labels, np.int64)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Tell how windows part: see `window_loss`."""
        return window_loss(logits, labels, self.recipe.detector.smoothing_shift)

    def validate(self, run: Run, model: bytes | None) -> dict[str, float]:
        """How well the validation windows part, and for a model file its misses on a stream."""
        features, labels = self._validation_windows
        loss = self.loss(torch.from_numpy(run(features)), torch.from_numpy(labels)).item()
        figures = {"score": -loss, "validation_loss": loss}
        if model is not None:
            scores = scores_in_pieces(parse(model), self._stream_features)
            found = self._cheapest(model, scores)[1]
            cost = found["cost"] + max(0.0, moved_in_silence(parse(model)) - SETTLED)
            figures |= {
                "score": -whole_cost(cost, loss),
                "validation_cost": cost,
                "validation_miss_rate": found["miss_rate"],
                "validation_false_accepts_per_hour": found["per_hour"],
            }
        return figures

    @cached_property
    def _validation_windows(self) -> Examples:
        """Every validation positive, and of the negatives windows cut at equal distances."""
        stream, length = self.stream("validation"), self._cutter.length
        samples = np.concatenate([stream.samples, np.zeros(length, np.int16)])
        phrases = [
            max(0, clip.end - length + self._rate_hz // 4) for clip in stream.clips if clip.word
        ]
        others = [
            start
            for clip in stream.clips
            if not clip.word
            for start in range(clip.start, clip.end, length)
        ]
        others = others[:: -(-len(others) // VALIDATION_WINDOWS)]
        starts, labels = phrases + others, [1] * len(phrases) + [0] * len(others)
        windows = np.stack([samples[s : s + length] for s in starts])
        features = batch.features_batch(windows, self.recipe.features)
        return features, np.array(labels, np.int64)

    @cached_property
    def _stream_features(self) -> batch.Int16Array:
        """The validation stream's features: every epoch's model is given the same ones."""
        return batch.features(self.stream("validation").samples, self.recipe.features)

    @cached_property
    def _opening_features(self) -> list[batch.Int16Array]:
        """Of the validation phrases soon after a start, and of some after a long silence."""
        phrases = self._read(self.positives["validation"])
        return [
            batch.features_batch(streams(phrases, self._rate_hz), self.recipe.features)
            for streams in (opening_streams, silenced_streams)
        ]

    def stream(self, split: str) -> Stream:
        """All clips of a split as one stream, as `kws evaluate` plays them."""
        if split not in self._streams:
            clips = self.positives[split], self.negatives[split]
            self._streams[split] = build_stream(
                *clips, self.classes, sample_rate_hz=self._rate_hz, cache=self._cache
            )
        return self._streams[split]

    def choose_threshold(self, model: bytes) -> tuple[float, dict[str, float]]:
        """Return the posterior that costs least on the validation stream, and the figures there."""
        return self._cheapest(model, batch.scores_of(parse(model), self._stream_features))

    def _cheapest(self, model: bytes, scores: np.ndarray) -> tuple[float, dict[str, float]]:
        stream, cost = self.stream("validation"), self.recipe.data.false_accept_cost
        played = [opening_scores(parse(model), each)[:, 0] for each in self._opening_features]
        return cheapest_threshold(parse(model), stream, scores, np.concatenate(played), cost)

    @property
    def taught(self) -> None:
        """Only command words are taught by others."""

    def detector(self, model: bytes) -> DetectorConfig:
        """The recipe's, with the threshold that costs least on validation."""
        chosen, _ = self.choose_threshold(model)
        asked = self.recipe.detector
        return dataclasses.replace(asked, threshold=chosen, release=min(asked.release, chosen))

    def evaluations(self, model: bytes) -> list[dict[str, Any]]:
        """Misses and false accepts on the clips that are held out for testing."""
        data = self.recipe.data
        heard = {engine_of(path) for path in self.positives["train"]}
        every = chain(*self.positives.values(), *self.negatives.values())
        asked = f"--positives {shlex.join(data.positives)} --negatives {shlex.join(data.negatives)}"
        figures = {
            "name": "held-out clips",
            "trained_on": sorted(filter(None, heard)),
            "spoken_by": spoken_by(every, (*data.positives, *data.negatives)),
            "unnamed_speakers": unnamed_speakers(self.positives["testing"]),
            "command": f"kws evaluate {shlex.quote(self.recipe.name)} --held-out {asked}",
        }
        positives, negatives = (list(map(Path, some)) for some in (data.positives, data.negatives))
        found = evaluate_stream(
            parse(model), positives, negatives, held_out=True, cache=self._cache
        )
        return [{**figures, **found}]

    def draw(self, evaluations: Sequence[Mapping[str, Any]], folder: Path) -> None:
        """Draw misses against false accepts."""
        detection_curve({self.recipe.name: evaluations[0]}, folder / DETECTION)
