"""`kws train wake PHRASE`: a wake word from nothing but its name."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kws.audio.files import find_audio
from kws.corpus import wake_data
from kws.corpus.sources import engine_of
from kws.settings.data import DataConfig
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.settings.model import WAKE_WORD_BYTES
from kws.settings.recipe import Recipe
from kws.settings.wake_defaults import (
    FLUENT_SHARE,
    NEGATIVE_WINDOWS,
    POSITIVE_WINDOWS,
    SHUFFLED_SHARE,
    WAKE_AUGMENT,
    WAKE_SCHEDULE,
    WAKE_TEACHERS,
    wake_features,
)
from kws.training import seeds as several
from kws.training import train
from kws.training.metrics import Metrics
from kws.training.run_folder import RunFolder

RUNS = Path("runs")
Folders = Sequence[Path | str]


def train_wake(
    phrase: str,
    positives: Folders = (),
    negatives: Folders = (),
    out: Path | str | None = None,
    *,
    noise: Folders = (),
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    max_bytes: int = WAKE_WORD_BYTES,
    seed: int = 0,
    seeds: int = 1,
    say: train.Say = print,
) -> Metrics | None:
    """Train a wake word on folders of clips with the phrase and without it.

    Without `positives` the phrase is spoken by every engine that is installed, into
    data/raw/<name>; without `negatives` data/negatives and what lies under data/raw stand for all
    other sound. `out` is runs/<name> unless given; `seeds` above 1 train so many and keep the
    best on validation. Errors are those of synthesis and training.
    """
    draft = wake_draft(phrase, sample_rate_hz=sample_rate_hz, max_bytes=max_bytes, seed=seed)
    folder = Path(out) if out else RUNS / draft.name
    for number in range(seed, seed + seeds):  # before anything is spoken
        run = RunFolder(several.folder_of(folder, number) if seeds > 1 else folder)
        run.check_free(replace(draft, seed=number), has_data=False)
    recipe = wake_recipe(draft, positives, negatives, noise, say=say)
    if seeds > 1:
        return several.best_of_seeds(recipe, folder, seeds, say=say)
    return train.train(recipe, folder, say=say)


def wake_draft(phrase: str, *, sample_rate_hz: int, max_bytes: int, seed: int) -> Recipe:
    """Return the recipe without its data, which refuses what is wrong with it."""
    return Recipe(
        task="wake",
        name=train.name_of(phrase),
        words=(phrase,),
        seed=seed,
        max_bytes=max_bytes,
        features=wake_features(sample_rate_hz),
        augment=WAKE_AUGMENT,
        schedule=WAKE_SCHEDULE,
        distillation=WAKE_TEACHERS,
    )


def wake_recipe(
    draft: Recipe,
    positives: Folders,
    negatives: Folders,
    noise: Folders,
    *,
    say: train.Say = print,
) -> Recipe:
    """Return the recipe, with what was not given spoken or found: see `train_wake`."""
    phrase = draft.words[0]
    near: list[Path] = []
    if not positives:
        spoken, near_misses = wake_data.speak(phrase, wake_data.RAW / draft.name, say=say)
        positives, near = [spoken], [near_misses]
    if not negatives:
        clips = (clip for folder in positives for clip in find_audio(folder))
        people = any(engine_of(clip) is None for clip in clips)
        negatives, found = wake_data.other_sound(phrase, has_people=people)
        noise = noise or found
        say(f"Against {', '.join(map(str, [*negatives, *near]))}.")
    data = DataConfig(
        positives=tuple(map(str, positives)),
        negatives=tuple(map(str, [*negatives, *near])),
        noise=tuple(map(str, noise)),
        fluent_share=FLUENT_SHARE,
        shuffled_share=SHUFFLED_SHARE,
        positive_windows=POSITIVE_WINDOWS,
        negative_windows=NEGATIVE_WINDOWS,
    )
    return replace(draft, data=data)
