"""A cache folder stays below its bound, whatever lies in it, and nothing in use goes."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from kws.support import cache
from kws.support.cache import KEPT_BYTES
from kws.support.files import unsaved


def put(path: Path, size: int = 100, hours: float = 0.0) -> Path:
    """A file of so many bytes, used so many hours ago; so is its folder in the cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    at = time.time() - 3600 * hours
    os.utime(path, (at, at))
    os.utime(path.parent, (at, at))
    return path


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(cache, "KEPT_BYTES", 450)


KINDS = (
    "features-1/0000.features.npy",
    "teacher-1/logits/0000.npy",
    "clips-1.npy",
    "streams-1.pcm",
    "streams-1.npy",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_counted_and_may_go(kind, tmp_path):
    old = put(tmp_path / kind, hours=9)
    os.utime(tmp_path / kind.split("/")[0], (time.time() - 9 * 3600,) * 2)
    new = put(tmp_path / "features-2/0000.labels.npy", 400, hours=2)
    cache.make_room(tmp_path)
    assert not old.exists() and new.exists()


def test_the_longest_unused_goes_first_and_no_more_than_needed(tmp_path):
    files = [put(tmp_path / f"clips-{hours}.npy", 150, hours) for hours in (5, 2, 4, 3)]
    cache.make_room(tmp_path)
    assert [file.exists() for file in files] == [False, True, True, True]


def test_exactly_full_is_not_too_full(tmp_path):
    files = [put(tmp_path / f"clips-{hours}.npy", 225, hours) for hours in (5, 2)]
    cache.make_room(tmp_path)
    assert all(file.exists() for file in files)


def test_what_was_used_within_the_hour_stays(tmp_path):
    files = [put(tmp_path / f"clips-{n}.npy", 400, hours) for n, hours in enumerate((0.9, 0.1, 0))]
    cache.make_room(tmp_path)
    assert all(file.exists() for file in files)
    (tmp_path / "clips-0.npy").touch()
    os.utime(tmp_path / "clips-0.npy", (time.time() - 4000,) * 2)
    cache.used(files[0])
    cache.make_room(tmp_path)
    assert files[0].exists()


def test_the_bound_is_eight_gigabytes():
    assert KEPT_BYTES == 8_589_934_592


def test_a_folder_that_another_process_removes_ends_nothing(tmp_path, monkeypatch):
    for name, hours in (("features-1", 3), ("features-2", 2)):
        put(tmp_path / name / "0000.features.npy", 400, hours)
    walk = os.walk

    def quicker(folder):
        found = list(walk(folder))
        if Path(folder).name == "features-1":
            shutil.rmtree(folder)
        return iter(found)

    monkeypatch.setattr(os, "walk", quicker)
    cache.make_room(tmp_path)
    assert not (tmp_path / "features-1").exists()


def test_what_is_being_written_stays(tmp_path):
    mine = put(tmp_path / "features-mine/0000.features.npy", 1000, hours=9)
    other = put(tmp_path / "features-other/0000.features.npy", 1000, hours=3)
    cache.make_room(tmp_path, keep=mine.parent)
    assert mine.exists() and not other.exists()


def test_leftovers_of_kills_go_and_are_counted(tmp_path):
    names = (".clips-1.npy.77.ab12.part", "features-1/.0001.features.npy.77.cd34.part")
    dead = [put(tmp_path / name, 10, hours=2) for name in names]
    running = put(tmp_path / "features-2/.0000.features.npy.78.ef56.part", 440)
    cache.make_room(tmp_path)
    assert not any(file.exists() for file in dead) and running.exists()
    old = put(tmp_path / "clips-2.npy", 20, hours=3)  # what is being written is counted
    cache.make_room(tmp_path)
    assert not old.exists()


def test_what_is_not_ours_is_counted_and_left_alone(tmp_path):
    foreign = [put(tmp_path / name, 300, hours=99) for name in ("thesis.pdf", "photos/1.jpg")]
    ours = put(tmp_path / "clips-1.npy", 50, hours=2)
    cache.make_room(tmp_path)
    assert all(file.exists() for file in foreign) and not ours.exists()


def test_a_folder_that_is_not_there_needs_no_room(tmp_path):
    cache.make_room(tmp_path / "none")
    cache.used(tmp_path / "none")


def place(**environment: str) -> str:
    """Where a process of this environment keeps its cache."""
    program = "from kws.support.cache import CACHE; print(CACHE)"
    given = {"PYTHONPATH": str(Path(cache.__file__).parents[2]), **environment}
    done = subprocess.run(
        [sys.executable, "-c", program], env=given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_lies_where_the_environment_says_and_anyone_has_one(tmp_path, monkeypatch):
    home = {"HOME": str(tmp_path)}
    assert place(**home) == str(tmp_path / ".cache/kws")
    assert place(**home, XDG_CACHE_HOME="/else") == "/else/kws"
    assert place(**home, XDG_CACHE_HOME="relative") == str(tmp_path / ".cache/kws")

    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    assert cache._folder() == Path(tempfile.gettempdir(), f"kws-cache-{os.getuid()}")


def test_a_cache_that_cannot_be_written_to_says_how_to_move_it():
    full = unsaved(cache.CACHE / "streams-1.pcm", OSError(errno.EROFS, "Read-only file system"))
    assert full.endswith("read-only file system; choose another place with XDG_CACHE_HOME")
