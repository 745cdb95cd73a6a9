"""Splits that never move: by content, speaker and name."""

from pathlib import Path

import pytest
from refusals import one_sentence

from kws.corpus.overlap import refuse_overlap
from kws.corpus.splits import SPLITS, split_paths
from kws.errors import CorpusError


def test_a_split_is_a_partition_with_about_the_right_shares(tmp_path: Path) -> None:
    paths = write_distinct(tmp_path, 400)
    parts = split_paths(paths)
    assert list(parts) == list(SPLITS)
    assert sorted(path for part in parts.values() for path in part) == sorted(paths)
    shares = {split: len(part) / 400 for split, part in parts.items()}
    assert shares == pytest.approx({"train": 0.7, "validation": 0.1, "testing": 0.2}, abs=0.06)


def write_distinct(folder: Path, count: int, start: int = 0) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"clip{number}.wav" for number in range(start, start + count)]
    for path in paths:
        path.write_bytes(path.name.encode())  # splitting reads bytes, not sound
    return paths


def test_files_added_later_move_no_other(tmp_path: Path) -> None:
    before = split_paths(write_distinct(tmp_path, 100))
    after = split_paths(write_distinct(tmp_path, 200))
    for split in SPLITS:
        assert set(before[split]) <= set(after[split])


def test_order_and_folder_do_not_matter_but_the_seed_does(tmp_path: Path) -> None:
    def names(parts: dict[str, list[Path]]) -> dict[str, list[str]]:
        return {split: [path.name for path in part] for split, part in parts.items()}

    paths = write_distinct(tmp_path / "a", 60)
    elsewhere = write_distinct(tmp_path / "b", 60)
    assert names(split_paths(paths)) == names(split_paths(reversed(elsewhere)))
    assert names(split_paths(paths)) != names(split_paths(paths, seed=1))


def test_equal_contents_never_straddle_splits(tmp_path: Path) -> None:
    paths = write_distinct(tmp_path, 120)
    for number, path in enumerate(paths):
        path.write_bytes(b"take %03d" % (number % 40))  # each content under three names
    split_of = {path: split for split, part in split_paths(paths).items() for path in part}
    for number in range(40):
        assert len({split_of[path] for path in paths[number::40]}) == 1
    assert set(split_of.values()) == set(SPLITS)


def test_a_speaker_and_a_name_never_straddle_splits(tmp_path: Path) -> None:
    paths = []
    for speaker in range(30):
        for word in ("yes", "no"):
            path = tmp_path / word / f"s{speaker}_nohash_{word}.wav"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(str(path).encode())
            paths.append(path)
    split_of = {path: split for split, part in split_paths(paths).items() for path in part}
    for first, second in zip(paths[::2], paths[1::2], strict=True):
        assert split_of[first] == split_of[second]


@pytest.mark.parametrize("count", [3, 4, 5])
def test_few_files_leave_no_part_empty(tmp_path: Path, count: int) -> None:
    for seed in range(30):
        parts = split_paths(write_distinct(tmp_path, count), seed=seed)
        assert all(parts.values())


def test_a_part_of_fraction_zero_is_empty_and_not_needed(tmp_path: Path) -> None:
    paths = write_distinct(tmp_path, 2)
    parts = split_paths(paths, validation=0.3, testing=0.0)
    assert (len(parts["train"]), len(parts["validation"]), parts["testing"]) == (1, 1, [])


@pytest.mark.parametrize(("count", "said"), [(1, "1 clip in"), (2, "2 clips in")])
def test_one_or_two_clips_cannot_be_split(tmp_path: Path, count: int, said: str) -> None:
    with pytest.raises(CorpusError) as refusal:
        split_paths(write_distinct(tmp_path / "phrase", count))
    message = one_sentence(refusal)
    assert said in message
    assert "at least 3 are needed, one each for train, validation, testing; record" in message


def test_copies_of_one_clip_count_as_one(tmp_path: Path) -> None:
    paths = write_distinct(tmp_path, 5)
    for path in paths:
        path.write_bytes(b"the same")
    with pytest.raises(CorpusError, match=r"5 clips in .* make 1 different"):
        split_paths(paths)


def test_what_cannot_be_opened_is_split_by_its_name_and_equal_to_nothing(tmp_path: Path) -> None:
    """Whoever decodes it says so."""
    gone = [tmp_path / f"gone{number}.wav" for number in range(40)]
    for path in gone:
        path.symlink_to("nowhere.wav")
    assert all(split_paths(gone).values())


def test_files_that_may_not_be_read_are_not_taken_for_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number}.wav" for number in range(40)]
    for path in paths:
        path.write_text("of one length")

    def closed(path: Path) -> bytes:
        raise PermissionError(f"{path} may not be read")  # root may read all, so it is feigned

    monkeypatch.setattr(Path, "read_bytes", closed)
    assert all(split_paths(paths).values())
    refuse_overlap(paths[:20], paths[20:])


@pytest.mark.parametrize(("validation", "testing"), [(-0.1, 0.2), (0.5, 0.5), (1.0, 0.0)])
def test_impossible_fractions_are_refused(validation: float, testing: float) -> None:
    with pytest.raises(CorpusError, match="give fractions"):
        split_paths([], validation, testing)
