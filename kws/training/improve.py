"""`kws train wake --improve`: a model goes on from its bytes, with what it heard wrong.

Half of the recordings train, beside the data that the model was trained on; the other half is only
listened to, before and after.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kws.audio.files import find_audio, read_audio
from kws.corpus import wake_data
from kws.corpus.overlap import refuse_overlap
from kws.engine import model_file
from kws.engine.model_file import Model
from kws.engine.spotter import Spotter
from kws.errors import ConfigError
from kws.evaluation.clip_stream import JOIN_RMS, JOIN_S
from kws.settings.data import DataConfig
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.schedule import DistillationConfig
from kws.training import misheard, train
from kws.training.metrics import Metrics
from kws.training.misheard import FALSE_ACCEPTS, MISSED, Folders
from kws.training.run_folder import RunFolder

EPOCHS, VERSIONS, LEARNING_RATE = 30, 4, 1e-3
POSITIVE_WINDOWS, NEGATIVE_WINDOWS = 1000, 2500


def improve(
    model: Path | str,
    out: Path | str,
    *,
    missed: Folders = (),
    false_accepts: Folders = (),
    seed: int = 0,
    say: train.Say = print,
) -> Metrics | None:
    """Train a wake word further on recordings that it missed, and on others that it fired at.

    model: a folder with a .kws and its config.toml, or such a name. The folders of its recipe that
    are here are used again; without positives the phrase is spoken anew, without negatives all
    other talk that is here serves. Writes `out` as `train` does, with the recordings below
    out/heard. Returns the metrics, whose evaluations say how both models fare on the half that is
    kept apart. Raises ConfigError where the model has no recipe, there are too few recordings, or
    out/heard holds others.
    """
    before = model_file.load(model)
    recipe, out = _recipe_of(before), Path(out)
    if before.path is not None and out.resolve() == before.path.parent.resolve():
        raise ConfigError(f"{out} holds the model that is to be improved; give another --out.")
    rate_hz = before.features.sample_rate_hz
    given = {
        kind: misheard.find_readable(folders, kind, rate_hz)
        for kind, folders in ((MISSED, missed), (FALSE_ACCEPTS, false_accepts))
    }
    if not any(given.values()):
        raise ConfigError("There is nothing to improve on; give --missed DIR or --false-accepts.")
    refuse_overlap(given[MISSED], given[FALSE_ACCEPTS], "is given as missed and as a false accept")
    heard = misheard.keep({kind: paths for kind, paths in given.items() if paths}, out)
    improved = _improved(recipe, before, heard, seed, say)
    metrics = train.train(improved, out, say=say)
    if metrics is None:
        return None
    after = model_file.load(RunFolder(out).model(improved))
    found = compare(before, after, heard)
    metrics = dataclasses.replace(metrics, evaluations=(*metrics.evaluations, found))
    RunFolder(out).write_card(improved, metrics)
    RunFolder(out).write_results(improved, metrics)
    say(_told(found))
    return metrics


def _recipe_of(model: Model) -> Recipe:
    assert model.path is not None  # it was loaded by its path
    recipe = RunFolder(model.path.parent).recipe()
    if recipe is None:
        raise ConfigError(
            f"{model.path} has no recipe beside it (config.toml), by which it could be improved: "
            "put it into a folder with the one that it was trained by."
        )
    if recipe.task != "wake":
        raise ConfigError(
            f"{model.path} has the recipe of command words; only a wake word can be improved."
        )
    return recipe


def _improved(
    recipe: Recipe, model: Model, heard: Mapping[str, Path], seed: int, say: train.Say
) -> Recipe:
    """The recipe of the short training that goes on from a model."""
    assert model.path is not None
    schedule = dataclasses.replace(
        recipe.schedule,
        float_epochs=0,
        quantized_epochs=EPOCHS,
        quantized_learning_rate=LEARNING_RATE,
        versions=VERSIONS,
    )
    rank_w, rank_u = model.ranks
    sizes: NetworkConfig = dataclasses.replace(
        recipe.network, hidden=model.hidden, rank_w=rank_w, rank_u=rank_u
    )
    return dataclasses.replace(
        recipe,
        start=model.path.as_posix(),
        seed=seed,
        data=_data(recipe, heard, say),
        network=sizes,
        schedule=schedule,
        distillation=DistillationConfig(),
    )


def _data(recipe: Recipe, heard: Mapping[str, Path], say: train.Say) -> DataConfig:
    """What the model was trained on, as far as it is here, and what it heard wrong."""
    asked = recipe.data
    here = {
        kind: [
            folder
            for folder in getattr(asked, kind)
            if Path(folder).exists() and not wake_data.is_unfinished(Path(folder))
        ]
        for kind in ("positives", "negatives", "noise")
    }
    gone = [f for kind, some in here.items() for f in getattr(asked, kind) if f not in some]
    if gone:
        say(f"Without what is not here: {', '.join(gone)}.")
    phrase, has_talk = recipe.words[0], bool(here["negatives"])
    if not here["positives"]:
        spoken, near = wake_data.speak(phrase, wake_data.RAW / recipe.name, say=say)
        here["positives"], here["negatives"] = [str(spoken)], [*here["negatives"], str(near)]
    if not has_talk:  # near misses alone are none
        talk, noise = wake_data.other_sound(phrase)
        here["negatives"] += map(str, talk)
        here["noise"] = here["noise"] or list(map(str, noise))
    return dataclasses.replace(
        asked,
        positives=(*here["positives"], *_folder(heard, MISSED)),
        negatives=(*here["negatives"], *_folder(heard, FALSE_ACCEPTS)),
        noise=tuple(here["noise"]),
        positive_windows=POSITIVE_WINDOWS,
        negative_windows=NEGATIVE_WINDOWS,
    )


def _folder(heard: Mapping[str, Path], kind: str) -> tuple[str, ...]:
    return (heard[kind].as_posix(),) if kind in heard else ()


def compare(before: Model, after: Model, heard: Mapping[str, Path]) -> dict[str, Any]:
    """Return how often both models, each at its own threshold, fire at what was kept apart.

    name, and for `missed` and `false_accepts` where they were given: recordings, before, after;
    the latter two count misses and false accepts.
    """
    found: dict[str, Any] = {"name": "misheard recordings, kept apart"}
    for kind, folder in heard.items():
        kept = find_audio(folder / "test")
        counts = {}
        for when, model in (("before", before), ("after", after)):
            fired = sum(fires(model, path) for path in kept)
            counts[when] = len(kept) - fired if kind == MISSED else fired
        found[kind] = {"recordings": len(kept), **counts}
    return found


def fires(model: Model, path: Path) -> bool:
    """Whether a model detects its word in a recording, with low noise around it."""
    rate_hz = model.features.sample_rate_hz
    noise = np.random.default_rng(0).normal(0, JOIN_RMS, round(JOIN_S * rate_hz))
    quiet = np.rint(noise).astype(np.int16)
    samples = read_audio(path, rate_hz)
    return bool(Spotter(model).process(np.concatenate([quiet, samples, quiet])))


def _told(found: Mapping[str, Any]) -> str:
    parts = [
        f"{what} {found[kind]['after']} of {found[kind]['recordings']}, before "
        f"{found[kind]['before']}"
        for kind, what in ((MISSED, "missed"), (FALSE_ACCEPTS, "fired at"))
        if kind in found
    ]
    return f"Of the recordings kept apart: {'; '.join(parts)}."
