"""A training recipe: every setting of a model in one TOML file, which the shipped model keeps."""

import math
import sys
from dataclasses import MISSING, Field, asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, get_args

import tomli_w

from kws.augment import AugmentConfig
from kws.compress import CompressionConfig
from kws.config import (
    MAX_CLASSES,
    MAX_HIDDEN,
    WAKE_WORD_BYTES,
    DetectorConfig,
    FeatureConfig,
    check,
)
from kws.errors import ConfigError
from kws.fastgrnn import NETWORKS
from kws.optimizers import OPTIMIZERS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The network's sizes; hidden 0 takes the largest that fits in the recipe's max_bytes.

    nonlinearity: smooth (sigmoid and tanh), or hard (both piecewise linear, without a table).
    """

    NONLINEARITIES: ClassVar[tuple[str, ...]] = ("smooth", "hard")

    cell: str = "fastgrnn"
    nonlinearity: str = "smooth"
    hidden: int = 0
    rank_w: int = 0
    rank_u: int = 0

    def __post_init__(self) -> None:
        check(self.cell in NETWORKS, f"cell is {self.cell!r}; choose one of {', '.join(NETWORKS)}.")
        check(
            self.nonlinearity in self.NONLINEARITIES,
            f"nonlinearity is {self.nonlinearity!r}; choose one of "
            f"{', '.join(self.NONLINEARITIES)}.",
        )
        check(
            0 <= self.hidden <= MAX_HIDDEN,
            f"hidden is {self.hidden}; the engine takes 1 to {MAX_HIDDEN} units, 0 chooses.",
        )
        check(
            all(0 <= rank <= MAX_HIDDEN for rank in (self.rank_w, self.rank_u)),
            f"ranks are {self.rank_w} and {self.rank_u}; choose 0 (full) to {MAX_HIDDEN}.",
        )


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """The stages of training, in epochs; a stage of 0 epochs is left out.

    The sparse stages only take part where a density is below 1. `versions` is how many differently
    augmented copies of the training set are drawn; epochs take them in turn. `annealing` is the
    learning rate's course in the float stage, one-cycle or cosine; the sparse stages are cosine,
    and the quantized one is cosine or its third power, cosine-cubed.
    With "step", the paper's, it is constant and falls to a tenth after two thirds of the float
    stage, or where there are sparse stages, when the support is found.
    `optimizer`: adamw, or soap, which turns the gradient of each matrix to its eigenvectors first.
    `patience` ends a stage after so many epochs without a better validation score; 0 never does.
    `dropout`: share of the units that the float stage hides from the classifier, others in every
    clip. `masked_frames` and `masked_bands`: SpecAugment's widest masks in the float stage, 0 for
    none.
    """

    ANNEALINGS: ClassVar[tuple[str, ...]] = ("one-cycle", "cosine", "step")
    QUANTIZED_ANNEALINGS: ClassVar[tuple[str, ...]] = ("cosine", "cosine-cubed")

    float_epochs: int = 80
    thresholding_epochs: int = 40
    fixed_support_epochs: int = 40
    quantized_epochs: int = 40
    batch_size: int = 128
    optimizer: str = "adamw"
    learning_rate: float = 1e-2
    annealing: str = "one-cycle"
    quantized_learning_rate: float = 3e-3
    quantized_annealing: str = "cosine"
    weight_decay: float = 1e-4
    dropout: float = 0.0
    masked_frames: int = 0
    masked_bands: int = 0
    versions: int = 12
    patience: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "versions"):
            value = getattr(self, name)
            check(value >= 1, f"{name} is {value}; give at least 1.")
        for name in ("learning_rate", "quantized_learning_rate"):
            value = getattr(self, name)
            check(0 < value < math.inf, f"{name} is {value}; give a positive number.")
        check(0 <= self.dropout < 1, f"dropout is {self.dropout}; choose 0 (none) to less than 1.")
        for name, known in (
            ("optimizer", OPTIMIZERS),
            ("annealing", self.ANNEALINGS),
            ("quantized_annealing", self.QUANTIZED_ANNEALINGS),
        ):
            value = getattr(self, name)
            check(value in known, f"{name} is {value!r}; choose one of {', '.join(known)}.")
        _check_not_negative(self)


@dataclass(frozen=True, kw_only=True)
class DistillationConfig:
    """Teachers: larger float networks, which answer to the same copies of the clips.

    The network learns their mean answer beside the labels. networks: folders of finished networks
    (or names under models/) that know all its words. teachers: how many FastGRNNs are trained
    first; hidden, rank_w, rank_u, epochs, dropout: theirs. convolutional: how many DS-CNN-S, with
    convolutional_epochs each. None of all learns from the labels alone. share: the weight of the
    answer in the loss; temperature: by which logits are divided, so that what is less likely
    counts too.
    """

    networks: tuple[str, ...] = ()
    teachers: int = 0
    hidden: int = 200
    rank_w: int = 10
    rank_u: int = 50
    epochs: int = 64
    dropout: float = 0.15
    convolutional: int = 0
    convolutional_epochs: int = 40
    share: float = 0.6
    temperature: float = 2.0

    def __post_init__(self) -> None:
        for name in ("teachers", "convolutional"):
            value = getattr(self, name)
            check(0 <= value <= 16, f"{name} is {value}; choose 0 to 16.")
        for name in ("epochs", "convolutional_epochs"):
            value = getattr(self, name)
            check(value >= 1, f"{name} of a teacher is {value}; give at least 1.")
        check(1 <= self.hidden <= MAX_HIDDEN, f"hidden is {self.hidden}; choose 1 to {MAX_HIDDEN}.")
        check(0 <= self.share <= 1, f"share is {self.share}; choose 0 to 1.")
        check(
            0 < self.temperature < math.inf,
            f"temperature is {self.temperature}; give a positive number.",
        )

    @property
    def trained(self) -> int:
        """How many teachers are trained first, of both kinds."""
        return self.teachers + self.convolutional

    @property
    def total(self) -> int:
        """How many teachers there are."""
        return self.trained + len(self.networks)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the clips are, and how much of each kind a version of the training set takes.

    commands: one folder in the layout of Speech Commands in `corpus`. wake: folders of clips with
    the phrase, without it, and of noise; a folder that holds train/, validation/ and test/ keeps
    that split, any other is split by its files' names; commands take of `negatives` other speech
    for the unknown class and of `noise` other sounds for the silent one.
    unknown_share, silence_share, garbled_share, other_speech_share, other_noise_share: clips per
    epoch, in units of an average word. stream_clips: clips that are joined to a training stream.
    augmentation_seed: by which clips are drawn and varied, whatever the recipe's seed is.
    window_s: the length of a wake-word training window.
    fluent_share: how much of the other speech is taken without its pauses, word on word.
    false_accept_cost: what a false accept an hour weighs when the threshold and the best epoch are
    chosen, in misses: 0.06 is 6 % of the phrases.
    """

    corpus: str = ""
    positives: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    unknown_share: float = 1.5
    silence_share: float = 1.0
    garbled_share: float = 0.3
    other_speech_share: float = 0.2
    other_noise_share: float = 0.3
    stream_clips: int = 4
    augmentation_seed: int = 0
    positive_windows: int = 1500
    negative_windows: int = 4500
    window_s: float = 2.4
    fluent_share: float = 0.0
    false_accept_cost: float = 0.06

    def __post_init__(self) -> None:
        for name in ("positive_windows", "negative_windows"):
            value = getattr(self, name)
            check(value >= 1, f"{name} is {value}; give at least 1.")
        check(
            1 <= self.stream_clips <= 64,
            f"stream_clips is {self.stream_clips}; choose 1 (each clip by itself) to 64.",
        )
        check(
            0.5 <= self.window_s <= 30,
            f"window_s is {self.window_s}; choose 0.5 to 30 seconds, more than the phrase takes.",
        )
        _check_not_negative(self)


def _check_not_negative(config: Any) -> None:
    """Refuse numbers below zero, infinite ones and NaN."""
    for setting in fields(config):
        value = getattr(config, setting.name)
        if isinstance(value, (int, float)):
            check(0 <= value < math.inf, f"{setting.name} is {value}; give 0 or a number above.")


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
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)

    def __post_init__(self) -> None:
        check(self.task in self.TASKS, f"task is {self.task!r}; choose {' or '.join(self.TASKS)}.")
        check(
            bool(self.name) and not set(self.name) & set("/\\\0"),
            f"name is {self.name!r}; give the model a name that can be a file's.",
        )
        check(
            self.task == "commands" or len(self.words) == 1,
            f"words are {list(self.words)}; a wake-word model has exactly one phrase.",
        )
        for word in self.words:
            check(
                bool(word.strip()) and word[0] != "_" and word.isprintable(),
                f"{word!r} cannot be a word; name what is said, beginning with a letter.",
            )
        most = MAX_CLASSES - 2  # besides the words: unknown and silence
        check(
            len(self.words) <= most,
            f"there are {len(self.words)} words; the engine tells {most} apart.",
        )
        check(
            self.task == "commands" or self.distillation.total == 0,
            f"There are {self.distillation.total} teachers; only command words are taught by "
            "others.",
        )
        check(0 <= self.seed < 2**63, f"seed is {self.seed}; give a number from 0 to 2^63 - 1.")
        check(
            200 <= self.max_bytes <= 65_535,
            f"max_bytes is {self.max_bytes}; choose 200 to 65,535.",
        )

    def identity_of_copies(self, files: object) -> str:
        """Return everything that decides the augmented copies, `files` being what is read.

        How they are judged is no part of it, so that recipes of other sizes, seeds and costs find
        them in the cache.
        """
        data = replace(self.data, false_accept_cost=DataConfig.false_accept_cost)
        return repr((self.words, data, self.features, self.augment, files))

    def to_toml(self) -> str:
        """Return the recipe as TOML text."""
        return tomli_w.dumps(_plain(asdict(self)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


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
