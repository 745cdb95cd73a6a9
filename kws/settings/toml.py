"""Recipes as TOML: one file holds every setting of a model."""

import sys
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args

from kws.errors import ConfigError
from kws.settings.checks import check
from kws.settings.recipe import Recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def _build(kind: Any, table: dict[str, Any], where: str, base: Any = None) -> Any:
    """Make a config dataclass of a TOML table, over `base`; ConfigError names what is amiss."""
    known = {setting.name: setting for setting in fields(kind)}
    values = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"{where} has no setting {key!r}; it has {', '.join(known)}.")
        values[key] = _value(known[key], value, f"{where}: {key}")
    if base is not None:
        return replace(base, **values)
    for key, setting in known.items():
        is_needed = setting.default is MISSING and setting.default_factory is MISSING
        check(key in table or not is_needed, f"{where} lacks the setting {key!r}; add it.")
    return kind(**values)


def _value(setting: Field[Any], value: Any, where: str) -> Any:
    """Return a TOML value as the type of its setting: a table, a list, or a single value."""
    if is_dataclass(setting.type):
        check(isinstance(value, dict), f"{where} is {value!r}; it must be a table.")
        # Over the recipe's own default, which need not be that of the table's class.
        assert setting.default_factory is not MISSING
        return _build(setting.type, value, where, setting.default_factory())
    kinds = get_args(setting.type)
    if not kinds:
        return _single(setting.type, value, where)
    check(isinstance(value, list), f"{where} is {value!r}; it must be a list.")
    size = len(value) if kinds[-1] is ... else len(kinds)
    check(len(value) == size, f"{where} is {value!r}; it must have {size} values.")
    return tuple(_single(kinds[0], item, where) for item in value)


def _single(kind: Any, value: Any, where: str) -> Any:
    name = {int: "a whole number", float: "a number", str: "text in quotes"}[kind]
    fits = type(value) is kind or (kind is float and type(value) is int)
    check(fits, f"{where} has {value!r}; it must be {name}.")
    return kind(value)


def from_toml(text: str, where: str = "the recipe") -> Recipe:
    """Return the recipe in TOML text; ConfigError in one sentence where it is not valid."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not valid TOML: {error}.") from None
    except RecursionError:
        raise ConfigError(
            f"{where} nests its values too deeply; a recipe's lists hold none."
        ) from None
    recipe: Recipe = _build(Recipe, table, where)
    return recipe


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe file; ConfigError where it cannot be read or is not valid."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise ConfigError(f"The recipe {path} cannot be read: {reason}.") from None
    return from_toml(text, str(path))
