"""What a training run must know to go on after a kill, in one file that is whole or not there."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kws.errors import ConfigError
from kws.settings.recipe import Recipe
from kws.settings.stages import stages_of
from kws.settings.toml import from_toml
from kws.support.notices import Notice, tell
from kws.support.sealed import content_of, sealing


def fingerprint(*arrays: np.ndarray) -> str:
    """Return a hash of a training set, by which its checkpoint is known."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def is_stalled(recipe: Recipe, best: dict[str, Any], epoch: int) -> bool:
    """Whether a stage ends before this epoch, the best one being too long ago."""
    patience = recipe.schedule.patience
    return bool(patience and best and epoch - best["epoch"] > patience)


def recipe_of(path: Path) -> tuple[Recipe, bool] | None:
    """Return a checkpoint's recipe, and whether its training came to its end; None without one."""
    try:
        content = tensors_of(content_of(path) or b"")
        recipe = from_toml(content["recipe"])
        stage, epoch, best = content["stage"], content["epoch"], content["best"]
    except Exception:  # damaged, or of settings that are no more; `read_checkpoint` tells
        return None
    stages = stages_of(recipe)
    is_over = epoch + 1 == stages[-1].epochs or is_stalled(recipe, best, epoch + 1)
    return recipe, stage == len(stages) - 1 and is_over


def completed_recipe(path: Path) -> Recipe | None:
    """Return the recipe of a checkpoint whose training came to its end, else None."""
    found = recipe_of(path)
    return found[0] if found and found[1] else None


def taken(path: Path, what: str) -> ConfigError:
    """Return the refusal to train where a checkpoint of other settings or clips lies."""
    return ConfigError(
        f"{path.parent} holds a training with {what}; choose another --out, "
        f"or delete {path} to train anew."
    )


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Save tensors, numbers and text in place of the checkpoint before; ConfigError on failure."""
    buffer = io.BytesIO()  # torch.save itself reports a full disk as a fault of its format
    torch.save(content, buffer)
    with sealing(path, ConfigError) as file:
        file.write(buffer.getbuffer())


def tensors_of(data: bytes) -> Any:
    """Return what torch saved, on the processor wherever it lay; damaged data raises anything."""
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def read_checkpoint(path: Path, expected: dict[str, str]) -> dict[str, Any] | None:
    """Return the content of a checkpoint; None where there is none, or it is damaged.

    expected: the entries `recipe` and `examples` that it must have. ConfigError where they differ:
    to go on with other settings or clips would give a model of neither. A damaged file is said and
    set aside.
    """
    try:
        path.open("rb").close()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        data = content_of(path)
        content: dict[str, Any] = tensors_of(data or b"")
        found = {key: content[key] for key in expected}
    except Exception:  # torch raises whatever the damaged file makes it raise
        aside = path.with_name(f"{path.stem}.damaged{path.suffix}")
        try:
            path.replace(aside)
        except OSError as error:
            raise ConfigError(f"{path} is damaged and cannot be moved: {error.strerror}.") from None
        text = f"{path} is damaged; it is now {aside.name}, and the training begins anew"
        tell(Notice("damaged", text))
        return None
    for key, what in (("recipe", "other settings"), ("examples", "other clips")):
        if found[key] != expected[key]:
            raise taken(path, what)
    return content
