"""Accuracy against bytes: our networks of many sizes, peers on the same clips, published figures.

`kws bench frontier` trains what is missing, gathers what is there, and draws it.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from kws.corpus.listing import SILENCE, UNKNOWN
from kws.errors import ConfigError
from kws.network import fit
from kws.network.peers import BATCH_SIZE, DS_CNN_CHANNELS, DS_CNN_MFCC, DS_CNN_RATE
from kws.settings.checks import check
from kws.settings.command_defaults import compression_for, schedule_for, teachers_for
from kws.settings.model import FeatureConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.schedule import DistillationConfig, ScheduleConfig
from kws.settings.toml import load_recipe
from kws.studies.frontier_points import OURS, RETRAINED, SHIPPED, Point
from kws.support.cache import CACHE
from kws.training.commands import CommandTask
from kws.training.comparison import compare
from kws.training.metrics import Metrics
from kws.training.run_folder import CONFIG, METRICS, RunFolder
from kws.training.seeds import folder_of
from kws.training.train import train

SIZES = (512, 768, 1024, 2048, 4096, 5632, 8192, 16_384)  # bytes of the whole file
SPLIT = "validation"


@dataclasses.dataclass(frozen=True)
class Peer:
    """A peer that is trained on our clips: its network, its own features, epochs and rate."""

    label: str
    cell: str
    hidden: int
    features: FeatureConfig
    epochs: int
    learning_rate: float


LOG_MEL_32 = FeatureConfig(hop_length=160, n_mels=32, n_mfcc=0, energy="absolute")
LOG_MEL_40 = FeatureConfig(hop_length=160, n_mfcc=0, energy="absolute")
DS_CNN_FEATURES = FeatureConfig(hop_length=320, n_mfcc=DS_CNN_MFCC, energy="absolute")
PEERS = {
    "gru": Peer("nn.GRU, 128 units", "gru", 128, LOG_MEL_32, 40, 3e-3),
    "ds-cnn-s": Peer("DS-CNN-S", "ds_cnn", DS_CNN_CHANNELS, DS_CNN_FEATURES, 60, DS_CNN_RATE),
    "bc-resnet-0.625": Peer("BC-ResNet-0.625", "bc_resnet", 20, LOG_MEL_40, 40, 5e-3),
    "bc-resnet-1": Peer("BC-ResNet-1", "bc_resnet", 32, LOG_MEL_40, 40, 5e-3),
}
PEER_VERSIONS = 16  # their log-mel copies are large
NAMES = (*(f"ours-{size}" for size in SIZES), *PEERS)


def check_names(names: Iterable[str]) -> None:
    """Raise ConfigError where one of them is none of NAMES."""
    for name in names:
        check(name in NAMES, f"There is no network {name!r}; choose from {', '.join(NAMES)}.")


def recipe_of(name: str, template: Recipe, seed: int, epochs_scale: float) -> Recipe:
    """Return the recipe of one of NAMES: the template's clips, sizes by the name.

    A network of ours keeps the template's features, so that all sizes share their teachers; its
    schedule is that of its size, scaled. A peer has its own.
    """
    check_names([name])
    check(0 < epochs_scale <= 10, f"epochs_scale is {epochs_scale}; choose above 0, up to 10.")

    def epochs(count: int) -> int:
        return max(1, round(count * epochs_scale)) if count else 0

    if name in PEERS:
        return _peer_recipe(name, template, seed, epochs)
    return _own_recipe(int(name.removeprefix("ours-")), template, seed, epochs)


def _peer_recipe(name: str, template: Recipe, seed: int, epochs: Callable[[int], int]) -> Recipe:
    peer = PEERS[name]
    return dataclasses.replace(
        template,
        name=name,
        seed=seed,
        max_bytes=65_535,
        data=dataclasses.replace(template.data, stream_clips=1),  # they are judged by clips
        features=peer.features,
        network=NetworkConfig(cell=peer.cell, hidden=peer.hidden),
        distillation=DistillationConfig(),
        schedule=ScheduleConfig(
            float_epochs=epochs(peer.epochs),
            batch_size=BATCH_SIZE,
            learning_rate=peer.learning_rate,
            versions=PEER_VERSIONS,
        ),
    )


def _own_recipe(size: int, template: Recipe, seed: int, epochs: Callable[[int], int]) -> Recipe:
    given = schedule_for(size)
    plain = dataclasses.replace(
        template,
        name=f"ours-{size}",
        seed=seed,
        max_bytes=size,
        network=NetworkConfig(cell=template.network.cell),
        compression=compression_for(size),
        distillation=teachers_for(size, template.words),
        schedule=dataclasses.replace(
            given,
            float_epochs=epochs(given.float_epochs),
            quantized_epochs=epochs(given.quantized_epochs),
            versions=template.schedule.versions,
        ),
    )
    classes = (*template.words, UNKNOWN, SILENCE)
    return dataclasses.replace(plain, network=fit.fit(plain, classes))


def template_of(path: Path, data: Path) -> Recipe:
    """Return the recipe from which all others are made, on these clips."""
    recipe = load_recipe(path)
    check(
        recipe.task == "commands" and bool(recipe.words),
        f"{path} is no recipe for command words; name one such as models/commands_5k/config.toml.",
    )
    return dataclasses.replace(
        recipe, data=dataclasses.replace(recipe.data, corpus=str(data)), network=NetworkConfig()
    )


def train_missing(
    template: Recipe,
    folder: Path,
    *,
    only: Sequence[str] = (),
    seeds: int = 1,
    epochs_scale: float = 1.0,
    say: Callable[[str], None] = print,
) -> None:
    """Train what is not there yet into folder/<name>/seed<N>; a killed run goes on."""
    check_names(only)
    for name in only or NAMES:
        for seed in range(seeds):
            recipe = recipe_of(name, template, seed, epochs_scale)
            place = folder_of(folder / name, seed)
            if RunFolder(place).finished_or_free(recipe) is not None:
                continue
            if name in PEERS:
                compare(recipe, CommandTask(recipe, CACHE), place)
            else:
                train(recipe, place, say=say)
            (point,) = points_of([place])
            say(f"{name}, seed {seed}: {100 * point.mean:.2f} %, {point.bytes:,} bytes")


def gather(folders: Iterable[Path], models: Path) -> list[Point]:
    """Return the points of all finished runs <folder>/<name>/seed<N>, and of shipped models."""
    found = []
    for folder in folders:
        for place in sorted(folder.glob("*/")):
            runs = [path.parent for path in sorted(place.glob(f"seed*/{METRICS}"))]
            found += points_of(runs)
    for path in sorted(models.glob(f"*/{METRICS}")):
        if load_recipe(path.parent / CONFIG).task == "commands":
            (point,) = points_of([path.parent])
            ships = point.group == OURS  # not a network that only teaches
            found.append(dataclasses.replace(point, group=SHIPPED) if ships else point)
    return found


def points_of(runs: Sequence[Path]) -> list[Point]:
    """Return the one point of runs that differ in their seeds; none of no runs."""
    if not runs:
        return []
    found = [_metrics(run) for run in runs]
    accuracies: list[float] = []
    for metrics in found:
        # Of a shipped model all its seeds, of which it is the best.
        each = metrics.seeds or [metrics.evaluation(SPLIT)]
        accuracies += [float(figures["accuracy"]) for figures in each]
    recipe = load_recipe(runs[0] / CONFIG)
    is_bytes = found[-1].model_bytes is not None
    return [
        Point(
            name=recipe.name,
            label=PEERS[recipe.name].label if recipe.name in PEERS else recipe.name,
            group=OURS if is_bytes else RETRAINED,
            bytes=max(metrics.model_bytes or metrics.bytes_int8 or 0 for metrics in found),
            accuracies=tuple(accuracies),
            task=f"{len(recipe.words) + 2} classes, {SPLIT}",
            measured="integers of the whole file, C engine"
            if is_bytes
            else "float; bytes: one a parameter",
        )
    ]


def _metrics(run: Path) -> Metrics:
    metrics = RunFolder(run).metrics()
    if metrics is None:
        raise ConfigError(f"{run} holds no finished run; train anew.")
    return metrics
