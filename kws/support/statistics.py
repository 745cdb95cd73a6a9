"""Bounds of what was counted."""

import math

import numpy as np


def poisson_upper(count: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided upper bound of a Poisson mean after `count` events were seen.

    It is the mean at which `count` or fewer events have probability 1 - confidence (Garwood 1936;
    half the chi-square quantile with 2 (count + 1) degrees of freedom).
    """
    events = np.arange(count + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(events[1:]))])

    def chance_of_so_few(mean: float) -> float:
        return float(np.exp(events * math.log(mean) - mean - log_factorial).sum())

    low, high = max(count, 1e-9), count + 6.0 * math.sqrt(count + 1.0) + 20.0
    for _ in range(80):
        middle = (low + high) / 2
        if chance_of_so_few(middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return (low + high) / 2
