"""Misses and false accepts at many thresholds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws.engine import batch
from kws.engine.model_file import Model
from kws.evaluation.recording_stream import Stream
from kws.evaluation.verdict import Hit, Verdict, judge
from kws.settings.model import posterior_of
from kws.support.statistics import poisson_upper

# Log-odds of the thresholds that are tried: posteriors from 0.02 to 0.999994.
SWEEP_LOG_ODDS = np.arange(-4.0, 12.25, 0.25)


def stream_verdict(
    model: Model, stream: Stream, scores: NDArray[np.int16], threshold: float | None
) -> Verdict:
    """Replay the detector over a stream's scores, and weigh its detections."""
    hop, frame_length = model.features.hop_length, model.features.frame_length
    return judge(
        stream,
        [
            Hit(frame * hop + frame_length, model.classes[index], posterior_of(score))
            for frame, index, score in batch.detect(model, scores, threshold)
        ],
    )


def operating_point(stream: Stream, threshold: float, verdict: Verdict) -> dict[str, Any]:
    """Return one row: the rates at a threshold, and the exact 95 % bound of the false accepts."""
    hours = stream.negative_hours
    false_accepts = len(verdict.false_accepts)
    return {
        "threshold": round(threshold, 6),
        "miss_rate": len(verdict.missed) / len(stream.positives),
        "false_accepts": false_accepts,
        "false_accepts_per_hour": false_accepts / hours,
        "false_accepts_per_hour_upper_95": poisson_upper(false_accepts) / hours,
    }
