"""The networks of the FastGRNN paper, trained as it says: `kws bench paper`.

Source: Kusupati et al., NeurIPS 2018, tables 3 and 5, and section 4 for the schedule. What differs
is said in `DIFFERENCES`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.settings.augment import AugmentConfig
from kws.settings.checks import check
from kws.settings.compression import CompressionConfig
from kws.settings.data import DataConfig
from kws.settings.model import FeatureConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.schedule import ScheduleConfig
from kws.settings.stages import stages_of
from kws.studies.paper_task import TASKS, PaperTask
from kws.support.cache import CACHE
from kws.training.comparison import compare
from kws.training.metrics import Metrics
from kws.training.run_folder import RunFolder
from kws.training.seeds import folder_of

FEATURES = FeatureConfig(hop_length=160, n_mels=32, n_mfcc=0, energy="absolute")
UNCHANGED = AugmentConfig(shift_ms=0.0, gain_db=(0.0, 0.0), noise_probability=0.0, speed=(1.0, 1.0))
AUGMENTED_VERSIONS = 12
STAGE_EPOCHS, INTEGER_EPOCHS = 100, 30
DIFFERENCES = (
    "Window: 32 ms (the engine's 512 samples, Hann) where the paper has 25 ms; hop 10 ms, 32 "
    "log-mel bands from 80 to 7,600 Hz, z-normalised by fixed numbers per band, in 8 bits.",
    "The states are clamped to [-1, 1), gradients to a norm of 1; Adam, batches of 100, learning "
    "rate 0.01 and a tenth of it in the last third of the epochs, for every network alike.",
    f"L+S+Q goes on from L+S for {INTEGER_EPOCHS} epochs (times the scale) with the C engine in "
    "the forward pass; its bytes are the whole file, a bitmap in place of the paper's indices.",
    "Bytes of the others are counted as the paper does: 4 a parameter in float and 1 in 8 bits, "
    "and as much again for the index of a weight in a thinned matrix; nn.GRU and nn.LSTM carry a "
    "second bias.",
)


@dataclass(frozen=True)
class Entry:
    """A row of the table: its name here, what it is called, and how far it is compressed."""

    name: str
    label: str
    cell: str
    is_low_rank: bool = False
    is_sparse: bool = False
    is_quantized: bool = False
    start: str = ""  # the row that it goes on from


ENTRIES = {
    entry.name: entry
    for entry in (
        Entry("rnn", "RNN", "rnn"),
        Entry("fastrnn", "FastRNN", "fastrnn"),
        Entry("fastgrnn", "FastGRNN, without L, S, Q", "fastgrnn"),
        Entry("fastgrnn-l", "FastGRNN, L", "fastgrnn", True),
        Entry("fastgrnn-ls", "FastGRNN, L+S", "fastgrnn", True, True),
        Entry("fastgrnn-lsq", "FastGRNN, L+S+Q", "fastgrnn", True, True, True, "fastgrnn-ls"),
        Entry("gru", "GRU", "gru"),
        Entry("lstm", "LSTM", "lstm"),
    )
}


@dataclass(frozen=True)
class Sizes:
    """The paper's sizes for a task; hidden sizes other than 100 follow from its kilobytes."""

    ranks: tuple[int, int]
    density: float
    hidden: dict[str, int]  # by name, where it is not 100


SIZES_12 = Sizes((16, 25), 0.30, {"gru": 128})
SIZES_30 = Sizes((16, 35), 0.20, {"gru": 128, "fastrnn": 128, "fastgrnn": 80})
# Accuracy in per cent on the testing part, and KB of float weights (of bytes for L+S+Q).
PUBLISHED_12: dict[str, tuple[float, float | None]] = {
    "rnn": (73.25, 56),
    "fastrnn": (92.21, 56),
    "fastgrnn": (93.18, 57),
    "fastgrnn-l": (93.76, None),
    "fastgrnn-ls": (92.60, None),
    "fastgrnn-lsq": (92.10, 5.5),
    "gru": (93.15, 248),
    "lstm": (92.30, 212),
}
PUBLISHED_30: dict[str, tuple[float, float | None]] = {
    "rnn": (80.05, 63),
    "fastrnn": (91.60, 96),
    "fastgrnn": (92.03, 45),
    "fastgrnn-l": (91.99, None),
    "fastgrnn-ls": (91.18, None),
    "fastgrnn-lsq": (90.78, 6.25),
    "gru": (91.41, 257),
    "lstm": (90.31, 219),
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all rows share. epochs_scale shortens the paper's 300 epochs.

    readout: whose logits are a clip's, those of the "last" frame as in the paper or the "max" of
    all frames, as this project's own models. augmented: train on varied copies, as they do.
    """

    data: Path
    task: str = "commands10"
    epochs_scale: float = 1.0
    readout: str = "last"
    augmented: bool = False

    def __post_init__(self) -> None:
        check(self.task in TASKS, f"task is {self.task!r}; choose one of {', '.join(TASKS)}.")
        check(
            0 < self.epochs_scale <= 10,
            f"epochs_scale is {self.epochs_scale}; choose more than 0, up to 10.",
        )

    @property
    def sizes(self) -> Sizes:
        """The paper's sizes; ten classes take those of Google-12."""
        return SIZES_30 if self.task == "google30" else SIZES_12

    @property
    def published(self) -> dict[str, tuple[float, float | None]]:
        """The paper's figures, those of Google-12 for ten classes."""
        return PUBLISHED_30 if self.task == "google30" else PUBLISHED_12

    def epochs(self, of_the_paper: int) -> int:
        """Return so many of the paper's epochs, scaled, at least one."""
        return max(1, round(of_the_paper * self.epochs_scale))


@dataclass(frozen=True)
class Run:
    """One training of a row: the row's name, and what was measured."""

    name: str
    metrics: Metrics


def recipe_of(entry: Entry, setting: Setting, seed: int) -> Recipe:
    """Return everything that decides the training of a row, but its starting point."""
    sizes, stage = setting.sizes, setting.epochs(STAGE_EPOCHS)
    rank_w, rank_u = sizes.ranks if entry.is_low_rank else (0, 0)
    density = sizes.density if entry.is_sparse else 1.0
    first = 0 if entry.is_quantized else stage if entry.is_sparse else 3 * stage
    later = stage if entry.is_sparse and not entry.is_quantized else 0
    return Recipe(
        task="commands",
        name=f"{entry.name}-{setting.readout}",
        words=TASKS[setting.task],
        seed=seed,
        max_bytes=65_535,
        data=DataConfig(
            corpus=str(setting.data), unknown_share=1.0, garbled_share=0.0, stream_clips=1
        ),
        features=FEATURES,
        network=NetworkConfig(
            cell=entry.cell,
            hidden=sizes.hidden.get(entry.name, 100),
            rank_w=rank_w,
            rank_u=rank_u,
        ),
        compression=CompressionConfig(
            w="sparse8", u="sparse8", classifier="int8", density_w=density, density_u=density
        ),
        augment=AugmentConfig() if setting.augmented else UNCHANGED,
        schedule=ScheduleConfig(
            float_epochs=first,
            thresholding_epochs=later,
            fixed_support_epochs=later,
            quantized_epochs=setting.epochs(INTEGER_EPOCHS) if entry.is_quantized else 0,
            batch_size=100,
            learning_rate=1e-2,
            annealing="step",
            quantized_learning_rate=1e-3,
            weight_decay=0.0,
            versions=AUGMENTED_VERSIONS if setting.augmented else 1,
        ),
    )


def run(
    setting: Setting,
    folder: Path,
    *,
    only: Sequence[str] = (),
    seeds: int = 1,
    say: Callable[[str], None] = print,
) -> list[Run]:
    """Train the rows named (all of them by default), each with so many seeds; return their runs.

    Each run keeps checkpoint and metrics in folder/<task>/<row>/seed<N>; what is done is not done
    again. The result has a row's runs in order of their seeds.
    """
    for name in only:
        check(name in ENTRIES, f"There is no network {name!r}; choose from {', '.join(ENTRIES)}.")
    check(seeds >= 1, f"seeds is {seeds}; give at least 1.")
    runs = []
    for name in only or ENTRIES:
        for seed in range(seeds):
            metrics = _trained(ENTRIES[name], setting, seed, folder / setting.task, say)
            runs.append(Run(name, metrics))
            say(
                f"{ENTRIES[name].label}, seed {seed}: {100 * metrics.accuracy('validation'):.2f} % "
                f"of validation ({metrics.measured}), {metrics.training_seconds:.0f} s"
            )
    return runs


def _trained(
    entry: Entry, setting: Setting, seed: int, folder: Path, say: Callable[[str], None]
) -> Metrics:
    recipe = recipe_of(entry, setting, seed)
    place = folder_of(folder / entry.name, seed)
    done = RunFolder(place).finished_or_free(recipe)
    if done is not None:
        return done
    start = None
    if entry.start:
        _trained(ENTRIES[entry.start], setting, seed, folder, say)
        start = folder_of(folder / entry.start, seed)
    task = PaperTask(recipe, CACHE, readout=setting.readout)
    epochs = sum(stage.epochs for stage in stages_of(recipe))
    say(f"Training {entry.label}, seed {seed}: {epochs} epochs into {place}.")
    return compare(recipe, task, place, start=start)
