"""Copies of a training set, each augmented in its own way, for the epochs to take in turn."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from kws.training.feature_store import Examples, FeatureStore
from kws.training.task import Task


class Versions:
    """Augmented copies of the training set, made once each, the next one while training goes on."""

    def __init__(
        self, task: Task, count: int, store: FeatureStore | None = None, *, is_maker: bool = True
    ) -> None:
        """Kept in `store`, or in memory without one; only the maker fills it, others wait."""
        self._task, self._count, self._store, self._is_maker = task, count, store, is_maker
        self._made: dict[int, Future[Examples]] = {}
        self._pool = ThreadPoolExecutor(1)
        self.waited_s = 0.0

    def __call__(self, epoch: int) -> Examples:
        """Return the copy for an epoch, and begin the next."""
        started = time.perf_counter()
        for index in (epoch % self._count, (epoch + 1) % self._count):
            if index not in self._made:
                self._made[index] = self._pool.submit(self._make, index)
        examples = self._made[epoch % self._count].result()
        self.waited_s += time.perf_counter() - started
        return examples

    def _make(self, index: int) -> Examples:
        if self._store is not None:
            while not self._is_maker and self._store.open(index) is None:
                time.sleep(0.1)
            return self._store(index, self._task.blocks)
        features, labels = zip(*self._task.blocks(index), strict=True)
        return np.concatenate(features), np.concatenate(labels)

    def close(self) -> None:
        """Give up copies that nobody waits for any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)
