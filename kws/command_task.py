"""The keyword task: which of the command words is in this clip, an unknown word, or silence."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kws import engine
from kws.augment import Augment
from kws.corpus import (
    SILENCE,
    UNKNOWN,
    Clip,
    LabelledClips,
    background_noise,
    command_task,
    silence_clips,
    speech_commands,
)
from kws.errors import CorpusError
from kws.recipe import Recipe
from kws.trainer import Examples, Run

BATCH_CLIPS = 512  # augmented and featurized at a time


class CommandTask:
    """Clips of Speech Commands; a clip's logits are the maximum over its frames."""

    def __init__(self, recipe: Recipe, cache: Path | None) -> None:
        """CorpusError where the folder lacks a word."""
        if not recipe.data.corpus:
            raise CorpusError("Command words need --data DIR: the Speech Commands folder.")
        self.recipe = recipe
        root = Path(recipe.data.corpus)
        clips = self._clips(root)
        self._rate_hz = recipe.features.sample_rate_hz
        self.train = self._split(clips, "train", root, cache)
        self.noise = background_noise(root, "train", sample_rate_hz=self._rate_hz)
        self.validation = self._split(clips, "validation", root, cache)
        self.testing = self._split(clips, "testing", root, cache)
        self.classes = self.train.classes
        self._augment = Augment(recipe.augment, self.noise, sample_rate_hz=self._rate_hz)
        self._validation_features = engine.features_batch(self.validation.samples, recipe.features)

    def _clips(self, root: Path) -> list[Clip]:
        """The corpus; a subclass may take a part of it."""
        return speech_commands(root)

    def readout(self, logits: Tensor) -> Tensor:
        """Logits of a clip (clips, classes), of those of its frames (clips, frames, classes)."""
        return logits.amax(1)

    def _split(
        self, clips: list[Clip], split: str, root: Path, cache: Path | None
    ) -> LabelledClips:
        rate_hz, words = self._rate_hz, self.recipe.words or None
        noise = background_noise(root, split, sample_rate_hz=rate_hz)
        return command_task(clips, words, split, noise=noise, cache=cache, sample_rate_hz=rate_hz)

    def version(self, index: int) -> Examples:
        """Draw this version's unknown and silent clips, augment all, and featurize them."""
        rng = np.random.default_rng([self.recipe.seed, 1, index])
        rows = self._rows(rng)
        labels = self.train.labels[rows]
        silence = self._silence(rng)
        features = [
            self._featurize(self.train.samples[rows[i : i + BATCH_CLIPS]], rng)
            for i in range(0, len(rows), BATCH_CLIPS)
        ]
        if len(silence):
            features.append(self._featurize(silence, rng))
            silent = np.full(len(silence), self.classes.index(SILENCE), np.int64)
            labels = np.concatenate([labels, silent])
        return np.concatenate(features), labels

    def _featurize(self, clips: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return engine.features_batch(self._augment(clips, rng), self.recipe.features)

    def _rows(self, rng: np.random.Generator) -> np.ndarray:
        """All clips of the words, and a draw from the pool of unknown ones."""
        labels = self.train.labels
        if UNKNOWN not in self.classes:
            return np.arange(len(labels))
        unknown, silence = self.classes.index(UNKNOWN), self.classes.index(SILENCE)
        pool = np.flatnonzero(labels == unknown)
        spoken = np.flatnonzero((labels != unknown) & (labels != silence))
        share = self.recipe.data.unknown_share * len(spoken) / (len(self.classes) - 2)
        drawn = rng.choice(pool, min(len(pool), round(share)), replace=False)
        return np.sort(np.concatenate([spoken, drawn]))

    def _silence(self, rng: np.random.Generator) -> np.ndarray:
        if SILENCE not in self.classes or not self.noise:
            return np.empty((0, self.train.samples.shape[1]), np.int16)
        labels, words = self.train.labels, len(self.classes) - 2
        spoken = np.count_nonzero(np.isin(self.classes, (UNKNOWN, SILENCE), invert=True)[labels])
        count = round(self.recipe.data.silence_share * spoken / words)
        return silence_clips(
            self.noise, count, self.train.samples.shape[1], int(rng.integers(2**31))
        )

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of the clips' logits."""
        return torch.nn.functional.cross_entropy(self.readout(logits), labels)

    def validate(self, run: Run, model: bytes | None) -> dict[str, float]:
        """Accuracy and loss on the validation split, of what `run` is."""
        logits = self.readout(torch.from_numpy(run(self._validation_features)))
        labels = torch.from_numpy(self.validation.labels)
        accuracy = (logits.argmax(1) == labels).double().mean().item()
        loss = torch.nn.functional.cross_entropy(logits, labels).item()
        kind = "accuracy_float" if model is None else "accuracy_quantized"
        return {"score": accuracy, kind: accuracy, "validation_loss": loss}
