"""Train one network of any kind and measure it, in a folder that remembers: for comparisons.

A network that has a .kws form ships bytes and is measured through the C engine; any other is
measured in float and says so. A run that is done is not repeated, one that was killed goes on.
"""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kws.engine import batch, model_file
from kws.errors import ConfigError, KwsError
from kws.network.cost import costs
from kws.network.fit import untrained
from kws.network.network import Network
from kws.settings.model import LOGIT_ONE
from kws.settings.recipe import Recipe
from kws.settings.stages import stages_of
from kws.settings.toml import from_toml
from kws.support.files import replacing
from kws.training.checkpoint import tensors_of
from kws.training.commands import CommandTask
from kws.training.distributed import Group
from kws.training.feature_store import CACHE, FeatureStore
from kws.training.task import Run, Teacher
from kws.training.trainer import Trainer, pieces

NETWORK, CONFIG, METRICS = "network.pt", "config.toml", "metrics.json"
SUM = "network_sha256"  # among the metrics
FLOAT, INTEGERS = "float", "integers through the C engine"


def compare(
    recipe: Recipe,
    task: CommandTask,
    folder: Path,
    *,
    start: Path | None = None,
    cache: Path | None = None,
    teacher: Teacher | None = None,
) -> dict[str, Any]:
    """Train, measure and return the metrics, which also stand in folder/metrics.json.

    start: the folder of a finished run whose network this one begins with. cache: where copies of
    the training set are kept, in place of the usual place. teacher: whose answers it learns, too.
    ConfigError where the folder holds a run of other settings.
    """
    done = finished(recipe, folder)
    if done is not None:
        return done
    network = network_of(recipe, len(task.classes), start)
    trainer = Trainer(
        recipe,
        task,
        network,
        folder,
        store=FeatureStore(cache or CACHE, task.identity),
        group=Group(alone=True),  # the other processes of torchrun wait for teachers
        teacher=teacher,
    )
    data = trainer.run()
    network.cpu()
    metrics = {
        "name": recipe.name,
        "seed": recipe.seed,
        "measured": FLOAT if data is None else INTEGERS,
        **_accuracies(task, _runner(network, trainer, data)),
        **costs(network, recipe.features),
        "epochs": len(trainer.history),
        "training_seconds": round(trainer.seconds, 1),
        "seconds_waiting_for_features": round(trainer.versions.waited_s, 1),
    }
    if data is not None:
        metrics["model_bytes"] = len(data)
        model_file.save(folder / f"{recipe.name}.kws", data)
    state = io.BytesIO()
    torch.save(network.state_dict(), state)
    metrics[SUM] = hashlib.sha256(state.getbuffer()).hexdigest()
    # The metrics come last: where they are, all is.
    for name, content in (
        (NETWORK, state.getvalue()),
        (CONFIG, recipe.to_toml().encode()),
        (METRICS, (json.dumps(metrics, indent=1) + "\n").encode()),
    ):
        with replacing(folder / name, KwsError) as file:
            file.write(content)
    return metrics


def finished(recipe: Recipe, folder: Path) -> dict[str, Any] | None:
    """Return the metrics of a run that is done, None where it is not, or not begun."""
    try:
        metrics: dict[str, Any] = json.loads((folder / METRICS).read_text("utf-8"))
        config = (folder / CONFIG).read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} cannot be read: {error}; delete it to train anew.") from None
    if from_toml(config, str(folder / CONFIG)) != recipe:
        raise ConfigError(
            f"{folder} holds a run with other settings; choose another --to, or delete the folder."
        )
    return metrics


def network_of(recipe: Recipe, classes: int, start: Path | None) -> Network:
    """Return a network of the recipe, untrained or that of the finished run in `start`."""
    network = untrained(recipe, classes)
    if start is not None:
        _load(network, start / NETWORK)
    assert stages_of(recipe)
    return network


def _load(network: Network, path: Path) -> None:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        metrics = path.parent / METRICS
        wanted = json.loads(metrics.read_text("utf-8")).get(SUM) if metrics.exists() else None
        if wanted not in (None, hashlib.sha256(data).hexdigest()):
            raise ValueError("torch would read changed bytes without a word")
        network.load_state_dict(tensors_of(data))
    except Exception:  # torch raises whatever the damaged file makes it raise
        raise ConfigError(
            f"{path} is damaged, or not of the sizes in {CONFIG} beside it; train it anew."
        ) from None


def _runner(network: Network, trainer: Trainer, data: bytes | None) -> Run:
    def through_the_engine(features: np.ndarray) -> np.ndarray:
        assert data is not None
        logits, _ = batch.network_batch(model_file.parse(data), features)
        return logits.astype(np.float32) / LOGIT_ONE

    def in_float(features: np.ndarray) -> np.ndarray:
        network.eval()
        with torch.no_grad():
            parts = np.array_split(features, pieces(features))
            return torch.cat([network(trainer.normalization(part)) for part in parts]).numpy()

    return in_float if data is None else through_the_engine


def _accuracies(task: CommandTask, run: Run) -> dict[str, Any]:
    """Accuracy and clips of both held-out parts; the best epoch was chosen on validation."""
    found: dict[str, Any] = {}
    for split, clips in (("validation", task.validation), ("testing", task.testing)):
        features = batch.features_batch(clips.samples, task.recipe.features)
        answers = task.readout(torch.from_numpy(run(features))).argmax(1).numpy()
        found[split] = float((answers == clips.labels).mean())
        found[f"{split}_clips"] = len(clips)
    return found
