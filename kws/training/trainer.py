"""The training loop: stages of epochs, each with a checkpoint that survives a kill.

A task brings data, loss and validation; the loop neither knows words nor files. Everything random
is drawn from (seed, epoch), so a run that was killed and resumed ends with the same bytes.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from kws.engine import batch
from kws.engine.weights import Weights
from kws.errors import CorpusError
from kws.network import restored
from kws.network.fastgrnn import FastCell
from kws.network.network import Network
from kws.network.quantized import Normalization, QuantizedNetwork
from kws.settings.recipe import Recipe
from kws.settings.stages import Stage, stages_of
from kws.support.progress import progress
from kws.support.threads import one_thread
from kws.training.checkpoint import fingerprint, is_stalled, read_checkpoint, write_checkpoint
from kws.training.copies import Versions
from kws.training.distributed import Group, device_of
from kws.training.feature_store import FeatureStore
from kws.training.optimizers import ScheduledOptimizer, annealing_of, refuse_divergence
from kws.training.pieces import run_in_pieces
from kws.training.run_folder import CHECKPOINT
from kws.training.settling import SETTLE_EVERY, settling_loss
from kws.training.spec_augment import masked
from kws.training.state import TrainingState
from kws.training.task import Task, Teacher

GRADIENT_NORM = 1.0


class Trainer:
    """Trains one network through all stages of a recipe, into a folder."""

    def __init__(
        self,
        recipe: Recipe,
        task: Task,
        network: Network,
        folder: Path,
        *,
        store: FeatureStore | None = None,
        group: Group | None = None,
        teacher: Teacher | None = None,
        start: Weights | None = None,
        log: Callable[[dict[str, Any]], None] = lambda row: None,
    ) -> None:
        """`store` keeps the augmented copies on disk; `log` gets one row per epoch.

        `group`: the processes that train together; what they share must be the same in all.
        `teacher`: whose answers the network learns beside the labels. `start`: integers to go on
        from, of which training the last epoch is the result.
        """
        self.recipe, self.task, self.network, self.folder = recipe, task, network, folder
        self.log, self.start = log, start
        self.group, self.teacher = group or Group(), teacher
        self.device = device_of(network)
        network.to(self.device)
        is_maker = store is None or self.group.local_rank == 0
        self.versions = Versions(task, recipe.schedule.versions, store, is_maker=is_maker)
        first_features, labels = self.versions(0)
        if labels.size == 0:
            raise CorpusError("There is not one training clip; name folders that hold some.")
        clips = labels.size // len(labels)  # of each stream
        self.batch_size = min(max(1, recipe.schedule.batch_size // clips), len(labels))
        self.batches = len(labels) // self.batch_size
        self.examples = fingerprint(first_features, labels)
        fitted = Normalization.of(first_features)
        self.normalization = restored.restore(network, start) if start else fitted
        network.begin_at_rest(self.normalization(batch.silence(recipe.features)))
        self.calibration = first_features[:: max(1, len(first_features) // 512)]
        self.state = TrainingState(network, self._quantizer)

    def run(self, say: Callable[[str], None] = lambda line: None) -> bytes | None:
        """Train to the end; return the best model file. `say` is told where it goes on."""
        stages = stages_of(self.recipe)
        kept = self._read_checkpoint()
        position = (kept["stage"], kept["epoch"] + 1) if kept else (0, 0)
        total, done = sum(stage.epochs for stage in stages), len(self.state.history)
        if 0 < done < total:
            say(f"Going on after epoch {done} of {total}.")
        bar: Iterator[int] = iter(range(total - done))
        if self.group.is_first:
            bar = progress(total, label=f"Training {self.recipe.name}", unit="epochs", done=done)
        # FastGRNN's frames come one after another: a second thread takes its time for nothing.
        is_ours = isinstance(self.network.cell, FastCell)
        threads = one_thread() if is_ours else contextlib.nullcontext()
        with threads, contextlib.closing(self.versions):
            for number in range(position[0], len(stages)):
                is_begun = kept is not None and number == position[0]
                first = position[1] if is_begun else 0
                self._stage(number, stages[number], first, kept if is_begun else None, bar)
        for _ in bar:
            pass
        return self.state.best.get("model")

    def _stage(
        self, number: int, stage: Stage, first: int, kept: dict[str, Any] | None, bar: Iterator[int]
    ) -> None:
        state = self.state
        if first == 0:
            state.begin(stage)
        optimizer = self._optimizer(stage)
        if kept is not None:
            optimizer.load_state_dict(kept["optimizer"])
        for epoch in range(first, stage.epochs):
            if is_stalled(self.recipe, state.best, epoch):
                break
            row, figures = self._trained_epoch(stage, optimizer)
            state.history.append(row)
            state.remember_best(epoch, figures)
            if self.group.is_first:
                self._write_checkpoint(number, epoch, optimizer)
                self.log(row)
            next(bar, None)
        state.restore_best(stage)

    def _trained_epoch(
        self, stage: Stage, optimizer: ScheduledOptimizer
    ) -> tuple[dict[str, Any], dict[str, float]]:
        """Train and validate once; returns the row of the history, and the validation figures."""
        started = time.perf_counter()
        loss = self._epoch(stage, len(self.state.history), optimizer)
        self.group.check_equal(self.state.parameters)
        figures = self.group.from_first(self._validate(stage) if self.group.is_first else None)
        self.state.seconds += time.perf_counter() - started
        if self.start:  # what it knew before, it knows best at first
            figures["score"] = float(len(self.state.history))
        row = {
            "epoch": len(self.state.history) + 1,
            "stage": stage.name,
            "loss": loss,
            "learning_rate": optimizer.learning_rate,
            **figures,
        }
        return row, figures

    def _quantizer(self) -> QuantizedNetwork:
        quantized = QuantizedNetwork(
            self.network,
            self.normalization,
            self.recipe.compression,
            features=self.recipe.features,
            classes=self.task.classes,
            calibration=self.calibration,
        )
        quantized.detector = self.recipe.detector
        if self.start:
            restored.restore_steps(quantized, self.start)
        return quantized

    def _optimizer(self, stage: Stage) -> ScheduledOptimizer:
        schedule = self.recipe.schedule
        return ScheduledOptimizer(
            schedule.optimizer,
            self.state.parameter_groups(stage),
            learning_rate=stage.learning_rate,
            weight_decay=schedule.weight_decay,
            steps=stage.epochs * self.batches,
            annealing=annealing_of(schedule, stage),
            drop_at=stage.drop_at,
        )

    def _epoch(self, stage: Stage, epoch: int, optimizer: ScheduledOptimizer) -> float:
        """Take every batch once, and return the mean loss."""
        features, labels = self.versions(epoch)
        clips = labels.shape[1] if labels.ndim == 2 else 1  # of a stream
        version = epoch % self.recipe.schedule.versions
        answers = self.teacher.answers(version, clips) if self.teacher else None
        torch.manual_seed((self.recipe.seed * 1_000_003 + epoch) % 2**63)  # dropout's
        size = self.batch_size
        order = np.random.default_rng([self.recipe.seed, epoch]).permutation(len(labels))
        total = 0.0
        for first in range(0, len(order) - size + 1, size):
            rows = self.group.share(np.sort(order[first : first + size]))
            optimizer.zero_grad()
            if len(rows):
                given = None if answers is None else answers[rows]
                some = features[rows]
                loss = self._loss(stage, some, labels[rows], given)
                if first // size % SETTLE_EVERY == 0:
                    loss += settling_loss(self.state.module, self.normalization, some, self.recipe)
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.item() * len(rows) / size
            self.group.sum_gradients(self.state.parameters, len(rows) / size)
            refuse_divergence(total, epoch)
            nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
            optimizer.step()
            self.state.after_step(stage)
        return self.group.sum(total) / max(1, len(order) // size)

    def _loss(
        self, stage: Stage, features: np.ndarray, labels: np.ndarray, answers: np.ndarray | None
    ) -> Tensor:
        logits = self._logits(stage, features)
        loss = self.task.loss(logits, torch.from_numpy(labels).to(logits.device))
        if self.teacher is not None and answers is not None:
            loss = self.teacher.loss(loss, logits, answers)
        return loss

    def _logits(self, stage: Stage, features: np.ndarray) -> Tensor:
        if stage.quantized:
            assert self.state.quantized is not None
            return cast(Tensor, self.state.quantized(features))
        inputs = self.normalization(features, self.device)
        if self.network.training:
            schedule = self.recipe.schedule
            inputs = masked(inputs, schedule.masked_frames, schedule.masked_bands)
        return cast(Tensor, self.network(inputs))

    def _validate(self, stage: Stage) -> dict[str, float]:
        def run(features: np.ndarray) -> np.ndarray:
            return run_in_pieces(lambda part: self._logits(stage, part), features)

        self.network.eval()  # a peer's batch normalization
        with self.state.averaged():
            model = self.state.encode() if stage.quantized else None
            figures = self.task.validate(run, model)
        self.network.train()
        return figures

    @property
    def _identity(self) -> dict[str, str]:
        return {"recipe": self.recipe.to_toml(), "examples": self.examples}

    def _write_checkpoint(self, stage: int, epoch: int, optimizer: ScheduledOptimizer) -> None:
        content = self._identity | self.state.content(stage, epoch, optimizer)
        write_checkpoint(self.folder / CHECKPOINT, content)

    def _read_checkpoint(self) -> dict[str, Any] | None:
        path = self.folder / CHECKPOINT
        kept = read_checkpoint(path, self._identity) if self.group.is_first else None
        kept = cast("dict[str, Any] | None", self.group.from_first(kept))
        if kept is not None:
            self.state.load(kept)
        return kept
