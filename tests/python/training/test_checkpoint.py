"""A training that is killed at any moment goes on to the same bytes."""

import dataclasses
import errno
import io
import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_training import SHORT, SPARSE, Killed, Toy, kill_after, make, recipe_of

from kws.errors import ConfigError
from kws.settings.compression import CompressionConfig
from kws.settings.names import OPTIMIZERS
from kws.settings.stages import stages_of
from kws.support.sealed import SEAL_BYTES, sealing
from kws.training.checkpoint import write_checkpoint
from kws.training.run_folder import CHECKPOINT


@pytest.mark.parametrize("averaging", [0.0, 0.9])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("compression", [CompressionConfig(), SPARSE], ids=["dense", "sparse"])
def test_a_run_that_ends_after_any_epoch_goes_on_to_the_same_bytes(
    compression, optimizer, averaging, tmp_path
):
    schedule = dataclasses.replace(SHORT, optimizer=optimizer, averaging=averaging)
    recipe = recipe_of(schedule, compression)
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
    stages = [each.name for each in stages_of(recipe) for _ in range(each.epochs)]
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
