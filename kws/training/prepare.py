"""What several trainings share, made before they start: the copies of the windows, and teachers."""

from functools import lru_cache
from pathlib import Path

from kws.settings.recipe import Recipe
from kws.support.parallel import run_each
from kws.training.feature_store import FeatureStore
from kws.training.wake import WakeTask

LONG_WINDOWS = 100_000  # through all epochs: some ten seconds of training


def make_copies(recipe: Recipe, task: WakeTask, cache: Path) -> None:
    """Make the augmented copies of a wake word's windows that are not in the cache, on all cores.

    Errors are those of a training.
    """
    store = FeatureStore(cache, task.identity)
    missing = [index for index in range(recipe.schedule.versions) if store.open(index) is None]
    if len(missing) > 1:
        wanted = [(recipe, cache, index) for index in missing]
        run_each(_make_copy, wanted, label="Mixing the windows", apart=is_long(recipe))


def is_long(recipe: Recipe) -> bool:
    """Whether a training takes minutes, so that several are worth a process each."""
    data, schedule = recipe.data, recipe.schedule
    windows = data.positive_windows + data.negative_windows
    return windows * (schedule.float_epochs + schedule.quantized_epochs) > LONG_WINDOWS


def _make_copy(recipe: Recipe, cache: Path, index: int) -> None:
    task = _task(recipe, cache)
    FeatureStore(cache, task.identity)(index, task.blocks)


@lru_cache(maxsize=1)
def _task(recipe: Recipe, cache: Path) -> WakeTask:
    """One process makes several copies of one task."""
    return WakeTask(recipe, cache)
