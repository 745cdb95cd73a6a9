"""The training loop: its stages, and what it keeps of them."""

import dataclasses
import math
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from toy_training import SHORT, SPARSE, Toy, make, recipe_of, supports

from kws.engine import model_file
from kws.errors import ConfigError, CorpusError
from kws.settings.compression import CompressionConfig
from kws.settings.names import OPTIMIZERS
from kws.settings.schedule import ScheduleConfig
from kws.settings.stages import stages_of
from kws.training import pieces
from kws.training.copies import Versions
from kws.training.run_folder import CHECKPOINT

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


def test_the_average_of_the_quantized_stage_is_judged_and_kept(tmp_path):
    """An average of all steps but few differs from the last one by what these steps moved."""
    schedule = dataclasses.replace(SHORT, quantized_epochs=4)
    plain = make(recipe_of(schedule), tmp_path / "plain", task := Toy())
    plain.run()
    lasting = make(
        recipe_of(dataclasses.replace(schedule, averaging=0.999)), tmp_path / "mean", mean := Toy()
    )
    kept = lasting.run()
    assert [m is None for m in task.validated] == [m is None for m in mean.validated]
    assert task.validated[:2] == mean.validated[:2]  # the float stage has no average
    quantized = list(zip(task.validated[2:], mean.validated[2:], strict=True))
    assert all(one != other for one, other in quantized)
    assert kept in mean.validated and lasting.state.encode() == kept
    steps = lasting.state.steps
    assert steps == 4 * lasting.batches and set(lasting.state.averages) == {
        name for name, _ in lasting.state.module.named_parameters()
    }


def test_an_average_is_the_mean_of_the_steps_until_it_forgets_the_first(tmp_path):
    state = make(recipe_of(), tmp_path).state
    stage = dataclasses.replace(stages_of(recipe_of())[0], averaging=0.75)
    value = state.network.classifier.bias
    for step in range(1, 6):
        value.data.fill_(step)
        state.after_step(stage)
        mean = state.averages["classifier.bias"]
        # The mean of 1 to 4, and then three quarters of it and one of the fifth.
        wanted = (1 + step) / 2 if step < 5 else 0.75 * 2.5 + 0.25 * 5
        assert torch.allclose(mean, torch.full_like(mean, wanted))
    with state.averaged():
        assert torch.equal(value, mean)
    assert value[0].item() == 5


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


def test_the_pieces_of_a_batch_bound_the_memory_and_fill_the_lanes():
    assert pieces.pieces(np.empty((10, 100, 6), np.int16)) == 1
    many = np.empty((4000, 120, 6), np.int16)
    parts = np.array_split(many, pieces.pieces(many))
    assert max(len(part) * 120 for part in parts) <= 60_000
    long = np.empty((70, 6000, 6), np.int16)
    assert min(map(len, np.array_split(long, pieces.pieces(long)))) >= 32
