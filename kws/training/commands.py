"""The keyword task: which of the command words is in this clip, an unknown word, or silence.

A device is never reset between two words. So training joins clips to short streams that carry the
state from one to the next; what is judged is each clip's window in the stream.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from kws.audio.files import find_audio
from kws.audio.samples import Samples
from kws.corpus.augment import Augment
from kws.corpus.decoded import key_of
from kws.corpus.labelled import LabelledClips, command_task
from kws.corpus.listing import BACKGROUND_NOISE, Clip, background_noise, speech_commands
from kws.engine import batch, model_file
from kws.errors import CorpusError
from kws.evaluation.clip_stream import JOIN_S, JoinedClips, Windows
from kws.evaluation.clips import labelled_report
from kws.report.training import confusion_matrix
from kws.settings.model import DetectorConfig
from kws.settings.recipe import Recipe
from kws.training.clip_draws import ClipDraws
from kws.training.feature_store import Examples
from kws.training.metrics import SPLITS
from kws.training.run_folder import CONFUSION
from kws.training.task import ClipTask, Run

BATCH_CLIPS = 512  # augmented and featurized at a time
VALIDATION_STREAMS = 16


class CommandTask:
    """Clips of Speech Commands; a clip's logits are the maximum over the frames of its window."""

    can_teach: ClassVar[bool] = True

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
        self._draws = ClipDraws(self.train, recipe.data, self.noise, cache)
        self._augment = Augment(recipe.augment, self.noise, sample_rate_hz=self._rate_hz)
        self._windows = Windows(recipe.features, recipe.data.stream_clips)
        self._validation_clips = batch.features_batch(self.validation.samples, recipe.features)

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

    @cached_property
    def identity(self) -> str:
        """Everything that decides what the versions hold."""
        noise = find_audio(Path(self.recipe.data.corpus) / BACKGROUND_NOISE)
        return self.recipe.identity_of_copies(key_of([*self._draws.paths, *noise]))

    def clips(self, index: int) -> Iterator[tuple[Samples, np.ndarray]]:
        """Draw a version's clips and augment them, in blocks of whole streams.

        Yields clips (n, samples) int16 in the order of their streams, and labels (n,) int64.
        """
        rng = np.random.default_rng([self.recipe.data.augmentation_seed, 1, index])
        draw = self._draws(rng)
        joined = self._joined(len(draw.labels))
        order = rng.permutation(len(draw.labels))
        order = order[: len(order) // joined * joined]
        block = BATCH_CLIPS // joined * joined
        for first in range(0, len(order), block):
            taken = order[first : first + block]
            clips = self._augment(draw.clips(taken, self.train.samples), rng)
            yield clips, draw.labels[taken]

    def blocks(self, index: int) -> Iterator[Examples]:
        """A version's clips, joined to streams and featurized.

        Yields features (streams, frames, n_features) int16 and labels (streams, clips) int64.
        """
        for clips, labels in self.clips(index):
            joined = self._joined(len(clips))
            streams = clips.reshape(len(clips) // joined, -1)
            features = batch.features_batch(streams, self.recipe.features)
            yield features, labels.reshape(-1, joined)

    def _joined(self, clips: int) -> int:
        return min(self.recipe.data.stream_clips, clips)

    def answers(self, logits: Tensor, clips: int) -> Tensor:
        """Each clip's logits, (streams, clips, classes), of (streams, frames, classes)."""
        return torch.stack([self.readout(part) for part in self._windows.cut(logits, clips)], 1)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of the clips' logits: (streams, frames, classes), (streams, clips)."""
        clips = self.answers(logits, labels.shape[1])
        return torch.nn.functional.cross_entropy(clips.flatten(0, 1), labels.flatten())

    def validate(self, run: Run, model: bytes | None) -> dict[str, float]:
        """Accuracy and loss on the validation split, of what `run` is.

        Where training joins clips, the score weighs a clip by itself and the same clip in a stream
        alike.
        """
        logits = self.readout(torch.from_numpy(run(self._validation_clips)))
        labels = torch.from_numpy(self.validation.labels)
        accuracy = (logits.argmax(1) == labels).double().mean().item()
        loss = torch.nn.functional.cross_entropy(logits, labels).item()
        kind = "float" if model is None else "quantized"
        figures = {f"accuracy_{kind}": accuracy, "validation_loss": loss}
        if self.recipe.data.stream_clips == 1:
            return {"score": accuracy, **figures}
        streamed = self._validation_streams.accuracy(run)
        return {
            "score": (accuracy + streamed) / 2,
            **figures,
            f"accuracy_streaming_{kind}": streamed,
        }

    @cached_property
    def _validation_streams(self) -> JoinedClips:
        return JoinedClips.of(self.validation, self.recipe.features, JOIN_S, VALIDATION_STREAMS)

    @property
    def taught(self) -> ClipTask:
        """The clips that teachers are asked about."""
        return self

    def detector(self, model: bytes) -> DetectorConfig:
        """The recipe's own: command words have no threshold to choose."""
        return self.recipe.detector

    def evaluations(self, model: bytes) -> list[dict[str, Any]]:
        """Accuracy and confusion on both held-out parts."""
        loaded = model_file.parse(model)
        parts = zip(SPLITS, (self.validation, self.testing), strict=True)
        return [{"name": name, **labelled_report(loaded, clips)} for name, clips in parts]

    def draw(self, evaluations: Sequence[Mapping[str, Any]], folder: Path) -> None:
        """Draw which class was taken for which on validation."""
        validation = evaluations[0]
        classes = list(validation["per_class"])
        confusion_matrix(validation["confusion"], classes, folder / CONFUSION)
