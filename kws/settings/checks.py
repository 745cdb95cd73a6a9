"""What every setting is checked with."""

import math
from dataclasses import fields
from typing import Any

from kws.errors import ConfigError


def check(holds: bool, sentence: str) -> None:
    """Raise ConfigError with `sentence` unless it holds."""
    if not holds:
        raise ConfigError(sentence)


def is_file_name(name: str) -> bool:
    """Tell whether a file can have this name, is not hidden by it, and taken for no option.

    No separator and nothing that does not print, 255 bytes at most, no dash or dot at its start.
    """
    is_plain = name.isprintable() and not set(name) & set("/\\")
    return is_plain and name[:1] not in ("", "-", ".") and len(name.encode()) <= 255


def is_text(name: str) -> bool:
    """Tell whether a path can be written down: bytes that are not UTF-8 cannot."""
    return not any(0xD800 <= ord(char) <= 0xDFFF for char in name)


def check_not_negative(config: Any) -> None:
    """Refuse numbers below zero, infinite ones and NaN."""
    for setting in fields(config):
        value = getattr(config, setting.name)
        if isinstance(value, (int, float)):
            check(0 <= value < math.inf, f"{setting.name} is {value}; give 0 or a number above.")
