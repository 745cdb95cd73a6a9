"""Misses and false accepts at many thresholds, and the one that costs least."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws.engine import batch
from kws.engine.model_file import Model
from kws.evaluation.placed import Stream
from kws.evaluation.verdict import Hit, Verdict, judge
from kws.settings.model import log_odds_q10, posterior, posterior_of
from kws.support.statistics import poisson_upper

# Log-odds of the thresholds that are tried: posteriors from 0.02 to 0.999994.
SWEEP_LOG_ODDS = np.arange(-4.0, 12.25, 0.25)
# Of those among which one is chosen, by misses and false accepts.
CHOICE_LOG_ODDS = np.arange(-2.0, 10.01, 0.25)
LEAST_HOURS = 1.0
NEAR_MISS_COST = 0.5  # of all near misses, in misses of the phrase: one in ten is one in twenty
# What people ask for, in false accepts an hour.
WISHES = {"once an hour": 1.0, "twice a day": 2 / 24, "once a day": 1 / 24}


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


def sweep(
    model: Model, stream: Stream, scores: NDArray[np.int16], log_odds: NDArray[np.float64]
) -> Iterator[tuple[float, Verdict]]:
    """Yield each threshold, given as log-odds, and what comes of it."""
    for tried in log_odds:
        threshold = posterior(float(tried))
        yield threshold, stream_verdict(model, stream, scores, threshold)


def cheapest_threshold(
    model: Model,
    stream: Stream,
    scores: NDArray[np.int16],
    openings: NDArray[np.int16],
    false_accept_cost: float,
) -> tuple[float, dict[str, float]]:
    """Return the posterior at which a stream costs least, and cost, miss_rate and per_hour there.

    The miss rate is that of the stream's phrases and of the phrases soon after a start together,
    whose scores `openings` holds: see `opening_scores`. The cost is that rate plus
    `false_accept_cost` for each false accept an hour, and NEAR_MISS_COST for the share of the near
    misses that fire. A stream of less than an hour counts as one.
    Where several thresholds cost the same, the middle one has the most room on both sides.
    """
    rows = []
    for threshold, verdict in sweep(model, stream, scores, CHOICE_LOG_ODDS):
        missed = len(verdict.missed) + int((openings < log_odds_q10(threshold)).sum())
        miss_rate = missed / (len(stream.positives) + len(openings))
        rate = len(verdict.false_accepts) / max(stream.negative_hours, LEAST_HOURS)
        near = len(verdict.fired_near_misses) / max(1, len(stream.near_misses))
        cost = miss_rate + false_accept_cost * rate + NEAR_MISS_COST * near
        rows.append((threshold, {"cost": cost, "miss_rate": miss_rate, "per_hour": rate}))
    least = min(figures["cost"] for _, figures in rows)
    best = [row for row in rows if row[1]["cost"] <= least + 1e-9]
    return best[len(best) // 2]


def suggested(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return for each of `WISHES` the operating point that misses least within its rate.

    points: as `operating_point` gives them. Each row also has `wish`, the rate wished for as
    `per_hour`, and `is_shown`: whether the recordings are long enough to say so, that is, whether
    the 95 % bound is within the rate. A wish that no threshold meets has no row.
    """
    rows = []
    for wish, rate in WISHES.items():
        if best := least_missed(points, rate):
            is_shown = best["false_accepts_per_hour_upper_95"] <= rate
            rows.append({"wish": wish, "per_hour": rate, **best, "is_shown": is_shown})
    return rows


def least_missed(points: Sequence[Mapping[str, Any]], rate: float) -> Mapping[str, Any] | None:
    """Return the point that misses least within a rate of false accepts an hour; None if none."""
    fits = [point for point in points if point["false_accepts_per_hour"] <= rate]
    return min(fits, key=lambda point: (point["miss_rate"], point["threshold"]), default=None)


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
