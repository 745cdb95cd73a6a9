"""A training recipe: every setting of a model in one TOML file, which the shipped model keeps."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

from kws.settings.augment import AugmentConfig
from kws.settings.checks import check, is_file_name
from kws.settings.compression import CompressionConfig
from kws.settings.data import DataConfig
from kws.settings.model import MAX_CLASSES, WAKE_WORD_BYTES, DetectorConfig, FeatureConfig
from kws.settings.network import NetworkConfig
from kws.settings.schedule import DistillationConfig, ScheduleConfig


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training run; the same recipe gives the same model.

    start: a model, by its folder or name, whose integers the network goes on from; empty for none.
    """

    TASKS: ClassVar[tuple[str, ...]] = ("commands", "wake")

    task: str
    name: str
    words: tuple[str, ...]
    seed: int = 0
    max_bytes: int = WAKE_WORD_BYTES
    start: str = ""
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
            is_file_name(f"{self.name}.kws"),
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
            self.task == "commands" or self.distillation.total == self.distillation.teachers,
            "A wake word is taught by FastGRNNs that are trained for it; leave out `networks` and "
            "`convolutional`.",
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
        import tomli_w  # of the extra "train": a recipe can be read and checked without it

        table = asdict(self)
        if not self.start:
            del table["start"]
        return tomli_w.dumps(_plain(table))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
