"""Several processes, on one host or more, that train one network together (torchrun).

Each takes its share of every batch, and the sum of their gradients is that of one process up to the
rounding of floats. The first one validates, keeps the checkpoint and writes the results.
"""

import contextlib
import datetime
import gc
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from kws.errors import KwsError
from kws.network.fastgrnn import FastCell

# The first process of a host may train teachers while the others wait, for more than the half hour
# that gloo allows. A process that ends is noticed at once.
LONGEST_WAIT = datetime.timedelta(hours=12)


def device_of(network: nn.Module) -> torch.device:
    """Return where a network is trained: a GPU, one a process of this host, or the processor.

    FastGRNN stays on the processor: its fused scan is as fast there, and its quantized stage runs
    the engine itself.
    """
    if not torch.cuda.is_available() or any(isinstance(m, FastCell) for m in network.modules()):
        return torch.device("cpu")
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    return torch.device("cuda", local_rank % torch.cuda.device_count())


class Group:
    """The processes of a training; alone unless torchrun started several."""

    def __init__(self, *, alone: bool = False) -> None:
        """Join the others, or train `alone` while they wait; KwsError where none answers."""
        environment = {} if alone else os.environ
        self.rank = int(environment.get("RANK", "0"))
        self.size = int(environment.get("WORLD_SIZE", "1"))
        self.local_rank = int(environment.get("LOCAL_RANK", "0"))
        if self.size > 1 and not dist.is_initialized():
            try:
                has_gpu = torch.cuda.is_available() and dist.is_nccl_available()
                dist.init_process_group("cpu:gloo,cuda:nccl" if has_gpu else "gloo")
            except (RuntimeError, ValueError) as error:
                reason = str(error).splitlines()[0]
                raise KwsError(
                    f"Process {self.rank} cannot join the other {self.size - 1}: {reason}; start "
                    "all of them with torchrun, and the same --rdzv-endpoint on every host."
                ) from None

    @property
    def is_first(self) -> bool:
        """Whether this process validates, reports and writes."""
        return self.rank == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Return this process' rows of a batch; there may be none."""
        return rows[self.rank :: self.size]

    def sum_gradients(self, parameters: Sequence[Tensor], weight: float) -> None:
        """Replace every gradient by the sum over all processes of `weight` times it."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients]) * weight
        dist.all_reduce(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def sum(self, value: float) -> float:
        """Return the sum over all processes."""
        if self.size == 1:
            return value
        total = torch.tensor([value], dtype=torch.float64)
        dist.all_reduce(total)
        return float(total.item())

    def from_first(self, value: Any) -> Any:
        """Return what the first process has for `value`."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def check_equal(self, parameters: Sequence[Tensor]) -> None:
        """Raise KwsError unless all processes hold the same parameters, bit for bit."""
        if self.size == 1:
            return
        mine = torch.cat([p.detach().flatten() for p in parameters])
        firsts = mine.clone()
        dist.broadcast(firsts, src=0)
        differing = self.sum(float(not torch.equal(mine, firsts)))
        if differing:
            raise KwsError(
                f"{differing:.0f} of {self.size} processes have other weights than the first: "
                "run the same kws, torch and processor type on all hosts."
            )

    @contextlib.contextmanager
    def local_first(self) -> Iterator[None]:
        """Let the first process of each host do what fills a cache, and then the others."""
        if self.size == 1:
            yield
            return
        patient = dist.new_group(timeout=LONGEST_WAIT, backend="gloo")
        if self.local_rank:
            dist.barrier(patient)
        yield
        if not self.local_rank:
            dist.barrier(patient)
        dist.destroy_process_group(patient)

    def leave(self) -> None:
        """Part from the others."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()
            # gloo's threads must end before the interpreter does: at its exit they abort it.
            gc.collect()
