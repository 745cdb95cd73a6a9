"""Benchmark of a training step: FastGRNN's fused scan, its readable form, and torch's nn.GRU."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from kws.bench.timing import Figure, Found, Timings, gain, measure, median
from kws.network.fastgrnn import FastCell
from kws.network.network import Network
from kws.support.threads import one_thread

N_FEATURES = 32
CLASSES = 12
SIZES = {100: (16, 25), 32: (10, 15)}  # hidden units: ranks of W and U, as in the paper
GRU = "nn.GRU"
Works = dict[str, Callable[[], object]]


def bench_training(batch: int, frames: int, rounds: int) -> Found:
    """Forward, backward and Adam of one batch: of the layer alone, and of the whole network."""
    figures = []
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for hidden, ranks in SIZES.items():
            layers = _layers(torch.randn(batch, frames, N_FEATURES), hidden, ranks)
            figures += _figures(f"layer of {hidden}", measure(layers, rounds, label="training"))
            networks = _networks(torch.randn(batch, frames, N_FEATURES), hidden, ranks)
            figures += _figures(f"network of {hidden}", measure(networks, rounds, label="training"))
    return figures, [
        f"{batch} sequences of {frames} frames with {N_FEATURES} features; forward, backward and "
        "fused Adam, one thread.",
        "layer: all states, and a gradient for each; nn.GRU in the faster of its two layouts.",
        f"network: the layer and a classifier of {CLASSES}, maximum over time, cross-entropy.",
    ]


class _Eager(FastCell):
    """The equations one after another, as without the fused scan."""

    def forward(self, features: Tensor) -> Tensor:
        return self.eager(features)


class _Gru(nn.GRU):
    """nn.GRU without its last state."""

    def forward(self, features: Tensor) -> Tensor:  # type: ignore[override]
        states: Tensor = super().forward(features)[0]
        return states


def _layers(inputs: Tensor, hidden: int, ranks: tuple[int, int]) -> Works:
    works: Works = {}
    gradient = torch.randn(*inputs.shape[:2], hidden)
    for batch_first in (True, False):
        gru = _Gru(N_FEATURES, hidden, batch_first=batch_first)
        x, g = (t if batch_first else t.transpose(0, 1).contiguous() for t in (inputs, gradient))
        works[f"{GRU}, {'clips' if batch_first else 'frames'} first"] = _step(
            gru, partial(_backward, gru, x, g)
        )
    cells = {
        f"FastGRNN, ranks {ranks[0]} and {ranks[1]}": FastCell(N_FEATURES, hidden, ranks),
        "FastGRNN, full": FastCell(N_FEATURES, hidden),
        "FastGRNN, full, without the scan": _Eager(N_FEATURES, hidden),
    }
    for name, cell in cells.items():
        works[name] = _step(cell, partial(_backward, cell, inputs, gradient))
    return works


def _networks(inputs: Tensor, hidden: int, ranks: tuple[int, int]) -> Works:
    labels = torch.randint(CLASSES, (len(inputs),))
    works: Works = {}
    for name, cell, used in (
        (GRU, "gru", (0, 0)),
        (f"FastGRNN, ranks {ranks[0]} and {ranks[1]}", "fastgrnn", ranks),
        ("FastGRNN, full", "fastgrnn", (0, 0)),
    ):
        network = Network(
            cell=cell, n_features=N_FEATURES, hidden=hidden, classes=CLASSES, ranks=used
        )

        def backward(network: Network = network) -> None:
            loss = nn.functional.cross_entropy(network(inputs).amax(1), labels)
            loss.backward()  # type: ignore[no-untyped-call]

        works[name] = _step(network, backward)
    return works


def _backward(module: nn.Module, inputs: Tensor, gradient: Tensor) -> None:
    module(inputs).backward(gradient)


def _step(module: nn.Module, backward: Callable[[], None]) -> Callable[[], None]:
    """Return a function that does one training step; `backward` fills the gradients."""
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        backward()
        optimizer.step()

    return step


def _figures(prefix: str, taken: Timings) -> list[Figure]:
    """Return a figure for each name, over the faster nn.GRU, of which only that one is shown."""
    grus = sorted((name for name in taken if name.startswith(GRU)), key=lambda n: median(taken, n))
    figures = [_figure(prefix, taken, grus[0])]
    for name in taken:
        if name not in grus:
            figures.append(_figure(prefix, taken, name, grus[0]))
    return figures


def _figure(prefix: str, taken: Timings, name: str, over: str = "") -> Figure:
    label = f"{prefix}: {name if over else GRU}"
    times = gain(taken, name, over) if over else None
    return Figure(label, median(taken, name) * 1e3, "ms of CPU", times, GRU if over else "")
