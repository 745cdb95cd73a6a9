"""The training loop: stages, checkpoints that survive a kill, the choice of the best epoch.

A task brings data, loss and validation; the loop neither knows words nor files. Everything random
is drawn from (seed, epoch), so a run that was killed and resumed ends with the same bytes.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from kws.errors import ConfigError, CorpusError
from kws.network.fastgrnn import FastCell
from kws.network.network import Network
from kws.network.quantized import Normalization, QuantizedNetwork, keep_largest
from kws.settings.recipe import Recipe
from kws.settings.stages import Stage, stages_of
from kws.support.progress import progress
from kws.support.threads import one_thread
from kws.training.checkpoint import fingerprint, is_stalled, read_checkpoint, write_checkpoint
from kws.training.copies import Versions
from kws.training.distributed import Group, device_of
from kws.training.feature_store import FeatureStore
from kws.training.optimizers import Groups, ScheduledOptimizer
from kws.training.run_folder import CHECKPOINT
from kws.training.spec_augment import masked
from kws.training.task import Task, Teacher

GRADIENT_NORM = 1.0
STEP_RATE_SHARE = 0.3  # learning rate of the quantizers' steps, against the weights'


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
        log: Callable[[dict[str, Any]], None] = lambda row: None,
    ) -> None:
        """`store` keeps the augmented copies on disk; `log` gets one row per epoch.

        `group`: the processes that train together; what they share must be the same in all.
        `teacher`: whose answers the network learns beside the labels.
        """
        self.recipe, self.task, self.network, self.folder = recipe, task, network, folder
        self.log = log
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
        self.normalization = Normalization.of(first_features)
        self.calibration = first_features[:: max(1, len(first_features) // 512)]
        self.quantized: QuantizedNetwork | None = None
        self.masks: dict[str, Tensor] = {}
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {}
        self.seconds = 0.0

    def run(self) -> bytes | None:
        """Train to the end, from the checkpoint where there is one; return the best model file."""
        stages = stages_of(self.recipe)
        kept = self._read_checkpoint()
        position = (kept["stage"], kept["epoch"] + 1) if kept else (0, 0)
        total = sum(stage.epochs for stage in stages)
        bar: Iterator[int] = iter(range(total))
        if self.group.is_first:
            bar = progress(total, label=f"Training {self.recipe.name}", unit="epochs")
        for _ in range(len(self.history)):
            next(bar, None)
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
        return self.best.get("model")

    def _stage(
        self, number: int, stage: Stage, first: int, kept: dict[str, Any] | None, bar: Iterator[int]
    ) -> None:
        if first == 0:
            self.best = {}
        if stage.quantized and self.quantized is None:
            self.quantized = self._quantizer()
        optimizer = self._optimizer(stage)
        if kept is not None:
            optimizer.load_state_dict(kept["optimizer"])
        for epoch in range(first, stage.epochs):
            if is_stalled(self.recipe, self.best, epoch):
                break
            started = time.perf_counter()
            loss = self._epoch(stage, len(self.history), optimizer)
            self.group.check_equal(self._parameters())
            figures = self.group.from_first(self._validate(stage) if self.group.is_first else None)
            self.seconds += time.perf_counter() - started
            row = {
                "epoch": len(self.history) + 1,
                "stage": stage.name,
                "loss": loss,
                "learning_rate": optimizer.learning_rate,
                **figures,
            }
            self.history.append(row)
            self._remember_best(epoch, figures)
            if self.group.is_first:
                self._write_checkpoint(number, epoch, optimizer)
                self.log(row)
            next(bar, None)
        self._state().load_state_dict(self.best["state"])
        if stage.name == "thresholding":
            self._sparsify(stage)  # the best epoch has a support of its own

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
        return quantized

    def _state(self) -> nn.Module:
        return self.quantized if self.quantized is not None else self.network

    def _optimizer(self, stage: Stage) -> ScheduledOptimizer:
        schedule, rate = self.recipe.schedule, stage.learning_rate
        annealing = schedule.quantized_annealing if stage.quantized else "cosine"
        if stage.name == "float":
            annealing = schedule.annealing
        elif schedule.annealing == "step" and not stage.quantized:
            annealing = "step"
        groups: Groups = [{"params": list(self.network.parameters())}]
        if stage.quantized:
            assert self.quantized is not None
            log_steps = [p for n, p in self.quantized.named_parameters() if n.endswith("log_step")]
            groups.append({"params": log_steps, "lr": rate * STEP_RATE_SHARE, "weight_decay": 0.0})
        return ScheduledOptimizer(
            schedule.optimizer,
            groups,
            learning_rate=rate,
            weight_decay=schedule.weight_decay,
            steps=stage.epochs * self.batches,
            annealing=annealing,
            drop_at=stage.drop_at,
        )

    def _epoch(self, stage: Stage, epoch: int, optimizer: ScheduledOptimizer) -> float:
        features, labels = self.versions(epoch)
        answers = None
        if self.teacher is not None:
            index = epoch % self.recipe.schedule.versions
            answers = self.teacher.answers(index, labels.shape[1])
        torch.manual_seed((self.recipe.seed * 1_000_003 + epoch) % 2**63)  # dropout's
        size = self.batch_size
        order = np.random.default_rng([self.recipe.seed, epoch]).permutation(len(labels))
        total = 0.0
        for first in range(0, len(order) - size + 1, size):
            rows = self.group.share(np.sort(order[first : first + size]))
            optimizer.zero_grad()
            if len(rows):
                logits = self._logits(stage, features[rows])
                loss = self.task.loss(logits, torch.from_numpy(labels[rows]).to(logits.device))
                if self.teacher is not None and answers is not None:
                    loss = self.teacher.loss(loss, logits, answers[rows])
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.item() * len(rows) / size
            self.group.sum_gradients(self._parameters(), len(rows) / size)
            if not math.isfinite(total):
                raise ConfigError(
                    f"The loss of epoch {epoch + 1} is no longer a number: the training diverged; "
                    "lower learning_rate or quantized_learning_rate."
                )
            nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
            optimizer.step()
            self._sparsify(stage)
        return self.group.sum(total) / max(1, len(order) // size)

    def _parameters(self) -> list[nn.Parameter]:
        return list(self._state().parameters())

    def _logits(self, stage: Stage, features: np.ndarray) -> Tensor:
        if stage.quantized:
            assert self.quantized is not None
            logits: Tensor = self.quantized(features)
            return logits
        inputs = self.normalization(features, self.device)
        if self.network.training:
            schedule = self.recipe.schedule
            inputs = masked(inputs, schedule.masked_frames, schedule.masked_bands)
        logits = self.network(inputs)
        return logits

    def _sparsify(self, stage: Stage) -> None:
        """Iterative hard thresholding; afterwards the support that it found stays fixed."""
        cell = self.network.cell
        if min(stage.density_w, stage.density_u) == 1.0 or not isinstance(cell, FastCell):
            return
        for kind, factors, density in (
            ("W", cell.W, stage.density_w),
            ("U", cell.U, stage.density_u),
        ):
            for i, factor in enumerate(factors):
                if stage.name == "thresholding" or f"{kind}{i}" not in self.masks:
                    self.masks[f"{kind}{i}"] = keep_largest(factor, density)
                factor.data.mul_(self.masks[f"{kind}{i}"])

    def _validate(self, stage: Stage) -> dict[str, float]:
        def run(features: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                parts = [
                    self._logits(stage, part).cpu()
                    for part in np.array_split(features, pieces(features))
                ]
                return torch.cat(parts).numpy()

        model = self.quantized.encode() if stage.quantized and self.quantized else None
        self.network.eval()  # a peer's batch normalization
        figures = self.task.validate(run, model)
        self.network.train()
        return figures

    def _remember_best(self, epoch: int, figures: dict[str, float]) -> None:
        if not self.best or figures["score"] > self.best["figures"]["score"]:
            state = {k: v.detach().clone() for k, v in self._state().state_dict().items()}
            model = self.quantized.encode() if self.quantized is not None else None
            self.best = {"epoch": epoch, "figures": figures, "state": state, "model": model}

    @property
    def best_figures(self) -> dict[str, float]:
        """What the epoch that was chosen reached on validation."""
        return {key: value for key, value in self.best["figures"].items() if key != "score"}

    def _identity(self) -> dict[str, str]:
        return {"recipe": self.recipe.to_toml(), "examples": self.examples}

    def _write_checkpoint(self, stage: int, epoch: int, optimizer: ScheduledOptimizer) -> None:
        content = {
            **self._identity(),
            "stage": stage,
            "epoch": epoch,
            "is_quantized": self.quantized is not None,
            "state": self._state().state_dict(),
            "optimizer": optimizer.state_dict(),
            "masks": self.masks,
            "best": self.best,
            "history": self.history,
            "seconds": self.seconds,
        }
        write_checkpoint(self.folder / CHECKPOINT, content)

    def _read_checkpoint(self) -> dict[str, Any] | None:
        path = self.folder / CHECKPOINT
        kept = read_checkpoint(path, self._identity()) if self.group.is_first else None
        kept = cast("dict[str, Any] | None", self.group.from_first(kept))
        if kept is None:
            return None
        self.history, self.best = kept["history"], kept["best"]
        self.masks, self.seconds = kept["masks"], kept["seconds"]
        if kept["is_quantized"]:
            self.quantized = self._quantizer()
        self._state().load_state_dict(kept["state"])
        return kept


def pieces(features: np.ndarray) -> int:
    """Return in how many parts to run features, to bound their memory; none leaves lanes idle."""
    clips, frames = len(features), int(features.shape[1])
    return max(1, min(clips * frames // 50_000, clips // 32))
