"""Clips in a continuous stream, and each clip's window of frames in it.

A clip's class is the one whose logit is the largest in its window. In a stream the window opens
and closes DELAY_S after the clip does: a word that ends with its clip is recognised a moment later,
and what was said before it still echoes in the state when the clip begins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws.audio.samples import Samples
from kws.corpus.labelled import LabelledClips
from kws.engine import batch
from kws.engine.model_file import Model
from kws.settings.model import FeatureConfig

DELAY_S = 0.16
JOIN_S = 1.5  # low noise between two clips, as `kws evaluate` joins them
JOIN_RMS = 16.0  # int16 steps: -66 dBFS, a quiet room


@dataclass(frozen=True)
class Windows:
    """Clips of a second each in a stream, `gap_s` of low noise before each, and their frames.

    A stream of one clip and no gap is a clip by itself: its window is all of it.
    """

    features: FeatureConfig
    clips: int = 1
    gap_s: float = 0.0

    def _samples(self, seconds: float) -> int:
        return round(seconds * self.features.sample_rate_hz)

    @property
    def _period(self) -> int:
        return self._samples(self.gap_s) + self._samples(1.0)

    def bounds(self, clip: int) -> tuple[int, int]:
        """First frame and end of a clip's window; the stream may end before the window does."""
        hop = self.features.hop_length
        start = (clip * self._period + self._samples(self.gap_s)) // hop
        frames = 1 + (self._samples(1.0) - self.features.frame_length) // hop
        # Nothing echoes in a stream that begins with its clip.
        delay = self._samples(DELAY_S) // hop if start else 0
        return start + delay, start + delay + frames

    def cut(self, logits: Any, clips: int) -> list[Any]:
        """The windows of the first clips, of (streams, frames, classes), an array or a tensor."""
        return [logits[:, first:end] for first, end in map(self.bounds, range(clips))]

    def highest(self, logits: np.ndarray) -> np.ndarray:
        """Each clip's highest logits: (streams, frames, classes) to (streams * clips, classes)."""
        parts = [window.max(1) for window in self.cut(logits, self.clips)]
        return np.stack(parts, 1).reshape(-1, logits.shape[2])

    def join(self, clips: Samples, order: np.ndarray) -> Samples:
        """Join clips (n, samples) int16 in this order to streams, low noise before each clip.

        The first clips are repeated at the end where n is no multiple of `clips`. Returns
        (streams, samples) int16, as long as the last window needs.
        """
        streams = -(-len(order) // self.clips)
        rows = np.resize(order, streams * self.clips)
        length = self.clips * self._period
        rng = np.random.default_rng(0)
        noise = rng.normal(0.0, JOIN_RMS, (streams, length + self._samples(DELAY_S)))
        joined: Samples = np.rint(noise).astype(np.int16)
        spans = joined[:, :length].reshape(streams, self.clips, self._period)
        spans[:, :, self._samples(self.gap_s) :] = clips[rows].reshape(streams, self.clips, -1)
        return joined


@dataclass(frozen=True)
class JoinedClips:
    """Clips played one after the other in one stream or a few, the state at rest at the start.

    labels: (n,) in the order in which the clips are played; features: (streams, frames, n_features)
    int16.
    """

    windows: Windows
    labels: np.ndarray
    features: batch.Int16Array

    @classmethod
    def of(
        cls, clips: LabelledClips, features: FeatureConfig, gap_s: float, streams: int = 1
    ) -> "JoinedClips":
        """Join clips in an order that never changes, `gap_s` seconds of low noise before each."""
        order = np.random.default_rng(0).permutation(len(clips))
        windows = Windows(features, -(-len(order) // streams), gap_s)
        joined = windows.join(clips.samples, order)
        return cls(windows, clips.labels[order], batch.features_batch(joined, features))

    def accuracy(self, run: Callable[[np.ndarray], np.ndarray]) -> float:
        """Return the share of clips that are right; `run` gives logits of features."""
        predicted = self.windows.highest(run(self.features))[: len(self.labels)].argmax(1)
        return float((predicted == self.labels).mean())


def streaming_accuracy(model: Model, clips: LabelledClips, gap_s: float) -> float:
    """Return the share of clips that are right when they are played one after the other.

    The state is at rest before the first clip only; `gap_s` seconds of low noise go before each.
    """
    joined = JoinedClips.of(clips, model.features, gap_s)
    return joined.accuracy(lambda features: batch.network_batch(model, features)[0])
