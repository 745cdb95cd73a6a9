"""Clips in a continuous stream, and each clip's window of frames in it.

A clip's class is the one whose logit is the largest in its window. In a stream the window opens
and closes DELAY_S after the clip does: a word that ends with its clip is recognised a moment later,
and what was said before it still echoes in the state when the clip begins.
"""

from dataclasses import dataclass

import numpy as np

from kws.audio import SAMPLE_RATE_HZ, Samples
from kws.config import FeatureConfig
from kws.frontend_spec import N_FFT

DELAY_S = 0.16
JOIN_S = 1.5  # low noise between two clips, as `kws evaluate` joins them
JOIN_RMS = 16.0  # int16 steps: -66 dBFS, a quiet room


@dataclass(frozen=True)
class Windows:
    """Where each clip of a stream has its frames.

    A stream holds `clips` clips of `clip_samples`, each after `gap_samples` of something else. A
    stream of one clip and no gap is a clip by itself: its window is all of it.
    """

    features: FeatureConfig
    clips: int = 1
    gap_samples: int = 0
    clip_samples: int = SAMPLE_RATE_HZ

    def bounds(self, clip: int) -> tuple[int, int]:
        """First frame and end of a clip's window; the stream may end before the window does."""
        hop = self.features.hop_length
        start = (clip * (self.gap_samples + self.clip_samples) + self.gap_samples) // hop
        frames = 1 + (self.clip_samples - N_FFT) // hop
        # Nothing echoes in a stream that begins with its clip.
        delay = round(DELAY_S * SAMPLE_RATE_HZ) // hop if start else 0
        return start + delay, start + delay + frames

    def highest(self, logits: np.ndarray) -> np.ndarray:
        """Each clip's highest logits: (streams, frames, classes) to (streams * clips, classes)."""
        bounds = map(self.bounds, range(self.clips))
        parts = [logits[:, first:end].max(1) for first, end in bounds]
        return np.stack(parts, 1).reshape(-1, logits.shape[2])


def join(clips: Samples, order: np.ndarray, streams: int, gap_samples: int, seed: int) -> Samples:
    """Join clips (n, samples) int16 in this order to streams, low noise before and after each clip.

    The first clips are repeated at the end where n is no multiple of `streams`. Returns int16
    (streams, clips a stream * (gap_samples + samples) + the delay of the last window).
    """
    rows = np.resize(order, -(-len(order) // streams) * streams)
    period = gap_samples + clips.shape[1]
    length = len(rows) // streams * period + round(DELAY_S * SAMPLE_RATE_HZ)
    noise = np.random.default_rng(seed).normal(0.0, JOIN_RMS, (streams, length))
    joined = np.rint(noise).astype(np.int16)
    spans = joined[:, : length // period * period].reshape(streams, -1, period)
    spans[:, :, gap_samples:] = clips[rows].reshape(streams, -1, clips.shape[1])
    return joined
