"""Phrases soon after a start: a recording that opens with the word, a board after its reset.

One long stream has one start, so that it says nothing of how a phrase is heard there.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kws.audio.samples import Samples
from kws.audio.word import phrases
from kws.corpus.decoded import read_streams
from kws.engine import batch
from kws.engine.model_file import Model
from kws.evaluation.clip_stream import JOIN_RMS
from kws.evaluation.placed import Stream
from kws.evaluation.verdict import GRACE_S
from kws.settings.model import log_odds_q10

BEFORE_S = (0.0, 0.1, 0.5, 1.0)  # of low noise, in turn from phrase to phrase
SILENCE_S = 6.0  # of digital silence: a state that settles elsewhere than it began is there by then
SILENCED = 200  # phrases after silence at most, which tell whether it does
LONGEST_S = 3.0  # of a phrase: more is not played
LONGEST_RECORDING_S = 20
AT_ONCE = 256  # streams of up to 5 s each


def opening_streams(
    positives: Sequence[Samples],
    rate_hz: int,
    before_s: Sequence[float] = BEFORE_S,
    rms: float = JOIN_RMS,
) -> Samples:
    """Each phrase cut out of its recording, and noise before it.

    before_s, rms: how long the noise is, in turn, and how loud. Recordings whose samples are all 0
    are left out; CorpusError where all are. Returns (phrases, samples) int16, the noise going on to
    the longest phrase's end and 1 s more.
    """
    longest = round(LONGEST_S * rate_hz)
    cut = [phrase[:longest] for phrase in phrases(positives, longest, rate_hz)]
    starts = [round(before_s[index % len(before_s)] * rate_hz) for index in range(len(cut))]
    length = max(start + len(phrase) for start, phrase in zip(starts, cut, strict=True))
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, rms, (len(cut), length + round(GRACE_S * rate_hz)))
    samples: Samples = np.rint(noise).astype(np.int16)
    for row, start, phrase in zip(samples, starts, cut, strict=True):
        row[start : start + len(phrase)] = phrase
    return samples


def silenced_streams(positives: Sequence[Samples], rate_hz: int) -> Samples:
    """Some phrases as of `opening_streams`, after seconds of zeros, as a muted microphone gives."""
    heard = [samples for samples in positives if samples.any()]
    some = heard[:: max(1, -(-len(heard) // SILENCED))]
    return opening_streams(some, rate_hz, before_s=(SILENCE_S,), rms=0.0)


def opening_scores(model: Model, features: batch.Int16Array) -> NDArray[np.int16]:
    """The highest score of each class in each stream, from the state at rest.

    features: (phrases, frames, n_features) int16 of `opening_streams`. Returns (phrases, classes)
    int16 log-odds with 10 fractional bits: a phrase is heard where its word's reaches the
    threshold.
    """
    logits, _ = batch.network_batch(model, features)
    return np.stack([batch.smooth(model, one).max(0) for one in logits])


def moved_in_silence(model: Model) -> float:
    """How far 20 s of silence lead from the state at rest, at most, of a state's range of 1.

    A network with another place to settle in hears otherwise after a silence than after a start.
    """
    frames = round(20_000 / model.features.hop_ms)
    silence = np.tile(batch.silence(model.features), (1, frames, 1))
    _, states = batch.network_batch(model, silence, hidden=True, threads=1)
    assert states is not None
    last = states[0, -frames // 4 :].astype(np.int32)
    return float(np.abs(last - batch.rest(model)).max() / 32768)


def missed_soon_after_start(
    model: Model, stream: Stream, threshold: float, cache: Path | None
) -> dict[str, int]:
    """Play a stream's phrases once more, each soon after a start: how many, and how many missed.

    Recordings of more than LONGEST_RECORDING_S are none of one phrase, and are left out.
    """
    rate_hz = stream.sample_rate_hz
    longest = LONGEST_RECORDING_S * rate_hz
    clips = [clip for clip in stream.positives if clip.end - clip.start <= longest]
    counts = {"phrases": 0, "missed": 0}
    for first in range(0, len(clips), AT_ONCE):
        some = clips[first : first + AT_ONCE]
        paths = [clip.path for clip in some]
        heard = read_streams(paths, cache, sample_rate_hz=rate_hz, unread={})
        pairs = [pair for pair in zip(some, heard, strict=True) if pair[1].any()]
        if not pairs:
            continue
        streams = opening_streams([samples for _, samples in pairs], rate_hz)
        scores = opening_scores(model, batch.features_batch(streams, model.features))
        spoken = [model.classes.index(str(clip.word)) for clip, _ in pairs]
        highest = scores[np.arange(len(pairs)), spoken]
        counts["phrases"] += len(pairs)
        counts["missed"] += int((highest < log_odds_q10(threshold)).sum())
    return counts
