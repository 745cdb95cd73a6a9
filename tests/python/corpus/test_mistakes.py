"""Folders as people keep them: speakers, copies, lists from other systems, and stray files."""

import codecs
import os
import unicodedata
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from kws.audio.files import find_audio, write_audio
from kws.corpus.labelled import command_task
from kws.corpus.listing import classes_folder, speech_commands
from kws.corpus.overlap import refuse_overlap
from kws.corpus.splits import SPLITS, check_splits, split_folders, split_paths
from kws.errors import CorpusError
from kws.support.notices import gathered

Form = Literal["NFC", "NFD"]


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(str(path).encode())  # splitting reads bytes, not sound
    return path


def split_of(paths: list[Path]) -> dict[Path, str]:
    return {path: split for split, part in split_paths(paths).items() for path in part}


# --- speakers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["speaker{:02d}/{}.wav", "Speaker_{:02d}/{}.wav", "user-{}/take{}.wav", "a/spk{}/b/{}.wav",
     "speaker{:02d}_{}.wav", "participant_{:02d}-{}.wav", "person {} {}.wav", "spk{}b_{}.flac"],
)  # fmt: skip
def test_a_speaker_who_is_named_stays_in_one_part(tmp_path: Path, name: str) -> None:
    paths = {
        (speaker, take): touch(tmp_path / name.format(speaker, take))
        for speaker in range(20)
        for take in range(5)
    }
    parts = split_of(list(paths.values()))
    for speaker in range(20):
        assert len({parts[paths[speaker, take]] for take in range(5)}) == 1
    assert set(parts.values()) == set(SPLITS)


def test_a_speaker_is_the_same_in_every_folder(tmp_path: Path) -> None:
    paths = [
        touch(tmp_path / word / f"speaker_{speaker}" / f"{word}{take}.wav")
        for word in ("yes", "no")
        for speaker in "abcdefghijkl"
        for take in range(2)
    ]
    parts = split_of(paths)
    for speaker in "abcdefghijkl":
        assert len({parts[path] for path in paths if path.parent.name[-1] == speaker}) == 1


@pytest.mark.parametrize(
    "name",
    ["alice_{:02d}.wav", "hey_{}.wav", "speakers/{}.wav", "speaker/{}.wav", "user_data/{}.wav",
     "speaker{}.wav", "subjects_2/{}.wav", "spoken_{}.wav", "person_test/clip{}.wav"],
)  # fmt: skip
def test_other_names_are_split_as_ever_by_the_files_name(tmp_path: Path, name: str) -> None:
    paths = [touch(tmp_path / "in" / name.format(number)) for number in range(60)]
    plain = {path: touch(tmp_path / "plain" / path.name) for path in paths}
    parts, as_ever = split_of(paths), split_of(list(plain.values()))
    assert {parts[path] == as_ever[plain[path]] for path in paths} == {True}
    assert set(parts.values()) == set(SPLITS)


def test_plain_names_keep_the_split_that_they_had(tmp_path: Path) -> None:
    """By the hash of seed and stem: what shipped models were trained with."""
    names = [f"clip{number}" for number in range(12)]
    parts = split_paths([touch(tmp_path / f"{name}.wav") for name in names], 0.15, 0.2)
    kept = {split: sorted(path.stem for path in part) for split, part in parts.items()}
    assert kept == {
        "train": PLAIN_TRAIN,
        "validation": PLAIN_VALIDATION,
        "testing": PLAIN_TESTING,
    }


PLAIN_TRAIN = ["clip0", "clip1", "clip11", "clip2", "clip4", "clip5", "clip6", "clip7", "clip9"]
PLAIN_VALIDATION = ["clip10", "clip8"]
PLAIN_TESTING = ["clip3"]


@pytest.mark.parametrize("speakers", [1, 2])
def test_too_few_speakers_are_told_and_parted_by_name(
    tmp_path: Path, speakers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [touch(tmp_path / f"speaker{take % speakers}" / f"{take}.wav") for take in range(30)]
    assert set(split_of(paths).values()) == set(SPLITS)
    assert f"are of {speakers} speaker" in capsys.readouterr().err


# --- positives among the negatives ------------------------------------------------------------


@pytest.mark.parametrize("how", ["same", "copy", "symlink", "hard link"])
def test_a_positive_among_the_negatives_is_found(tmp_path: Path, how: str) -> None:
    positive = touch(tmp_path / "positives" / "a.wav")
    negative = tmp_path / "negatives" / "other name.wav"
    negative.parent.mkdir()
    touch(tmp_path / "negatives" / "harmless.wav")
    if how == "same":
        negative = positive
    elif how == "copy":
        negative.write_bytes(positive.read_bytes())
    elif how == "symlink":
        negative.symlink_to(positive)
    else:
        os.link(positive, negative)
    harmless = tmp_path / "negatives" / "harmless.wav"
    refuse_overlap([positive], [harmless])
    with pytest.raises(CorpusError) as refusal:
        refuse_overlap([positive], [harmless, negative])
    assert f"{negative} is given as a positive and as a negative" in str(refusal.value)
    assert (str(positive) in str(refusal.value)) and "keep the folders apart" in str(refusal.value)
    parts = {split: [touch(tmp_path / "x" / f"{split}.wav")] for split in SPLITS}
    with pytest.raises(CorpusError, match="is a positive and a negative"):
        check_splits({**parts, "train": [positive]}, {**parts, "testing": [negative]})


def test_a_flac_of_a_positive_is_no_negative(tmp_path: Path) -> None:
    tone = (8000 * np.sin(np.arange(8000) / 20)).astype(np.int16)
    write_audio(tmp_path / "positives" / "a.wav", tone)
    write_audio(tmp_path / "negatives" / "a.flac", tone)
    write_audio(tmp_path / "others" / "a.flac", tone[::-1])
    positive, negative = tmp_path / "positives" / "a.wav", tmp_path / "negatives" / "a.flac"
    refuse_overlap([positive], [tmp_path / "others" / "a.flac"])
    with pytest.raises(
        CorpusError, match=r"a\.flac is given as a positive and .* holds what .*a\.wav"
    ):
        refuse_overlap([positive], [negative])


@pytest.mark.parametrize(
    ("trained", "tested", "told"),
    [
        ("train/a.wav", "test/a.flac", "the recording a.flac in train/ and in test/"),
        (
            "train/spk1_a.wav",
            "validation/spk1_b.wav",
            "speaker 'spk1' in train/ and in validation/",
        ),
        (
            "train/speaker_2/a.wav",
            "testing/speaker_2/b.wav",
            "speaker 'speaker_2' in train/ and in",
        ),
        ("train/a.wav", "test/b.wav", ""),
        ("train/spk1_a.wav", "test/spk2_a.wav", ""),
    ],
)
def test_parts_of_a_folder_that_share_a_recording_or_a_speaker_are_told(
    tmp_path: Path, trained: str, tested: str, told: str
) -> None:
    tone = (8000 * np.sin(np.arange(8000) / 20)).astype(np.int16)
    for name in (trained, tested):
        write_audio(tmp_path / name, tone)
    with gathered() as notices:
        parts = split_folders([tmp_path], 0.1, 0.1)
    assert sum(map(len, parts.values())) == 2
    assert told in "".join(notices.by_kind.get("shared parts", []))
    assert bool(told) == bool(notices.by_kind)


def test_empty_files_are_no_copies_of_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "b.wav").touch()
    refuse_overlap([tmp_path / "a.wav"], [tmp_path / "b.wav"])


# --- lists and names of other systems ---------------------------------------------------------


def corpus(root: Path, word: str = "yes") -> Path:
    for number in range(4):
        write_audio(root / word / f"a{number}_nohash_0.wav", np.full(400, number + 5, np.int16))
    return root


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line", ["yes/a1_nohash_0.wav", "./yes/a1_nohash_0.wav",
                                  "yes\\a1_nohash_0.wav", ".\\yes\\a1_nohash_0.wav"])  # fmt: skip
@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_lists_of_every_system_are_read(
    tmp_path: Path, line: str, encoding: str, ending: str
) -> None:
    root = corpus(tmp_path)
    before = {clip.path.stem: clip.split for clip in speech_commands(root)}
    other = "testing" if before["a1_nohash_0"] != "testing" else "validation"
    (root / f"{other}_list.txt").write_bytes(f"{line}{ending}".encode(encoding))
    after = {clip.path.stem: clip.split for clip in speech_commands(root)}
    assert after == before | {"a1_nohash_0": other}
    assert codecs.BOM_UTF8  # both kinds of BOM stand before the first name above


@pytest.mark.parametrize(("on_disk", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_words_are_equal_in_both_unicode_forms(tmp_path: Path, on_disk: Form, asked: Form) -> None:
    here, there = (unicodedata.normalize(form, "größe") for form in (on_disk, asked))
    assert here != there
    root = corpus(corpus(tmp_path, here), "no")
    (root / "testing_list.txt").write_text(f"{there}/a2_nohash_0.wav\n", "utf-8")
    clips = speech_commands(root)
    (listed,) = [clip for clip in clips if clip.split == "testing" and clip.word != "no"][:1]
    assert listed.path.stem == "a2_nohash_0"
    train = [clip for clip in clips if clip.split == "train"]
    noise = [np.full(2_000, 100, np.int16)]
    task = command_task(train, [there], "train", noise=noise, clip_samples=400)
    assert task.classes[0] == "größe"
    assert {word for _, word in classes_folder(root)} == {"no", unicodedata.normalize("NFC", here)}


def test_names_are_split_alike_in_both_unicode_forms(tmp_path: Path) -> None:
    names = [f"größe{number}" for number in range(40)]
    forms = [
        [touch(tmp_path / form / f"{unicodedata.normalize(form, n)}.wav") for n in names]
        for form in ("NFC", "NFD")
    ]
    first, second = (list(split_of(paths).items()) for paths in forms)
    by_name = [
        {unicodedata.normalize("NFC", path.stem): split for path, split in parts}
        for parts in (first, second)
    ]
    assert by_name[0] == by_name[1]


# --- stray files ------------------------------------------------------------------------------


def test_what_is_left_out_of_a_folder_is_counted_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [
        "a.wav",
        "b/c.FLAC",
        "._a.wav",
        ".DS_Store",
        "b/.DS_Store",
        "README.md",
        "notes.txt",
        "x.xyz",
        "z",
    ]
    for name in names:
        touch(tmp_path / name)
    with gathered():
        found = find_audio(tmp_path)
        find_audio(tmp_path)
    assert [path.name for path in found] == ["a.wav", "c.FLAC"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"kws: warning: {tmp_path}: 6 files are left out, by a name or kind that no sound file has "
        "(.DS_Store 2, ._* 1, .txt 1, .xyz 1, without suffix 1)"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes with a file's name")
def test_what_lies_beside_the_clips_of_speech_commands_is_counted_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [
        "yes/a.wav",
        "yes/notes.txt",
        "yes/._a.wav",
        "yes/more/b.wav",
        "no/c.wav",
        "no/.DS_Store",
    ]
    for name in (*names, "testing_list.txt", "README.md"):
        touch(tmp_path / name)
    (tmp_path / "testing_list.txt").write_text("yes/a.wav")
    os.mkfifo(tmp_path / "no" / "pipe.wav")
    clips = speech_commands(tmp_path)
    assert [clip.path.name for clip in clips] == ["c.wav", "a.wav"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"kws: warning: {tmp_path}: 5 files are left out, by a name or kind that no sound file has "
        "(.DS_Store 1, ._* 1, .txt 1, folders 1, pipe or device 1)"
    )


def test_a_folder_of_sound_alone_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path / "a.wav")
    find_audio(tmp_path)
    assert capsys.readouterr().err == ""
