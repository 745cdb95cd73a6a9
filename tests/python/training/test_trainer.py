"""The training loop: its stages, what it keeps of them, and that a kill changes nothing."""

import dataclasses
import errno
import io
import math
import os
import pickle
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from kws.engine import model_file
from kws.errors import ConfigError, CorpusError
from kws.network.network import Network
from kws.settings.compression import CompressionConfig
from kws.settings.model import FeatureConfig
from kws.settings.names import OPTIMIZERS
from kws.settings.network import NetworkConfig
from kws.settings.recipe import Recipe
from kws.settings.schedule import ScheduleConfig
from kws.settings.stages import stages_of
from kws.support.sealed import SEAL_BYTES, sealing
from kws.training import pieces
from kws.training.checkpoint import write_checkpoint
from kws.training.copies import Versions
from kws.training.run_folder import CHECKPOINT
from kws.training.trainer import Trainer

SPARSE = CompressionConfig(w="sparse8", u="sparse8", density_w=0.4, density_u=0.3)
SHORT = ScheduleConfig(
    float_epochs=2,
    thresholding_epochs=3,
    fixed_support_epochs=2,
    quantized_epochs=3,
    batch_size=16,
    versions=3,
)


class Toy:
    """Two classes of random features that a network can tell apart; validation as told."""

    classes: tuple[str, ...] = ("rising", "falling")

    def __init__(self, scores=None, *, clips=48, seed=0):
        self.scores, self.clips, self.seed = iter(scores or ()), clips, seed
        self.made: list[int] = []
        self.validated: list[bytes | None] = []

    def version(self, index):
        self.made.append(index)
        rng = np.random.default_rng([self.seed, index])
        labels = rng.integers(0, 2, self.clips)
        slope = np.linspace(-300, 300, 10)[None, :, None] * (1 - 2 * labels)[:, None, None]
        features = slope + rng.normal(0, 200, (self.clips, 10, 6))
        return features.astype(np.int16), labels

    identity = "a toy"

    def blocks(self, index):
        features, labels = self.version(index)
        yield features[:20], labels[:20]
        yield features[20:], labels[20:]

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits.amax(1), labels)

    def validate(self, run, model):
        features, labels = self.version(99)
        self.threads = torch.get_num_threads()
        logits = torch.from_numpy(run(features))
        self.validated.append(model)
        accuracy = (logits.amax(1).argmax(1).numpy() == labels).mean().item()
        return {"score": next(self.scores, accuracy), "accuracy": accuracy}


def recipe_of(schedule=SHORT, compression=None, **network) -> Recipe:
    return Recipe(
        task="commands",
        name="toy",
        words=("rising",),
        features=FeatureConfig(n_mfcc=6),
        network=NetworkConfig(**{"hidden": 8, "rank_w": 3, "rank_u": 4, **network}),
        compression=compression or CompressionConfig(),
        schedule=schedule,
    )


def make(recipe: Recipe, folder: Path, task=None, *, seed=0, log=lambda row: None) -> Trainer:
    torch.manual_seed(seed)
    task, sizes = task or Toy(), recipe.network
    network = Network(
        cell=sizes.cell,
        n_features=6,
        hidden=sizes.hidden,
        classes=len(task.classes),
        ranks=(sizes.rank_w, sizes.rank_u),
    )
    return Trainer(recipe, task, network, folder, log=log)


class Killed(Exception):
    pass


def kill_after(epoch: int):
    """A log that ends the run once this epoch's checkpoint is written."""

    def log(row):
        if row["epoch"] == epoch:
            raise Killed

    return log


def supports(network) -> dict[str, np.ndarray]:
    factors = {"W": network.cell.W, "U": network.cell.U}
    return {
        f"{name}{i}": (factor != 0).numpy()
        for name, pair in factors.items()
        for i, factor in enumerate(pair)
    }


# Stages


def names(recipe):
    return [(stage.name, stage.epochs) for stage in stages_of(recipe)]


def test_a_dense_network_is_trained_in_floats_and_then_in_the_engines_integers():
    assert names(recipe_of()) == [("float", 2), ("quantized", 3)]
    stages = stages_of(recipe_of())
    assert [stage.quantized for stage in stages] == [False, True]
    assert [stage.learning_rate for stage in stages] == [0.01, 0.003]


@pytest.mark.parametrize("densities", [(0.4, 0.3), (0.4, 1.0), (1.0, 0.3)])
@pytest.mark.parametrize("cell", ["fastgrnn", "fastrnn"])
def test_a_sparse_network_is_thinned_in_between_and_keeps_its_densities(cell, densities):
    compression = CompressionConfig(density_w=densities[0], density_u=densities[1])
    stages = stages_of(recipe_of(compression=compression, cell=cell))
    assert [stage.name for stage in stages] == [
        *("float", "thresholding", "fixed support", "quantized")
    ]
    assert (stages[0].density_w, stages[0].density_u) == (1.0, 1.0)
    assert all((stage.density_w, stage.density_u) == densities for stage in stages[1:])
    rates = [stage.learning_rate for stage in stages[:3]]
    assert rates[0] > rates[1] > rates[2] > 0


@pytest.mark.parametrize(("cell", "expected"), [("fastgrnn", 1), ("fastrnn", 1), ("gru", 3)])
def test_our_cells_train_on_one_thread_and_leave_the_number_as_it_was(tmp_path, cell, expected):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        task = Toy()
        schedule = dataclasses.replace(
            SHORT, thresholding_epochs=0, fixed_support_epochs=0, quantized_epochs=0
        )
        make(recipe_of(schedule, cell=cell), tmp_path, task).run()
        assert (task.threads, torch.get_num_threads()) == (expected, 3)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_peers_have_only_the_float_stage(cell):
    assert names(recipe_of(cell=cell)) == [("float", 2)]
    assert names(recipe_of(cell=cell, compression=SPARSE)) == [("float", 2)]


def test_a_stage_of_no_epochs_is_left_out():
    schedule = dataclasses.replace(SHORT, float_epochs=0, fixed_support_epochs=0)
    assert names(recipe_of(schedule, SPARSE)) == [("thresholding", 3), ("quantized", 3)]


@pytest.mark.parametrize("cell", ["fastgrnn", "fastrnn", "gru", "lstm", "rnn"])
def test_every_cell_learns_by_the_same_loop(cell, tmp_path):
    schedule = ScheduleConfig(
        float_epochs=24, quantized_epochs=0, batch_size=8, learning_rate=0.03, versions=2
    )
    rows: list[dict[str, Any]] = []
    made = make(recipe_of(schedule, cell=cell), tmp_path, log=rows.append)
    assert made.run() is None  # no quantized stage, no model file
    assert [row["stage"] for row in rows] == ["float"] * 24
    assert [row["epoch"] for row in rows] == list(range(1, 25))
    # FastRNN has to unlearn the hundred frames of silence before its ten: 8 epochs were not enough
    assert rows[-1]["loss"] < 0.7 * rows[0]["loss"]


# What is kept


def test_the_model_is_that_of_the_best_quantized_epoch(tmp_path):
    task = Toy(scores=[9.0, 9.0, 0.1, 0.3, 0.2])  # of two float and three quantized epochs
    made = make(recipe_of(), tmp_path, task)
    data = made.run()
    assert task.validated[:2] == [None, None]
    assert data == task.validated[3] and data not in (task.validated[2], task.validated[4])
    assert data and made.state.quantized
    assert made.state.quantized.encode() == data  # the network is that epoch's as well
    assert made.state.best["figures"]["score"] == 0.3
    model = model_file.parse(data)
    assert (model.hidden, model.ranks, model.classes) == (8, (3, 4), ("rising", "falling"))


def test_the_first_of_equally_good_epochs_is_kept(tmp_path):
    task = Toy(scores=[1.0] * 5)
    assert make(recipe_of(), tmp_path, task).run() == task.validated[2]


def test_the_quantized_stage_begins_at_the_best_float_epoch(tmp_path):
    states = []

    def log(row):
        states.append({k: v.clone() for k, v in made.network.state_dict().items()})

    schedule = dataclasses.replace(SHORT, float_epochs=3, quantized_epochs=0)
    made = make(recipe_of(schedule), tmp_path, Toy(scores=[0.1, 0.9, 0.5]), log=log)
    made.run()
    now = made.network.state_dict()
    assert all(torch.equal(now[key], states[1][key]) for key in now)
    assert not all(torch.equal(now[key], states[2][key]) for key in now)


def test_patience_ends_a_stage_after_so_many_epochs_without_a_better_score(tmp_path):
    schedule = dataclasses.replace(SHORT, float_epochs=20, quantized_epochs=20, patience=2)
    of_float, of_quantized = [0.1, 0.3, 0.2, 0.3], [0.5, 0.4, 0.6, 0.6, 0.1]
    rows: list[dict[str, Any]] = []
    task = Toy(scores=of_float + of_quantized + [99.0] * 40)
    data = make(recipe_of(schedule), tmp_path, task, log=rows.append).run()
    assert [row["stage"] for row in rows] == ["float"] * 4 + ["quantized"] * 5
    assert data == task.validated[6]
    # A second run finds everything done.
    again = make(recipe_of(schedule), tmp_path, Toy(), log=rows.append)
    assert again.run() == data and len(rows) == 9


def test_without_patience_every_epoch_is_run(tmp_path):
    made = make(recipe_of(), tmp_path, Toy(scores=[9, 8, 7, 6, 5]))
    made.run()
    assert len(made.state.history) == 5


# Sparsity


def test_a_sparse_network_ends_with_exactly_its_densities(tmp_path):
    rows: list[tuple[str, dict[str, np.ndarray]]] = []

    def log(row):
        rows.append((row["stage"], supports(made.network)))

    made = make(recipe_of(compression=SPARSE), tmp_path, log=log)
    made.run()
    for stage, masks in rows:
        for name, mask in masks.items():
            kept = max(1, round({"W": 0.4, "U": 0.3}[name[0]] * mask.size))
            assert mask.sum() == (mask.size if stage == "float" else kept), (stage, name)
    assert made.state.quantized
    matrices = made.state.quantized.weights()
    for name, shipped in zip(("W", "U"), (matrices.w, matrices.u), strict=True):
        for i, matrix in enumerate(shipped):
            assert matrix.kind == "sparse8"
            assert not np.any(matrix.weights[~rows[-1][1][f"{name}{i}"]])


def test_the_support_found_by_the_best_thresholding_epoch_stays_to_the_end(tmp_path):
    schedule = dataclasses.replace(SHORT, thresholding_epochs=6, learning_rate=1.0)
    scores = [1.0] * 2 + [0.1, 0.9] + [0.2] * 4  # the second of thresholding is the best
    rows: list[tuple[str, dict[str, np.ndarray]]] = []

    def log(row):
        rows.append((row["stage"], supports(made.network)))

    made = make(recipe_of(schedule, SPARSE), tmp_path, Toy(scores=scores), log=log)
    made.run()
    found, last = rows[3][1], rows[7][1]
    assert rows[7][0] == "thresholding"
    assert any(not np.array_equal(found[name], last[name]) for name in found)  # it did move on
    assert [stage for stage, _ in rows[8:]] == ["fixed support"] * 2 + ["quantized"] * 3
    for _, masks in rows[8:]:
        assert all(np.array_equal(masks[name], found[name]) for name in found)


def test_without_a_thresholding_stage_the_largest_weights_are_kept_all_the_same(tmp_path):
    schedule = dataclasses.replace(SHORT, thresholding_epochs=0, fixed_support_epochs=0)
    made = make(recipe_of(schedule, SPARSE, rank_w=0, rank_u=0), tmp_path)
    made.run()
    masks = supports(made.network)
    assert masks["W0"].sum() == round(0.4 * 8 * 6) and masks["U0"].sum() == round(0.3 * 8 * 8)


# Learning rate, loss, versions


def test_every_epoch_takes_all_clips_in_another_order(tmp_path):
    class Noting(Toy):
        seen: ClassVar[list[list[int]]] = []

        def loss(self, logits, labels):
            self.seen.append(labels.tolist())
            return super().loss(logits, labels)

    schedule = dataclasses.replace(SHORT, float_epochs=3, quantized_epochs=0, versions=1)
    make(recipe_of(schedule), tmp_path, task := Noting()).run()
    epochs = [task.seen[first : first + 3] for first in (0, 3, 6)]
    labels = sorted(task.version(0)[1].tolist())
    for batches in epochs:
        assert sorted(label for batch in batches for label in batch) == labels
    assert epochs[0] != epochs[1] != epochs[2]


@pytest.mark.parametrize("annealing", ["one-cycle", "cosine"])
def test_the_learning_rate_takes_the_course_that_the_recipe_names(annealing, tmp_path):
    schedule = ScheduleConfig(
        float_epochs=20, quantized_epochs=6, batch_size=48, versions=1, annealing=annealing
    )
    made = make(recipe_of(schedule), tmp_path)
    made.run()
    rates = [row["learning_rate"] for row in made.state.history]
    peak = int(np.argmax(rates[:20]))
    assert 0.9 * 0.01 < rates[peak] <= 0.01
    assert (1 <= peak <= 5) if annealing == "one-cycle" else peak == 0
    assert rates[peak:20] == sorted(rates[peak:20], reverse=True)
    assert rates[19] < 0.05 * 0.01
    assert rates[20:] == sorted(rates[20:], reverse=True) and rates[20] < 0.003


@pytest.mark.parametrize(("annealing", "halfway"), [("cosine", 0.5), ("cosine-cubed", 0.125)])
def test_the_quantized_stage_cools_as_the_recipe_says(annealing, halfway, tmp_path):
    schedule = ScheduleConfig(
        float_epochs=1, quantized_epochs=7, batch_size=48, versions=1, quantized_annealing=annealing
    )
    made = make(recipe_of(schedule), tmp_path)
    made.run()
    rates = [row["learning_rate"] / 0.003 for row in made.state.history[1:]]
    assert rates == sorted(rates, reverse=True)
    assert rates[3] == pytest.approx(halfway)
    assert rates[-1] < 0.05


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_that_diverges_is_told_and_leaves_the_checkpoint(optimizer, tmp_path):
    recipe = recipe_of(dataclasses.replace(SHORT, optimizer=optimizer))

    class Diverging(Toy):
        def loss(self, logits, labels):
            first_run = not (tmp_path / CHECKPOINT).exists()
            return super().loss(logits, labels) * (1.0 if first_run else math.nan)

    with pytest.raises(ConfigError, match=r"loss of epoch 2 .* lower learning_rate") as refusal:
        make(recipe, tmp_path, Diverging()).run()
    assert "\n" not in str(refusal.value)
    made = make(recipe, tmp_path)
    made.run()
    assert len(made.state.history) == 5


def test_every_version_is_made_once_and_epochs_take_them_in_turn(tmp_path):
    task = Toy()
    schedule = dataclasses.replace(SHORT, float_epochs=7, quantized_epochs=0)
    make(recipe_of(schedule), tmp_path, task).run()
    assert sorted(index for index in task.made if index != 99) == [0, 1, 2]
    versions = Versions(Toy(), 3)
    for epoch in range(7):
        assert np.array_equal(versions(epoch)[0], Toy().version(epoch % 3)[0])
    versions.close()


def test_the_next_version_is_made_while_this_one_trains():
    task = Toy()
    versions = Versions(task, 3)
    versions(0)
    versions.close()
    assert task.made in ([0, 1], [0])  # begun without being asked, unless close() came first
    versions = Versions(task := Toy(), 3)
    versions(0)
    versions._made[1].result(timeout=30)
    assert task.made == [0, 1]
    versions.close()


def test_what_goes_wrong_in_the_making_of_a_version_reaches_the_caller(tmp_path):
    class Broken(Toy):
        def version(self, index):
            if index == 1:
                raise CorpusError("clip 7 is gone")
            return super().version(index)

    with pytest.raises(CorpusError, match="clip 7 is gone"):
        make(recipe_of(), tmp_path, Broken()).run()


def test_a_training_set_without_clips_is_told(tmp_path):
    with pytest.raises(CorpusError, match="not one training clip"):
        make(recipe_of(), tmp_path, Toy(clips=0))


def test_fewer_clips_than_a_batch_are_one_batch(tmp_path):
    schedule = dataclasses.replace(SHORT, batch_size=1000)
    assert make(recipe_of(schedule), tmp_path, Toy(clips=5)).run() is not None


# Resuming


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("compression", [CompressionConfig(), SPARSE], ids=["dense", "sparse"])
def test_a_run_that_ends_after_any_epoch_goes_on_to_the_same_bytes(
    compression, optimizer, tmp_path
):
    recipe = recipe_of(dataclasses.replace(SHORT, optimizer=optimizer), compression)
    unbroken = make(recipe, tmp_path / "unbroken")
    data = unbroken.run()
    epochs = len(unbroken.state.history)
    assert epochs == (10 if compression is SPARSE else 5)
    for epoch in range(1, epochs + 1):
        folder = tmp_path / str(epoch)
        with pytest.raises(Killed):
            make(recipe, folder, log=kill_after(epoch)).run()
        # Other random initial weights: everything must come from the checkpoint.
        resumed = make(recipe, folder, seed=1)
        assert resumed.run() == data, epoch
        assert resumed.state.history == unbroken.state.history, epoch
        assert resumed.state.quantized and unbroken.state.quantized
        assert resumed.state.quantized.encode() == unbroken.state.quantized.encode(), epoch


@pytest.mark.parametrize("stage", ["fixed support", "quantized"])
def test_a_resumed_run_keeps_the_support_that_was_found(stage, tmp_path):
    """The support is the checkpoint's, be it another than that of the largest weights."""
    recipe = recipe_of(compression=SPARSE)
    stages = [name for name, epochs in names(recipe) for _ in range(epochs)]
    with pytest.raises(Killed):
        make(recipe, tmp_path, log=kill_after(stages.index(stage) + 1)).run()
    content = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    found = {name: mask.roll(1, -1) for name, mask in content["masks"].items()}
    assert any(not torch.equal(found[name], content["masks"][name]) for name in found)
    write_checkpoint(tmp_path / CHECKPOINT, {**content, "masks": found})
    resumed = make(recipe, tmp_path, seed=1)
    resumed.run()
    assert set(resumed.state.masks) == {"W0", "W1", "U0", "U1"}
    assert all(torch.equal(resumed.state.masks[name], found[name]) for name in found)


def test_a_run_that_ends_within_an_epoch_repeats_that_epoch(tmp_path):
    unbroken = make(recipe_of(), tmp_path / "unbroken")
    data = unbroken.run()

    class Interrupted(Toy):
        calls = 0
        at: frozenset[int]

        def loss(self, logits, labels):
            self.calls += 1
            if self.calls in self.at:
                raise Killed
            return super().loss(logits, labels)

    for at in (1, 5, 8, 13):  # three batches an epoch
        task = Interrupted()
        task.at = frozenset({at})
        with pytest.raises(Killed):
            make(recipe_of(), tmp_path / str(at), task).run()
        resumed = make(recipe_of(), tmp_path / str(at), seed=0 if at == 1 else 1)
        assert resumed.run() == data and resumed.state.history == unbroken.state.history


def test_a_finished_training_is_not_repeated(tmp_path):
    data = make(recipe_of(), tmp_path).run()
    rows: list[dict[str, Any]] = []
    assert make(recipe_of(), tmp_path, seed=1, log=rows.append).run() == data
    assert rows == []


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    first = make(recipe_of(), tmp_path / "a", seed=0).run()
    again = make(recipe_of(), tmp_path / "b", seed=0).run()
    other = make(dataclasses.replace(recipe_of(), seed=1), tmp_path / "c", seed=0).run()
    assert first == again != other  # the order of the clips is the seed's too


def refused(folder: Path, recipe=None, task=None) -> str:
    with pytest.raises(ConfigError) as refusal:
        make(recipe or recipe_of(), folder, task).run()
    told = str(refusal.value)
    assert "\n" not in told and str(folder) in told
    return told


DAMAGES = ("cut short", "empty", "text", "one bit", "zeros", "unsealed", "a list", "a dict")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_and_said(damage, tmp_path, capsys):
    path = tmp_path / CHECKPOINT
    unbroken = make(recipe_of(), tmp_path / "unbroken").run()
    with pytest.raises(Killed):
        make(recipe_of(), tmp_path, log=kill_after(1)).run()
    whole = path.read_bytes()
    half = len(whole) // 2
    if damage in ("a list", "a dict"):
        with sealing(path) as file:
            torch.save([1, 2] if damage == "a list" else {"recipe": ""}, file)
    else:
        path.write_bytes(
            {
                "cut short": whole[:half],
                "empty": b"",
                "text": b"not a checkpoint",
                "one bit": whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
                "zeros": whole[:half] + bytes(len(whole) - half),
                "unsealed": whole[:-SEAL_BYTES],
            }[damage]
        )
    found = path.read_bytes()
    assert make(recipe_of(), tmp_path).run() == unbroken
    said = capsys.readouterr().err
    assert f"{path} is damaged; it is now checkpoint.damaged.pt" in said and said.count("\n") == 1
    assert (tmp_path / "checkpoint.damaged.pt").read_bytes() == found


def test_a_checkpoint_can_run_no_code(tmp_path, capsys):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    with sealing(tmp_path / CHECKPOINT) as file:
        file.write(pickle.dumps(Trap()))
    assert make(recipe_of(), tmp_path).run() is not None
    assert "damaged" in capsys.readouterr().err
    assert not (tmp_path / "trapped").exists()


def test_a_checkpoint_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / CHECKPOINT).mkdir()
    assert re.search(r"cannot be read: .+\.$", refused(tmp_path))


def test_a_checkpoint_of_other_settings_or_clips_is_not_continued(tmp_path):
    with pytest.raises(Killed):
        make(recipe_of(), tmp_path, log=kill_after(2)).run()
    before = (tmp_path / CHECKPOINT).read_bytes()
    for recipe in (
        dataclasses.replace(recipe_of(), seed=1),
        recipe_of(dataclasses.replace(SHORT, learning_rate=0.02)),
        recipe_of(hidden=9),
    ):
        told = refused(tmp_path, recipe)
        assert "other settings" in told and "--out" in told and "delete" in told
    assert "other clips" in refused(tmp_path, task=Toy(seed=1))
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_a_full_disk_is_told_and_the_checkpoint_before_it_stays(tmp_path, monkeypatch):
    data = make(recipe_of(), tmp_path / "unbroken").run()
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        told = refused(tmp_path / "full")
    assert "no space left on device" in told and "free some space" in told
    assert [path.name for path in (tmp_path / "full").iterdir()] == [CHECKPOINT]
    kept = torch.load(tmp_path / "full" / CHECKPOINT, weights_only=True)
    assert [row["epoch"] for row in kept["history"]] == [1, 2]
    assert make(recipe_of(), tmp_path / "full", seed=1).run() == data


def test_a_disk_that_fills_in_the_middle_of_the_file_is_told_alike(tmp_path, monkeypatch):
    class Small(io.FileIO):
        """A file on a disk with a thousand bytes left."""

        def write(self, data):
            if self.tell() + len(data) > 1000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    def small_open(path, mode):
        return Small(path, mode.replace("b", ""))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", small_open)
        assert "no space left on device" in refused(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_pieces_of_a_batch_bound_the_memory_and_fill_the_lanes():
    assert pieces.pieces(np.empty((10, 100, 6), np.int16)) == 1
    many = np.empty((4000, 120, 6), np.int16)
    parts = np.array_split(many, pieces.pieces(many))
    assert max(len(part) * 120 for part in parts) <= 60_000
    long = np.empty((70, 6000, 6), np.int16)
    assert min(map(len, np.array_split(long, pieces.pieces(long)))) >= 32
