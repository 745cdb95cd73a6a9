"""Clips and recordings, decoded once: order, cache, damage, full disks."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from clips import clip_of, write_clips
from refusals import one_sentence

from kws.audio.files import write_audio
from kws.audio.word import crop_to_word
from kws.corpus import decoded
from kws.corpus.decoded import read_clips, read_streams
from kws.errors import AudioError, CorpusError
from kws.support.sealed import sealing


@pytest.mark.parametrize(
    ("samples", "fitted"),
    [([1, 2, 3], [0, 1, 2, 3, 0]), ([1, 2], [0, 1, 2, 0, 0]), ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
     ([1, 2, 3, 4, 5, 6, 7], [2, 3, 4, 5, 6]), ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5])],
)  # fmt: skip
def test_clips_are_centred(samples: list[int], fitted: list[int]) -> None:
    assert crop_to_word(np.array(samples, np.int16), 5).tolist() == fitted


@pytest.mark.parametrize("cached", [False, True])
def test_clips_become_rows_in_the_order_given(tmp_path: Path, cached: bool) -> None:
    paths = write_clips(tmp_path / "clips", [f"{i}.wav" for i in range(600)])  # several blocks
    cache = tmp_path / "cache" if cached else None
    order = list(np.random.default_rng(0).permutation(600))
    rows = read_clips(paths, 400, cache)
    shuffled = read_clips([paths[index] for index in order], 400, cache)
    assert rows.shape == (600, 400)
    assert rows.dtype == np.int16
    assert np.array_equal(shuffled, rows[order])
    assert rows[7].tolist() == clip_of(rows[7][0]).tolist()


def damage_half(entry: Path, damage: str) -> None:
    """Zeros in place of the second half, or one bit in the midst that differs."""
    data = bytearray(entry.read_bytes())
    half = len(data) // 2
    data[half:] = bytes(len(data) - half) if damage == "half of it zeros" else data[half:]
    data[half] ^= 0 if damage == "half of it zeros" else 1
    entry.write_bytes(data)


def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(decoded, "decode", refuse)


def test_the_second_call_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_clips(tmp_path / "clips", ["a.wav", "b.wav"])
    first = read_clips(paths, 400, tmp_path / "cache")
    first_streams = read_streams([tmp_path / "clips"], tmp_path / "cache")
    no_decoding(monkeypatch)
    assert np.array_equal(read_clips(paths, 400, tmp_path / "cache"), first)
    again = read_streams([tmp_path / "clips"], tmp_path / "cache")
    assert all(np.array_equal(*pair) for pair in zip(again, first_streams, strict=True))


def test_a_changed_file_is_decoded_again(tmp_path: Path) -> None:
    paths = write_clips(tmp_path / "clips", ["a.wav", "b.wav"])
    read_clips(paths, 400, tmp_path / "cache")
    write_audio(paths[1], clip_of(123))
    assert read_clips(paths, 400, tmp_path / "cache")[1].tolist() == clip_of(123).tolist()


@pytest.mark.parametrize(
    "damage", ["truncated", "text", "empty", "another shape", "half of it zeros", "one bit"]
)
def test_a_damaged_cache_is_made_again_and_said(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = write_clips(tmp_path / "clips", ["a.wav", "b.wav"])
    good = read_clips(paths, 400, tmp_path / "cache").tolist()
    (entry,) = (tmp_path / "cache").iterdir()
    if damage == "truncated":
        os.truncate(entry, entry.stat().st_size - 1)
    elif damage == "another shape":
        with entry.open("wb") as file:
            np.save(file, np.zeros((2, 399), np.int16))
    elif damage in ("text", "empty"):
        entry.write_text("not numpy" if damage == "text" else "")
    else:
        damage_half(entry, damage)
    assert read_clips(paths, 400, tmp_path / "cache").tolist() == good
    assert (
        f"kws: warning: {entry} is damaged: its recordings are decoded again\n"
        in capsys.readouterr().err
    )
    assert np.load(entry).tolist() == good


@pytest.mark.parametrize("shape", [(2, 400), (3, 400), (2, 399)])
def test_a_sealed_cache_of_another_type_or_shape_is_made_again(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    paths = write_clips(tmp_path / "clips", ["a.wav", "b.wav"])
    good = read_clips(paths, 400, tmp_path / "cache").tolist()
    (entry,) = (tmp_path / "cache").iterdir()
    with sealing(entry) as file:
        np.save(file, np.zeros(shape, np.int32 if shape == (2, 400) else np.int16))
    again = read_clips(paths, 400, tmp_path / "cache")
    assert again.dtype == np.int16 and again.tolist() == good


@pytest.mark.parametrize("lengths", [[400.0, 400.0], [400, 401], [800]])
def test_sealed_lengths_that_do_not_fit_are_made_again(
    tmp_path: Path, lengths: list[float]
) -> None:
    write_clips(tmp_path / "clips", ["a.wav", "b.wav"])
    good = [stream.tolist() for stream in read_streams([tmp_path / "clips"], tmp_path / "cache")]
    (entry,) = (tmp_path / "cache").glob("*.npy")
    assert np.load(entry).tolist() == [400, 400]
    with sealing(entry) as file:
        np.save(file, np.array(lengths))
    again = read_streams([tmp_path / "clips"], tmp_path / "cache")
    assert [stream.tolist() for stream in again] == good


@pytest.mark.parametrize("suffix", [".pcm", ".npy"])
@pytest.mark.parametrize("damage", ["truncated", "removed", "empty", "half of it zeros", "one bit"])
def test_a_damaged_cache_of_recordings_is_made_again(
    tmp_path: Path, suffix: str, damage: str
) -> None:
    write_clips(tmp_path / "clips", ["a.wav", "b.wav"])
    good = [stream.tolist() for stream in read_streams([tmp_path / "clips"], tmp_path / "cache")]
    (entry,) = (tmp_path / "cache").glob(f"*{suffix}")
    if damage == "removed":
        entry.unlink()
    elif damage in ("half of it zeros", "one bit"):
        damage_half(entry, damage)
    else:
        os.truncate(entry, 0 if damage == "empty" else entry.stat().st_size - 2)
    again = read_streams([tmp_path / "clips"], tmp_path / "cache")
    assert [stream.tolist() for stream in again] == good


def test_spare_rows_are_zeros_that_stay_in_this_process(tmp_path: Path) -> None:
    paths = write_clips(tmp_path / "clips", ["a.wav"])
    for _ in range(2):
        rows = read_clips(paths, 400, tmp_path / "cache", spare_rows=2)
        assert rows.shape == (3, 400)
        assert not rows[1:].any()
        rows[1:] = 5


def test_a_bad_file_among_good_ones_is_named_and_nothing_is_cached(tmp_path: Path) -> None:
    paths = write_clips(tmp_path / "clips", ["a.wav", "b.wav", "c.wav"])
    paths[1].write_text("no sound")
    for read in (
        lambda: read_clips(paths, 400, tmp_path / "cache"),
        lambda: read_streams(paths, tmp_path / "cache"),
    ):
        with pytest.raises(AudioError) as refusal:
            read()
        assert str(paths[1]) in one_sentence(refusal)
        assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"cannot open .*gone\.wav: no such file"):
        read_clips([tmp_path / "gone.wav"], 400, tmp_path / "cache")


def test_a_full_disk_gives_one_sentence_and_no_half_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_clips(tmp_path / "clips", ["a.wav"])

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for read in (
        lambda: read_clips(paths, 400, tmp_path / "cache"),
        lambda: read_streams(paths, tmp_path / "cache"),
    ):
        with pytest.raises(AudioError) as refusal:
            read()
        assert "no space left on device" in one_sentence(refusal)
        assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("cached", [False, True])
def test_recordings_keep_their_lengths_and_order(tmp_path: Path, cached: bool) -> None:
    lengths = {"b/long.wav": 900, "a/short.wav": 200, "a/middle.flac": 500}
    for name, length in lengths.items():
        write_audio(tmp_path / name, clip_of(length, length))
    cache = tmp_path / "cache" if cached else None
    streams = read_streams([tmp_path / "b", tmp_path / "a"], cache)
    assert [len(stream) for stream in streams] == [900, 500, 200]
    assert all((stream == len(stream)).all() for stream in streams)
    files = read_streams([tmp_path / "a" / "short.wav", tmp_path / "b"], cache)
    assert [len(stream) for stream in files] == [200, 900]


def test_no_sources_give_no_recordings_and_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert read_streams([], tmp_path / "cache") == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="holds no sound files"):
        read_streams([tmp_path / "empty"], tmp_path / "cache")
