"""Files that end with their SHA-256: any change of any byte is seen before they are used."""

import io
import os

import numpy as np
import pytest
import torch

from kws.errors import CorpusError
from kws.support import sealed
from kws.support.sealed import SEAL_BYTES, content_bytes, content_of, is_whole, sealing

CONTENT = bytes(range(256)) * 9


@pytest.fixture
def path(tmp_path):
    with sealing(tmp_path / "file") as file:
        file.write(CONTENT)
    return tmp_path / "file"


def test_the_content_comes_back(path):
    assert is_whole(path) and content_of(path) == CONTENT
    assert content_bytes(path) == len(CONTENT) == path.stat().st_size - SEAL_BYTES
    assert [file.name for file in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("at", [0, 1, 1000, len(CONTENT) - 1, len(CONTENT), -33, -1])
def test_a_changed_byte_is_seen(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert not is_whole(path) and content_of(path) is None


@pytest.mark.parametrize("left", [0, 1, SEAL_BYTES - 1, SEAL_BYTES, len(CONTENT), -1])
def test_a_file_cut_short_is_seen(path, left):
    path.write_bytes(path.read_bytes()[:left])
    assert not is_whole(path) and content_of(path) is None


def test_zeros_in_place_of_the_second_half_are_seen(path):
    """What a power cut leaves of a file whose size was written and whose blocks were not."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert not is_whole(path) and content_of(path) is None


def test_what_was_never_sealed_is_not_whole(tmp_path):
    for name, content in (("plain", CONTENT), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        assert not is_whole(tmp_path / name) and content_of(tmp_path / name) is None
    assert not is_whole(tmp_path / "none") and content_of(tmp_path / "none") is None
    assert not is_whole(tmp_path) and content_of(tmp_path) is None


def test_an_empty_content_can_be_sealed(tmp_path):
    with sealing(tmp_path / "file"):
        pass
    assert is_whole(tmp_path / "file") and content_of(tmp_path / "file") == b""


def test_a_header_written_last_is_sealed_too(tmp_path):
    with sealing(tmp_path / "file") as file:
        file.write(b"....body")
        file.seek(0)
        file.write(b"head")
    assert content_of(tmp_path / "file") == b"headbody" and is_whole(tmp_path / "file")


def test_a_file_is_hashed_once_a_process(path, monkeypatch):
    hashed = []
    digest = sealed._digest

    def counting(*given):
        hashed.append(given)
        return digest(*given)

    monkeypatch.setattr(sealed, "_digest", counting)
    assert all(is_whole(path) for _ in range(5)) and len(hashed) == 1
    os.utime(path, ns=(1, 1))
    assert is_whole(path) and len(hashed) == 2


def test_numpy_and_torch_read_a_sealed_file(tmp_path):
    """The seal stands behind what they read."""
    rows = np.arange(60, dtype=np.int16).reshape(12, 5)
    with sealing(tmp_path / "rows.npy") as file:
        np.save(file, rows)
    assert np.array_equal(np.load(tmp_path / "rows.npy", mmap_mode="r"), rows)
    with sealing(tmp_path / "state.pt") as file:
        buffer = io.BytesIO()
        torch.save({"weight": torch.ones(3)}, buffer)
        file.write(buffer.getvalue())
    kept = torch.load(tmp_path / "state.pt", weights_only=True)
    assert torch.equal(kept["weight"], torch.ones(3))


def test_an_error_leaves_the_file_before_it(path):
    with pytest.raises(KeyError), sealing(path, CorpusError) as file:
        file.write(b"half")
        raise KeyError
    assert content_of(path) == CONTENT
