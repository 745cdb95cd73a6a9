"""What every setting is checked with."""

import math
from dataclasses import fields
from typing import Any

from kws.errors import ConfigError


def check(holds: bool, sentence: str) -> None:
    """Raise ConfigError with `sentence` unless it holds."""
    if not holds:
        raise ConfigError(sentence)


def check_not_negative(config: Any) -> None:
    """Refuse numbers below zero, infinite ones and NaN."""
    for setting in fields(config):
        value = getattr(config, setting.name)
        if isinstance(value, (int, float)):
            check(0 <= value < math.inf, f"{setting.name} is {value}; give 0 or a number above.")
