"""A training recipe: every setting of a model in one TOML file, which the shipped model keeps."""

import sys
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar

import tomli_w

from kws.augment import AugmentConfig
from kws.compress import CompressionConfig
from kws.config import (
    MAX_HIDDEN,
    WAKE_WORD_BYTES,
    DetectorConfig,
    FeatureConfig,
    check,
)
from kws.errors import ConfigError, KwsError
from kws.fastgrnn import CELLS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The network's sizes; hidden 0 takes the largest that fits in the recipe's max_bytes."""

    cell: str = "fastgrnn"
    hidden: int = 0
    rank_w: int = 0
    rank_u: int = 0

    def __post_init__(self) -> None:
        check(self.cell in CELLS, f"cell is {self.cell!r}; choose one of {', '.join(CELLS)}.")
        check(
            0 <= self.hidden <= MAX_HIDDEN,
            f"hidden is {self.hidden}; the engine takes 1 to {MAX_HIDDEN} units, 0 chooses.",
        )
        check(
            0 <= min(self.rank_w, self.rank_u) and max(self.rank_w, self.rank_u) <= MAX_HIDDEN,
            f"ranks are {self.rank_w} and {self.rank_u}; choose 0 (full) to {MAX_HIDDEN}.",
        )


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """The stages of training, in epochs; a stage of 0 epochs is left out.

    The sparse stages only take part where a density is below 1. `versions` is how many differently
    augmented copies of the training set are drawn; epochs take them in turn. `patience` ends a
    stage after so many epochs without a better validation score; 0 never does.
    """

    float_epochs: int = 80
    thresholding_epochs: int = 40
    fixed_support_epochs: int = 40
    quantized_epochs: int = 40
    batch_size: int = 128
    learning_rate: float = 1e-2
    quantized_learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    versions: int = 12
    patience: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "versions"):
            value = getattr(self, name)
            check(value >= 1, f"{name} is {value}; give at least 1.")
        for name in ("learning_rate", "quantized_learning_rate"):
            value = getattr(self, name)
            check(value > 0, f"{name} is {value}; give a positive number.")
        for setting in fields(self):
            value = getattr(self, setting.name)
            check(value >= 0, f"{setting.name} is {value}; it cannot be negative.")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the clips are, and how much of each kind a version of the training set takes.

    commands: one folder in the layout of Speech Commands in `corpus`. wake: folders of clips with
    the phrase, without it, and of noise; a folder that holds train/, validation/ and test/ keeps
    that split, any other is split by its files' names. unknown_share: unknown clips per epoch, in
    units of an average word. window_s: the length of a wake-word training window.
    """

    corpus: str = ""
    positives: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    unknown_share: float = 1.0
    silence_share: float = 1.0
    positive_windows: int = 1500
    negative_windows: int = 4500
    window_s: float = 2.4
    false_accepts_per_hour: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training run; the same recipe gives the same model."""

    TASKS: ClassVar[tuple[str, ...]] = ("commands", "wake")

    task: str
    name: str
    words: tuple[str, ...]
    seed: int = 0
    max_bytes: int = WAKE_WORD_BYTES
    data: DataConfig = field(default_factory=DataConfig)
    features: FeatureConfig = field(default_factory=lambda: FeatureConfig(energy="delta"))
    network: NetworkConfig = field(default_factory=NetworkConfig)
    compression: CompressionConfig = field(default_factory=CompressionConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)

    def __post_init__(self) -> None:
        check(self.task in self.TASKS, f"task is {self.task!r}; choose {' or '.join(self.TASKS)}.")
        check(bool(self.name), "name is empty; give the model a name.")
        check(
            self.task == "commands" or len(self.words) == 1,
            f"words are {list(self.words)}; a wake-word model has exactly one phrase.",
        )
        check(
            200 <= self.max_bytes <= 65_535,
            f"max_bytes is {self.max_bytes}; choose 200 to 65,535.",
        )

    def to_toml(self) -> str:
        """Return the recipe as TOML text."""
        return tomli_w.dumps(_plain(asdict(self)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _build(kind: type, table: dict[str, Any], where: str) -> Any:
    """Make a config dataclass from a TOML table; ConfigError names a setting that is unknown."""
    known = {setting.name: setting for setting in fields(kind)}
    values = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"{where} has no setting {key!r}; it has {', '.join(known)}.")
        nested = known[key].type
        if isinstance(nested, type) and is_dataclass(nested):
            check(isinstance(value, dict), f"{where}.{key} is {value!r}; it must be a table.")
            value = _build(nested, value, f"{where}.{key}")
        elif isinstance(value, list):
            value = tuple(value)
        values[key] = value
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{where} has a setting of the wrong type or lacks one: {error}.") from None


def from_toml(text: str, where: str = "the recipe") -> Recipe:
    """Return the recipe in TOML text; ConfigError in one sentence where it is not valid."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not valid TOML: {error}.") from None
    recipe: Recipe = _build(Recipe, table, where)
    return recipe


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe file."""
    try:
        return from_toml(Path(path).read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, KwsError):
            raise
        raise ConfigError(f"The recipe {path} cannot be read: {error}.") from None
