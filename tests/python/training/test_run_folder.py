"""What a run leaves: one schema of metrics, old files too, and no run taken for another."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from small_runs import command_recipe

from kws.errors import ConfigError
from kws.network.network import Network
from kws.settings.network import NetworkConfig
from kws.settings.schedule import ScheduleConfig
from kws.settings.stages import stages_of
from kws.training.checkpoint import completed_recipe, write_checkpoint
from kws.training.metrics import FLOAT, INTEGERS, Metrics
from kws.training.run_folder import CARD, CHECKPOINT, CONFIG, METRICS, RunFolder

MODELS = Path(__file__).parents[3] / "models"
RECIPE = command_recipe(Path("corpus"))
SMALLEST = Network(cell="rnn", n_features=1, hidden=1, classes=1)
FIGURES = Metrics(
    model_bytes=900,
    parameters=1000,
    seed=0,
    training_seconds=12,
    validation={"validation_loss": 0.5},
    epochs=4,
    evaluations=({"name": "validation", "accuracy": 0.75, "clips": 4},),
)


def finished_run(folder: Path) -> RunFolder:
    run = RunFolder(folder)
    run.make()
    run.model(RECIPE).write_bytes(b"a model")
    run.write_card(RECIPE, FIGURES)
    run.write_results(RECIPE, FIGURES)
    return run


def test_of_wake_words_that_cost_the_same_the_one_of_less_loss_is_better():
    def metrics(cost: float, loss: float) -> Metrics:
        found = {"validation_cost": cost, "validation_loss": loss}
        return dataclasses.replace(FIGURES, validation=found, evaluations=({"positives": 4},))

    assert metrics(0.0, 0.010).cost < metrics(0.0, 0.011).cost < metrics(0.01, 0.010).cost
    assert metrics(0.0, 0.2).cost > metrics(0.01, 0.05).cost  # a tenth of a loss counts
    assert FIGURES.cost == 0.5


@pytest.mark.parametrize(
    ("stage", "epoch", "best", "is_over"),
    [
        ("quantized", 9, {}, True),
        ("quantized", 8, {}, False),
        ("quantized", 3, {"epoch": 1}, False),
        ("quantized", 4, {"epoch": 1}, True),  # three epochs of patience are over
        ("float", 9, {}, False),
        ("float", 5, {"epoch": 1}, False),
    ],
)
def test_a_training_is_over_after_its_last_epoch_or_its_patience(
    tmp_path, stage, epoch, best, is_over
):
    schedule = ScheduleConfig(float_epochs=14, quantized_epochs=10, patience=3)
    recipe = dataclasses.replace(RECIPE, schedule=schedule)
    number = [each.name for each in stages_of(recipe)].index(stage)
    content = {"recipe": recipe.to_toml(), "stage": number, "epoch": epoch, "best": best}
    write_checkpoint(tmp_path / CHECKPOINT, content)
    assert completed_recipe(tmp_path / CHECKPOINT) == (recipe if is_over else None)
    (tmp_path / CHECKPOINT).write_bytes(b"damaged")
    assert completed_recipe(tmp_path / CHECKPOINT) is None
    (tmp_path / CHECKPOINT).unlink()
    assert completed_recipe(tmp_path / CHECKPOINT) is None


@pytest.mark.parametrize("path", sorted(MODELS.glob("*/metrics.json")), ids=lambda p: p.parent.name)
def test_the_metrics_of_every_shipped_model_are_read(path):
    kept, values = RunFolder(path.parent).metrics(), json.loads(path.read_text())
    assert kept is not None
    assert (kept.seed, kept.parameters) == (values["seed"], values["parameters"])
    if "evaluations" in values:
        assert kept.to_json() == values and list(kept.to_json()) == list(values)
        assert kept.measured == INTEGERS
    else:  # as comparisons wrote it once
        assert (kept.measured, kept.model_bytes) == (FLOAT, None)
        assert kept.accuracy("validation") == values["validation"]
        assert kept.evaluation("testing")["clips"] == values["testing_clips"]


def test_metrics_are_read_as_they_were_written_and_figures_of_the_future_are_left_out(tmp_path):
    run = finished_run(tmp_path)
    assert run.metrics() == FIGURES
    values = {**FIGURES.to_json(), "watts": 3}
    (tmp_path / METRICS).write_text(json.dumps(values))
    assert run.metrics() == FIGURES


@pytest.mark.parametrize("text", ["", "[]", '{"seed": 0}', "\xff"])
def test_damaged_metrics_are_told_with_the_remedy(text, tmp_path):
    (tmp_path / METRICS).write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"metrics\.json .*delete it to train anew\.$") as told:
        RunFolder(tmp_path).metrics()
    assert "\n" not in str(told.value)


def test_a_run_is_finished_for_its_own_recipe_only(tmp_path):
    assert RunFolder(tmp_path).finished(RECIPE) is None
    run = finished_run(tmp_path)
    assert run.finished(RECIPE) == run.finished_or_free(RECIPE) == FIGURES
    other = dataclasses.replace(RECIPE, seed=1)
    assert run.finished(other) is None
    with pytest.raises(ConfigError, match="other settings; choose another --to"):
        run.finished_or_free(other)
    (tmp_path / METRICS).unlink()
    assert run.finished(RECIPE) is None and run.finished_or_free(other) is None


def test_sizes_that_a_recipe_leaves_open_are_those_that_were_chosen_for_it(tmp_path):
    run = finished_run(tmp_path)
    chosen = dataclasses.replace(RECIPE, network=NetworkConfig(hidden=30, rank_w=4, rank_u=8))
    run.write_results(chosen, FIGURES)
    cases: tuple[tuple[dict[str, Any], Metrics | None], ...] = (
        ({}, FIGURES),
        ({"rank_w": 4}, FIGURES),
        ({"rank_w": 3}, None),
        ({"cell": "fastrnn"}, None),
        ({"hidden": 29, "rank_w": 4, "rank_u": 8}, None),
    )
    for given, expected in cases:
        asked = dataclasses.replace(RECIPE, network=NetworkConfig(**{"hidden": 0, **given}))
        assert run.finished(asked) == expected, given


def test_a_model_and_its_card_stay_until_those_of_another_recipe_come(tmp_path):
    run = finished_run(tmp_path)
    said: list[str] = []
    other = dataclasses.replace(RECIPE, name="other")
    run.make_way(RECIPE, said.append)
    assert said == [] and run.metrics() is not None
    run.make_way(other, said.append)
    assert len(said) == 1 and str(tmp_path) in said[0]
    assert run.metrics() is None and run.model(RECIPE).read_bytes() == b"a model"
    assert (tmp_path / CARD).exists() and run.recipe() == RECIPE
    run.write_network(other, SMALLEST)
    assert not run.model(RECIPE).exists() and not (tmp_path / CARD).exists()


def test_a_recipe_that_lies_in_a_folder_without_a_run_takes_nothing_with_it(tmp_path):
    (tmp_path / CONFIG).write_text(RECIPE.to_toml())
    (tmp_path / CARD).write_text("# My notes\n")
    RunFolder(tmp_path).write_network(dataclasses.replace(RECIPE, seed=1), SMALLEST)
    assert (tmp_path / CARD).read_text() == "# My notes\n"


def test_a_damaged_checkpoint_is_left_to_the_trainer(tmp_path):
    run = finished_run(tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"damaged")
    said: list[str] = []
    run.make_way(dataclasses.replace(RECIPE, seed=1), said.append)
    assert said == [] and (tmp_path / CHECKPOINT).exists()
