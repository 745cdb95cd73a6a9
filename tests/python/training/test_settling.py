"""States that go back to rest in silence: what is measured, and that training lowers it."""

import dataclasses
from typing import Any, cast

import numpy as np
import pytest
import torch
from toy_training import SHORT, Toy, make, recipe_of

from kws.engine import batch, model_file
from kws.network.fastgrnn import FastCell
from kws.network.quantized import QuantizedNetwork
from kws.settings.stages import stages_of
from kws.training.settling import AFTER, SILENCE_S, settling_loss
from kws.training.trainer import Trainer

SILENT = round(SILENCE_S * 1000 / recipe_of().features.hop_ms)


def trainer(folder, settling=1.0, **network) -> Trainer:
    """A network whose units forget within seconds."""
    made = make(recipe_of(dataclasses.replace(SHORT, settling=settling), **network), folder)
    if isinstance(made.network.cell, FastCell):
        assert made.network.cell.bias_gate is not None
        made.network.cell.bias_gate.data.fill_(4.0)
    return made


def moved(made: Trainer, windows: np.ndarray) -> torch.Tensor:
    return settling_loss(made.state.module, made.normalization, windows, made.recipe)


def by_hand(made: Trainer, windows: np.ndarray) -> float:
    """One window after another through the paper's equations."""
    cell = made.network.cell
    assert isinstance(cell, FastCell)
    silence = np.tile(batch.silence(made.recipe.features), (1, SILENT, 1))
    rest = cell.eager(made.normalization(silence), cell.rest())[0, 0]
    distances = []
    for before in (silence[0, : windows.shape[1]], *windows):
        heard = made.normalization(np.concatenate([before, silence[0]])[None])
        states = cell.eager(heard, cell.rest())[0, -(SILENT // 2) :]
        distances.append((states - rest).square().sum(1).mean().item())
    return float(np.mean(distances))


def test_it_is_the_squared_distance_from_rest_seconds_after_windows(tmp_path):
    made, windows = trainer(tmp_path), Toy().version(3)[0][:5]
    found = moved(made, windows)
    assert found.item() == pytest.approx(by_hand(made, windows), rel=1e-4) and found.item() > 0
    half = trainer(tmp_path, settling=0.5)
    assert moved(half, windows).item() == pytest.approx(found.item() / 2, rel=1e-4)


def test_of_many_windows_it_takes_some_at_equal_distances(tmp_path):
    made, windows = trainer(tmp_path), Toy().version(3)[0]
    some = windows[:: len(windows) // AFTER][:AFTER]
    assert moved(made, windows).item() == pytest.approx(by_hand(made, some), rel=1e-4)


def test_integers_are_measured_in_the_engine(tmp_path):
    made, windows = trainer(tmp_path), Toy().version(3)[0][:5]
    made.run()
    network = made.state.module
    assert isinstance(network, QuantizedNetwork)
    model = model_file.parse(network.encode())
    silence = batch.silence(made.recipe.features)
    heard = np.tile(silence, (6, windows.shape[1] + SILENT, 1))
    heard[1:, : windows.shape[1]] = windows
    states = cast(np.ndarray, batch.network_batch(model, heard, hidden=True)[1]) / 32768
    distance = np.square(states[:, -(SILENT // 2) :] - states[0, 0]).sum(2).mean()
    assert moved(made, windows).item() == pytest.approx(distance, rel=1e-4)


@pytest.mark.parametrize("is_quantized", [False, True])
def test_its_gradient_leads_to_rest(tmp_path, is_quantized):
    made, windows = trainer(tmp_path), Toy().version(3)[0]
    if is_quantized:
        made.state.begin(stages_of(made.recipe)[-1])
    optimizer = torch.optim.Adam(made.state.parameters, 0.002)
    distances = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = moved(made, windows)
        loss.backward()
        optimizer.step()
        distances.append(loss.item())
    assert distances[-1] < 0.5 * distances[0]


def test_the_loop_adds_it_to_the_loss(tmp_path):
    losses = []
    for settling in (0.0, 100.0):
        rows: list[dict[str, Any]] = []
        made = trainer(tmp_path / str(settling), settling)
        made.log = rows.append
        made.run()
        losses.append(rows[0]["loss"])
    assert losses[1] > losses[0] + 0.01


def test_peers_and_recipes_without_it_are_left_alone(tmp_path):
    windows = Toy().version(3)[0]
    assert moved(trainer(tmp_path / "gru", cell="gru"), windows).item() == 0
    assert moved(trainer(tmp_path / "none", settling=0.0), windows).item() == 0
