"""Augmented copies on disk: made once, whole or not there, and never all in memory."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from kws.errors import CorpusError
from kws.support import cache
from kws.support.sealed import sealing
from kws.training import feature_store
from kws.training.feature_store import FeatureStore


def blocks(index: int):
    """Three blocks of other sizes, and the same for the same index."""
    rng = np.random.default_rng(index)
    for clips in (5, 5, 2):
        features = rng.integers(-999, 999, (clips, 7, 3)).astype(np.int16)
        yield features, rng.integers(0, 4, (clips, 2))


def whole(index: int):
    features, labels = zip(*blocks(index), strict=True)
    return np.concatenate(features), np.concatenate(labels)


def not_asked(index: int):
    raise AssertionError(f"copy {index} is made again")


def same(copy, index: int) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(copy, whole(index), strict=True))


def test_a_copy_is_made_once_and_then_mapped(tmp_path):
    store = FeatureStore(tmp_path, "a corpus")
    assert same(store(3, blocks), 3) and same(store(1, blocks), 1)
    features, labels = FeatureStore(tmp_path, "a corpus")(3, not_asked)
    assert same((features, labels), 3)
    assert isinstance(features, np.memmap) and not features.flags.writeable


def test_another_training_set_has_copies_of_its_own(tmp_path):
    FeatureStore(tmp_path, "a corpus")(0, blocks)
    with pytest.raises(AssertionError, match="made again"):
        FeatureStore(tmp_path, "another")(0, not_asked)


def damaged(data: bytes, damage: str) -> bytes:
    half = len(data) // 2
    return {
        "empty": b"",
        "cut short": data[:100],
        "half of it zeros": data[:half] + bytes(len(data) - half),
        "one bit": data[:half] + bytes([data[half] ^ 4]) + data[half + 1 :],
        "a shape beyond all memory": data.replace(b"(12, ", b"(10**9, "[:5], 1),
        "no header": b"\x93NUMPY\x01\x00\xff\xff{'descr': " + data[16:],
        "another file": b"text of another program\n" * 40,
    }[damage]


DAMAGES = (
    "empty", "cut short", "half of it zeros", "one bit", "a shape beyond all memory", "no header",
    "another file",
)  # fmt: skip


@pytest.mark.parametrize("part", ["features", "labels"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_copy_that_is_damaged_is_made_again_and_said(part, damage, tmp_path, capsys):
    FeatureStore(tmp_path, "a corpus")(0, blocks)
    store = FeatureStore(tmp_path, "a corpus")
    path = store.folder / f"0000.{part}.npy"
    path.write_bytes(damaged(path.read_bytes(), damage))
    assert store.open(0) is None
    assert same(store(0, blocks), 0) and same(store(0, not_asked), 0)
    assert (
        capsys.readouterr().err
        == f"kws: warning: copy 0 in {store.folder} is damaged and made again\n"
    )


def test_a_copy_of_a_killed_training_is_made_without_a_word(tmp_path, capsys):
    store = FeatureStore(tmp_path, "a corpus")
    store(0, blocks)
    (store.folder / "0000.labels.npy").unlink()  # they come last
    assert same(store(0, blocks), 0) and capsys.readouterr().err == ""


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.uint16])
def test_features_of_another_type_are_no_copy(dtype, tmp_path):
    store = FeatureStore(tmp_path, "a corpus")
    store(0, blocks)
    with sealing(store.folder / "0000.features.npy") as file:
        np.save(file, whole(0)[0].astype(dtype))
    assert store.open(0) is None and same(store(0, blocks), 0)


def test_features_of_another_length_or_rank_are_no_copy(tmp_path):
    store = FeatureStore(tmp_path, "a corpus")
    store(0, blocks)
    for features in (whole(0)[0][1:], np.repeat(whole(0)[0], 2, 0), whole(0)[0][:, 0]):
        with sealing(store.folder / "0000.features.npy") as file:
            np.save(file, features)
        assert store.open(0) is None
    assert same(store(0, blocks), 0)


def test_a_making_that_is_interrupted_leaves_no_copy(tmp_path):
    def killed(index):
        yield from list(blocks(index))[:1]
        raise KeyboardInterrupt

    store = FeatureStore(tmp_path, "a corpus")
    with pytest.raises(KeyboardInterrupt):
        store(0, killed)
    assert store.open(0) is None and not list(store.folder.glob("*"))
    assert same(store(0, blocks), 0)


def test_a_training_set_without_clips_is_kept_too(tmp_path):
    features, labels = FeatureStore(tmp_path, "nothing")(0, lambda index: iter(()))
    assert len(features) == len(labels) == 0


def test_a_full_disk_is_told_in_one_sentence(tmp_path, monkeypatch):
    def full(file, shape):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_store, "_header", full)
    with pytest.raises(CorpusError, match=r"cannot save .*no space left .*free some space"):
        FeatureStore(tmp_path, "a corpus")(0, blocks)


def test_training_sets_not_used_for_long_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "KEPT_BYTES", 1500)
    stores = [FeatureStore(tmp_path, name) for name in ("old", "newer", "now")]
    for hours, store in zip((3, 2, 1.5), stores, strict=True):
        store(0, blocks)
        os.utime(store.folder, (time.time() - 3600 * hours,) * 2)
    stores[1].open(0)  # another training goes on with it
    stores[2](1, blocks)
    assert stores[0].open(0) is None
    assert stores[1].open(0) is not None and stores[2].open(0) is not None


def test_a_training_set_that_is_just_begun_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "KEPT_BYTES", 0)
    begun = FeatureStore(tmp_path, "another training's")
    begun.folder.mkdir()
    FeatureStore(tmp_path, "mine")(0, blocks)
    assert begun.folder.is_dir()


def test_memory_does_not_grow_with_the_training_set(tmp_path):
    """A copy of 192 MB is made and read batch by batch by a process that may have 64 MB more."""
    program = f"""
import resource, numpy as np
from pathlib import Path
from kws.training.feature_store import FeatureStore
def blocks(index):
    for number in range(96):
        yield np.full((1000, 50, 20), number, np.int16), np.full(1000, number)
data = resource.getrlimit(resource.RLIMIT_DATA)
now = int(next(l for l in open("/proc/self/status") if l.startswith("VmData")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (now + 64 * 2**20, data[1]))
features, labels = FeatureStore(Path({str(tmp_path)!r}), "large")(0, blocks)
assert features.shape == (96000, 50, 20)
order = np.random.default_rng(0).permutation(len(labels))
for first in range(0, len(order), 960):
    rows = np.sort(order[first : first + 960])
    assert np.array_equal(features[rows][:, 0, 0], labels[rows])
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("the limit on a process' own memory is Linux'")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
