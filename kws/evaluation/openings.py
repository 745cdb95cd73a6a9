"""Phrases soon after a start: a recording that opens with the word, a board after its reset.

One long stream has one start, so that it says nothing of how a phrase is heard there.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kws.audio.samples import Samples
from kws.audio.word import phrases
from kws.engine import batch
from kws.engine.model_file import Model
from kws.evaluation.clip_stream import JOIN_RMS
from kws.evaluation.verdict import GRACE_S

BEFORE_S = (0.0, 0.1, 0.5, 1.0)  # of low noise, in turn from phrase to phrase
LONGEST_S = 3.0  # of a phrase: more is not played


def opening_streams(positives: Sequence[Samples], rate_hz: int) -> Samples:
    """Each phrase cut out of its recording, and up to a second of low noise before it.

    Recordings whose samples are all 0 are left out; CorpusError where all are. Returns
    (phrases, samples) int16, the noise going on to the longest phrase's end and 1 s more.
    """
    longest = round(LONGEST_S * rate_hz)
    cut = [phrase[:longest] for phrase in phrases(positives, longest, rate_hz)]
    starts = [round(BEFORE_S[index % len(BEFORE_S)] * rate_hz) for index in range(len(cut))]
    length = max(start + len(phrase) for start, phrase in zip(starts, cut, strict=True))
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, JOIN_RMS, (len(cut), length + round(GRACE_S * rate_hz)))
    samples: Samples = np.rint(noise).astype(np.int16)
    for row, start, phrase in zip(samples, starts, cut, strict=True):
        row[start : start + len(phrase)] = phrase
    return samples


def opening_scores(model: Model, features: batch.Int16Array) -> NDArray[np.int16]:
    """The highest score of any word in each stream, from the state at rest.

    features: (phrases, frames, n_features) int16 of `opening_streams`. Returns (phrases,) int16
    log-odds with 10 fractional bits: a phrase is heard where this reaches the threshold.
    """
    logits, _ = batch.network_batch(model, features)
    words = [index for index, name in enumerate(model.classes) if name in model.words]
    highest = [batch.smooth(model, one)[:, words].max() for one in logits]
    return np.array(highest, np.int16)
