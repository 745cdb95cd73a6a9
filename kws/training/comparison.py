"""Train one network of any kind and measure it, in a folder that remembers: for comparisons.

A network that has a .kws form ships bytes and is measured through the C engine; any other is
measured in float and says so. A run that is done is not repeated, one that was killed goes on.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kws.engine import batch, model_file
from kws.network.cost import costs
from kws.network.fit import untrained
from kws.network.network import Network
from kws.settings.model import LOGIT_ONE
from kws.settings.recipe import Recipe
from kws.settings.stages import stages_of
from kws.support.cache import CACHE
from kws.training.distributed import Group
from kws.training.feature_store import FeatureStore
from kws.training.metrics import FLOAT, INTEGERS, SPLITS, Metrics
from kws.training.pieces import run_in_pieces
from kws.training.run_folder import RunFolder
from kws.training.task import ClipTask, Run, Teacher
from kws.training.trainer import Trainer


def compare(
    recipe: Recipe,
    task: ClipTask,
    folder: Path,
    *,
    start: Path | None = None,
    cache: Path | None = None,
    teacher: Teacher | None = None,
) -> Metrics:
    """Train, measure and return the metrics, which also stand in folder/metrics.json.

    start: the folder of a finished run whose network this one begins with. cache: where copies of
    the training set are kept, in place of the usual place. teacher: whose answers it learns, too.
    ConfigError where the folder holds an unfinished run of other settings.
    """
    run = RunFolder(folder)
    done = run.finished(recipe)
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
    metrics = _measured(task, trainer, data)
    if data is not None:
        run.write_model(recipe, data)
    metrics = dataclasses.replace(metrics, network_sha256=run.write_network(recipe, network))
    run.write_results(recipe, metrics)
    return metrics


def network_of(recipe: Recipe, classes: int, start: Path | None) -> Network:
    """Return a network of the recipe, untrained or that of the finished run in `start`."""
    network = untrained(recipe, classes)
    if start is not None:
        RunFolder(start).load_network(network)
    assert stages_of(recipe)
    return network


def _measured(task: ClipTask, trainer: Trainer, data: bytes | None) -> Metrics:
    recipe, network = trainer.recipe, trainer.network
    spent = costs(network, recipe.features)
    return Metrics(
        seed=recipe.seed,
        model_bytes=None if data is None else len(data),
        measured=FLOAT if data is None else INTEGERS,
        validation=trainer.state.best_figures,
        evaluations=_evaluations(task, _runner(network, trainer, data)),
        parameters=spent["parameters"],
        bytes_float32=spent["bytes_float32"],
        bytes_int8=spent["bytes_int8"],
        macs_per_second=spent["macs_per_second"],
        epochs=len(trainer.state.history),
        training_seconds=round(trainer.state.seconds, 1),
        seconds_waiting_for_features=round(trainer.versions.waited_s, 1),
    )


def _runner(network: Network, trainer: Trainer, data: bytes | None) -> Run:
    def through_the_engine(features: np.ndarray) -> np.ndarray:
        assert data is not None
        logits, _ = batch.network_batch(model_file.parse(data), features)
        return logits.astype(np.float32) / LOGIT_ONE

    def in_float(features: np.ndarray) -> np.ndarray:
        network.eval()
        return run_in_pieces(lambda part: network(trainer.normalization(part)), features)

    return in_float if data is None else through_the_engine


def _evaluations(task: ClipTask, run: Run) -> tuple[dict[str, Any], ...]:
    """Accuracy and clips of both held-out parts; the best epoch was chosen on validation."""
    found = []
    for split, clips in zip(SPLITS, (task.validation, task.testing), strict=True):
        features = batch.features_batch(clips.samples, task.recipe.features)
        answers = task.readout(torch.from_numpy(run(features))).argmax(1).numpy()
        accuracy = float((answers == clips.labels).mean())
        found.append({"name": split, "accuracy": accuracy, "clips": len(clips)})
    return tuple(found)
