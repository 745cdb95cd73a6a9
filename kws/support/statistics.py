"""Bounds of what was counted."""

import math
from collections.abc import Callable

import numpy as np


def poisson_upper(count: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided upper bound of a Poisson mean after `count` events were seen.

    It is the mean at which `count` or fewer events have probability 1 - confidence (Garwood 1936;
    half the chi-square quantile with 2 (count + 1) degrees of freedom).
    """
    return _mean_where(lambda mean: _chance_of_at_most(count, mean) > 1 - confidence, count)


def poisson_lower(count: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided lower bound of a Poisson mean after `count` events were seen.

    It is the mean at which `count` or more events have probability 1 - confidence; also the
    quantile 1 - confidence of a gamma distribution of shape `count`. 0 where none was seen.
    """
    if not count:
        return 0.0
    return _mean_where(lambda mean: 1 - _chance_of_at_most(count - 1, mean) < 1 - confidence, count)


def _chance_of_at_most(count: int, mean: float) -> float:
    events = np.arange(count + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(events[1:]))])
    return float(np.exp(events * math.log(mean) - mean - log_factorial).sum())


def _mean_where(is_below: Callable[[float], bool], count: int) -> float:
    """Bisect for the mean up to which a condition holds."""
    low, high = 1e-9, count + 6.0 * math.sqrt(count + 1.0) + 20.0
    for _ in range(80):
        middle = (low + high) / 2
        if is_below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def interval_95(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share measured on `count` independent trials."""
    if count <= 0:
        return 0.0, 1.0
    z = 1.959964
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)
