"""Two processes that train together against one that trains alone."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import TEACHERS_OF_BOTH_KINDS, command_corpus, command_recipe

from kws.network.network import Network
from kws.settings.schedule import DistillationConfig
from kws.training.distributed import Group, device_of

UNTAUGHT = DistillationConfig()
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import torch
from kws.settings.toml import load_recipe
from kws.training import train
torch.set_num_threads(1)
train.CACHE = Path({cache!r})
metrics = train.train(load_recipe({recipe!r}), Path({out!r}))
print("metrics", metrics and metrics.model_bytes)
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return command_corpus(tmp_path_factory.mktemp("corpus"), ("up", "down", "flat", "hum"))


def program(folder: Path, corpus: Path, out: str, distillation=UNTAUGHT, **schedule) -> list[str]:
    """A Python program that trains on the corpus into folder/out."""
    path = folder / "recipe.toml"
    recipe = command_recipe(corpus, words=("up", "down"), schedule=schedule)
    path.write_text(dataclasses.replace(recipe, distillation=distillation).to_toml())
    file = folder / f"{out}.py"
    file.write_text(
        PROGRAM.format(
            tests=str(Path(__file__).parents[2] / "support"),
            cache=str(folder / "cache"),
            recipe=str(path),
            out=str(folder / out),
        )
    )
    return [str(file)]


def run(processes: int, arguments: list[str]) -> subprocess.CompletedProcess:
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(torchrun if processes > 1 else []), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def state(folder: Path) -> dict:
    return torch.load(folder / "checkpoint.pt", weights_only=True)


@pytest.mark.parametrize(
    ("batch_size", "optimizer"),
    [(16, "adamw"), (3, "adamw"), (16, "soap")],
    ids=["even", "uneven", "SOAP"],
)
def test_two_processes_take_the_steps_of_one(batch_size, optimizer, corpus, tmp_path):
    schedule = {
        "float_epochs": 2,
        "quantized_epochs": 1,
        "batch_size": batch_size,
        "optimizer": optimizer,
    }
    for processes, out in ((1, "alone"), (2, "together")):
        done = run(processes, program(tmp_path, corpus, out, **schedule))
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if line.startswith("metrics")]
        assert len(lines) == processes and lines.count("metrics None") == processes - 1
    alone, together = state(tmp_path / "alone"), state(tmp_path / "together")
    assert len(alone["history"]) == len(together["history"]) == 3
    for mine, theirs in zip(alone["history"][:2], together["history"][:2], strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], abs=1e-4)
    for name, value in alone["state"].items():
        other = together["state"][name]
        assert np.allclose(value.numpy(), other.numpy(), atol=2e-3), name
    assert (tmp_path / "together" / "metrics.json").exists()


def test_more_processes_than_clips_of_a_batch(corpus, tmp_path):
    done = run(3, program(tmp_path, corpus, "out", float_epochs=1, batch_size=4))
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out").glob("*.kws"))


def test_the_first_process_trains_the_teachers_while_the_other_waits(corpus, tmp_path):
    schedule = {"float_epochs": 1, "quantized_epochs": 1, "batch_size": 16}
    done = run(2, program(tmp_path, corpus, "out", TEACHERS_OF_BOTH_KINDS, **schedule))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Teacher 1 of 2") == done.stdout.count("Teacher 2 of 2") == 1
    assert list((tmp_path / "out").glob("*.kws"))


def test_a_process_that_dies_ends_the_others(corpus, tmp_path):
    arguments = program(tmp_path, corpus, "out", float_epochs=500)
    file = Path(arguments[0])
    dying = "import os, threading\nif os.environ['RANK'] == '1':\n"
    dying += "    threading.Timer(8, lambda: os._exit(9)).start()\n"
    file.write_text(dying + file.read_text())
    done = run(2, arguments)
    assert done.returncode != 0 and "exitcode" in done.stderr


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.parametrize(
    ("cell", "local_rank", "device"),
    [
        ("fastgrnn", 1, "cpu"),
        ("bc_resnet", 0, "cuda:0"),
        ("bc_resnet", 3, "cuda:1"),
        ("gru", 1, "cuda:1"),
    ],
)
def test_a_gpu_trains_what_is_faster_there(cell, local_rank, device, two_gpus, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", str(local_rank))
    network = Network(cell=cell, n_features=40, hidden=16, classes=3)
    assert device_of(network) == torch.device(device)


def test_beside_a_gpu_what_lies_on_the_processor_is_summed_too(two_gpus, monkeypatch):
    # nccl alone refuses tensors of the processor, where FastGRNN is trained.
    asked: list[str] = []
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    monkeypatch.setattr(torch.distributed, "init_process_group", asked.append)
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    Group()
    assert asked == ["cpu:gloo,cuda:nccl"]


def test_without_a_gpu_everything_stays_on_the_processor():
    assert device_of(Network(cell="bc_resnet", n_features=40, hidden=16, classes=3)).type == "cpu"
