"""Which threshold keeps a room's own sound below a wished-for rate of false accepts.

What was heard is counted as far as it reaches: three hours without a false accept show that there
are fewer than one an hour. For rarer ones the tail of the score's peaks is prolonged: above a high
level the log-odds of peaks fall off exponentially, so the mean excess of the highest ones over that
level tells how often a still higher one is to come (the peaks-over-threshold method of
extreme-value statistics; Davison and Smith, "Models for exceedances over high thresholds", 1990).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kws.engine import batch
from kws.engine.model_file import Model
from kws.evaluation.operating_points import SWEEP_LOG_ODDS, WISHES
from kws.settings.model import LOGIT_ONE, posterior
from kws.support.statistics import poisson_lower, poisson_upper

PEAK_S = 1.0  # two peaks within it are one
TAIL_PEAKS = 25  # the highest, of which the tail is made
FEWEST_PEAKS = 8
LARGEST_LOG_ODDS = 14.0  # beyond it a posterior is written as 1


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A threshold for a wish such as "once a day": rates in false accepts an hour.

    heard: detections of this threshold in what was heard. expected: the rate that is to be
    expected, None where the tail is unknown. upper_95: its 95 % bound. is_heard: whether the
    bound keeps the wish by counting alone, without prolonging the tail.
    """

    wish: str
    per_hour: float
    threshold: float
    heard: int
    expected: float | None
    upper_95: float
    is_heard: bool


def propose(model: Model, scores: NDArray[np.int16]) -> list[Proposal]:
    """Return a threshold for each of `WISHES` that can be met, from scores without the word.

    scores: (frames, classes) int16, the model's smoothed log-odds with 10 fractional bits of
    sound in which nobody said a word of the model. Empty where nothing was heard.
    """
    hours = len(scores) * model.features.hop_length / model.features.sample_rate_hz / 3600
    if not hours:
        return []
    tail = Tail.of(peaks(model, scores), hours)
    counts = [
        (log_odds, len(batch.detect(model, scores, posterior(log_odds))))
        for log_odds in SWEEP_LOG_ODDS
    ]
    proposals = []
    for wish, per_hour in WISHES.items():
        shown = next((row for row in counts if poisson_upper(row[1]) / hours <= per_hour), None)
        if shown:
            log_odds, heard = shown
            expected = tail.rate(log_odds) if tail else None
            upper, is_heard = poisson_upper(heard) / hours, True
        elif tail and (log_odds := tail.log_odds_of(per_hour)) <= LARGEST_LOG_ODDS:
            heard = len(batch.detect(model, scores, posterior(log_odds)))
            expected, upper, is_heard = per_hour, tail.upper_rate(log_odds), False
        else:
            continue
        proposals.append(
            Proposal(
                wish=wish,
                per_hour=per_hour,
                threshold=posterior(log_odds),
                heard=heard,
                expected=expected,
                upper_95=upper,
                is_heard=is_heard,
            )
        )
    return proposals


def peaks(model: Model, scores: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the score's peaks as log-odds, the highest first; two within a second are one."""
    columns = [index for index, word in enumerate(model.classes) if word in model.words]
    best = scores[:, columns].max(1) / LOGIT_ONE
    frames = max(1, round(PEAK_S * model.features.sample_rate_hz / model.features.hop_length))
    whole = len(best) // frames * frames
    highest = best[:whole].reshape(-1, frames).max(1)
    around = np.pad(highest, 1, constant_values=-np.inf)
    is_peak = (highest > around[:-2]) & (highest >= around[2:])
    return np.sort(highest[is_peak])[::-1]


@dataclass(frozen=True)
class Tail:
    """Peaks above `level`: `count` of them in `hours`, `scale` above it in the mean (log-odds)."""

    level: float
    count: int
    scale: float
    hours: float

    @classmethod
    def of(cls, peaks: NDArray[np.float64], hours: float) -> "Tail | None":
        """Fit the highest `peaks` (sorted, the highest first); None where there are too few."""
        count = min(TAIL_PEAKS, len(peaks) - 1)
        if count < FEWEST_PEAKS:
            return None
        scale = float(np.mean(peaks[:count] - peaks[count]))
        return cls(float(peaks[count]), count, max(scale, 1 / LOGIT_ONE), hours)

    def rate(self, log_odds: float) -> float:
        """Peaks an hour to be expected above some log-odds."""
        return self.count / self.hours * math.exp(-(log_odds - self.level) / self.scale)

    def log_odds_of(self, per_hour: float) -> float:
        """The log-odds above which so many are to be expected."""
        return self.level + self.scale * math.log(self.count / (self.hours * per_hour))

    def upper_rate(self, log_odds: float) -> float:
        """The 95 % bound of `rate`, where scale and number are both at theirs."""
        scale = self.scale * self.count / poisson_lower(self.count)
        return poisson_upper(self.count) / self.hours * math.exp(-(log_odds - self.level) / scale)
