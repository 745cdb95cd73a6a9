"""Corpora: official and made-up splits that never move, the keyword task, and the decoded cache."""

import errno
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from kws.audio.files import write_audio
from kws.audio.word import crop_to_word
from kws.corpus import decoded
from kws.corpus.decoded import read_clips, read_streams
from kws.corpus.labelled import ALL_WORDS_35, COMMAND_WORDS_10, command_task, silence_clips
from kws.corpus.listing import (
    SILENCE,
    UNKNOWN,
    Clip,
    background_noise,
    classes_folder,
    speech_commands,
)
from kws.corpus.splits import SPLITS, speaker_split, split_paths
from kws.errors import AudioError, CorpusError
from kws.support.sealed import sealing


def clip_of(value: int, samples: int = 400) -> np.ndarray:
    return np.full(samples, value, np.int16)


def write_clips(folder: Path, names: Iterable[str], samples: int = 400) -> list[Path]:
    """Write one clip a name, each of another content; return the paths."""
    paths = [folder / name for name in names]
    for path in paths:
        value = sum(path.name.encode()) * 7 % 30_000 + len(path.parent.name)
        write_audio(path, clip_of(value, samples))
    return paths


def one_sentence(refusal: pytest.ExceptionInfo[Exception]) -> str:
    """The message, after checking that it is a single line that says how to mend it."""
    message = str(refusal.value)
    assert "\n" not in message
    assert re.search(r"[:;] ", message), f"no remedy in {message!r}"
    return message


# --- Speech Commands --------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A small folder in the layout of Speech Commands: 3 words, 6 speakers, noise, lists."""
    root = tmp_path / "speech_commands"
    for word in ("yes", "no", "bird", "cat"):
        write_clips(root / word, [f"{speaker}_nohash_0.wav" for speaker in "abcdef"])
    write_audio(
        root / "_background_noise_" / "hum.wav",
        (3000 * np.sin(np.arange(4000) * 0.1)).astype(np.int16),
    )
    for split, speaker in (("validation", "e"), ("testing", "f")):
        words = ("yes", "no", "bird", "cat")
        lines = "".join(f"{word}/{speaker}_nohash_0.wav\n" for word in words)
        (root / f"{split}_list.txt").write_text(lines)
    return root


def test_the_official_hash_agrees_with_the_published_lists() -> None:
    """Lines of the validation_list.txt, testing_list.txt and remaining files of v0.02."""
    official = {
        "validation": ["7a49163e_nohash_0", "026290a7_nohash_0", "060cd039_nohash_0"],
        "testing": ["0c40e715_nohash_0", "0ea0e2f4_nohash_0", "105a0eea_nohash_0"],
        "train": ["004ae714_nohash_0", "00f0204f_nohash_0", "012c8314_nohash_0"],
    }
    for split, stems in official.items():
        assert [speaker_split(stem) for stem in stems] == [split] * 3


def test_a_speaker_stays_in_one_split() -> None:
    for speaker in ("7a49163e", "0c40e715", "004ae714"):
        assert len({speaker_split(f"{speaker}_nohash_{number}") for number in range(50)}) == 1


def test_the_lists_decide_whatever_the_suffix(corpus: Path) -> None:
    path = corpus / "yes" / "e_nohash_0.wav"
    write_audio(path.with_suffix(".flac"), clip_of(5))
    path.unlink()
    splits = {(clip.word, clip.path.name): clip.split for clip in speech_commands(corpus)}
    assert splits["yes", "e_nohash_0.flac"] == "validation"
    assert splits["no", "f_nohash_0.wav"] == "testing"
    assert speaker_split("e") == speaker_split("f") == "train"  # the lists overrule the hash
    # In neither list: by the speaker's hash.
    assert splits["no", "a_nohash_0.wav"] == "train"
    assert splits["no", "b_nohash_0.wav"] == "testing"


def test_without_lists_the_speaker_hash_decides(corpus: Path) -> None:
    (corpus / "validation_list.txt").unlink()
    (corpus / "testing_list.txt").unlink()
    clips = speech_commands(corpus)
    assert [clip.split for clip in clips] == [speaker_split(clip.path.stem) for clip in clips]


def test_noise_is_no_word_and_clips_are_sorted(corpus: Path) -> None:
    clips = speech_commands(corpus)
    assert sorted({clip.word for clip in clips}) == ["bird", "cat", "no", "yes"]
    assert [clip.path for clip in clips] == sorted(clip.path for clip in clips)
    assert len(clips) == 24


@pytest.mark.parametrize("kind", ["missing", "empty", "a file"])
def test_a_folder_without_words_names_the_download(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "corpus"
    if kind == "empty":
        folder.mkdir()
    elif kind == "a file":
        folder.touch()
    with pytest.raises(CorpusError) as refusal:
        speech_commands(folder)
    message = one_sentence(refusal)
    assert str(folder) in message
    assert "kws download speech-commands" in message


def test_a_damaged_list_is_named(corpus: Path) -> None:
    (corpus / "testing_list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorpusError, match=r"cannot read .*testing_list\.txt"):
        speech_commands(corpus)


def test_each_split_hears_its_own_stretch_of_the_noise(corpus: Path) -> None:
    (whole,) = background_noise(corpus)
    parts = [background_noise(corpus, split)[0] for split in SPLITS]
    assert np.concatenate(parts).tolist() == whole.tolist()
    assert [len(part) for part in parts] == [2800, 600, 600]


def test_a_corpus_without_noise_has_an_empty_list(tmp_path: Path) -> None:
    assert background_noise(tmp_path) == []


def test_an_unknown_split_is_named(corpus: Path) -> None:
    with pytest.raises(CorpusError, match="no split 'test'"):
        background_noise(corpus, "test")


# --- the keyword task -------------------------------------------------------------------------


def listed(words: dict[str, int], split: str, folder: Path) -> list[Clip]:
    """Clips on disk, so many a word, all of one split."""
    return [
        Clip(path, word, split)
        for word, count in words.items()
        for path in write_clips(folder / word, [f"{split}{i:03d}.wav" for i in range(count)])
    ]


HUM = [(3000 * np.sin(np.arange(2000) * 0.1)).astype(np.int16)]


def test_training_keeps_every_other_word_as_unknown(tmp_path: Path) -> None:
    clips = listed({"yes": 4, "no": 6, "bird": 7, "cat": 8}, "train", tmp_path)
    task = command_task(clips, ["yes", "no"], "train", noise=HUM, clip_samples=400)
    assert task.classes == ("yes", "no", UNKNOWN, SILENCE)
    counts = Counter(task.classes[label] for label in task.labels)
    assert counts == {"yes": 4, "no": 6, UNKNOWN: 15, SILENCE: 5}
    assert task.samples.shape == (30, 400)
    assert len(task) == len(task.paths) == 30


@pytest.mark.parametrize("split", ["validation", "testing"])
def test_tests_draw_as_many_unknown_and_silent_clips_as_an_average_word(
    tmp_path: Path, split: str
) -> None:
    clips = listed({"yes": 4, "no": 6, "bird": 7, "cat": 8}, split, tmp_path)
    task = command_task(clips, ["yes", "no"], split, noise=HUM, clip_samples=400)
    counts = Counter(task.classes[label] for label in task.labels)
    assert counts == {"yes": 4, "no": 6, UNKNOWN: 5, SILENCE: 5}


def test_samples_labels_and_paths_belong_together(tmp_path: Path) -> None:
    clips = listed({"yes": 3, "no": 3, "bird": 9}, "validation", tmp_path)
    task = command_task(clips, ["no", "yes"], "validation", noise=HUM, clip_samples=400)
    for row, label, path in zip(task.samples, task.labels, task.paths, strict=True):
        word = task.classes[label]
        if word == SILENCE:
            assert path.startswith("_silence_/")
            continue
        assert word == {"no": "no", "yes": "yes"}.get(Path(path).parent.name, UNKNOWN)
        assert row.tolist() == read_clips([Path(path)], 400)[0].tolist()


def test_the_draw_is_the_same_every_time_and_in_every_folder(tmp_path: Path) -> None:
    def drawn(folder: Path, seed: int) -> tuple[list[str], list[list[int]]]:
        clips = listed({"yes": 5, "bird": 30}, "testing", folder)
        task = command_task(clips, ["yes"], "testing", noise=HUM, clip_samples=400, seed=seed)
        return [Path(path).name for path in task.paths], task.samples.tolist()

    assert drawn(tmp_path / "a", 0) == drawn(tmp_path / "b", 0)
    assert drawn(tmp_path / "a", 0)[0] != drawn(tmp_path / "a", 1)[0]


def test_without_words_every_word_is_a_class_and_nothing_else(tmp_path: Path) -> None:
    clips = listed({"yes": 2, "bird": 3}, "train", tmp_path)
    task = command_task(clips, None, "train", clip_samples=400)
    assert task.classes == ("bird", "yes")
    assert Counter(task.labels.tolist()) == {0: 3, 1: 2}


def test_a_word_without_clips_is_named(tmp_path: Path) -> None:
    clips = listed({"yes": 3, "bird": 3}, "train", tmp_path)
    with pytest.raises(CorpusError) as refusal:
        command_task(clips, ["yes", "off"], "train", noise=HUM, clip_samples=400)
    assert "'off' has 0 of its 0 clips in the train part" in one_sentence(refusal)
    with pytest.raises(CorpusError) as refusal:
        command_task(clips, ["yes"], "testing", noise=HUM, clip_samples=400)
    assert "'yes' has 0 of its 3 clips in the testing part" in one_sentence(refusal)


def test_a_class_with_one_clip_cannot_be_trained(tmp_path: Path) -> None:
    clips = listed({"yes": 1, "no": 4, "bird": 4}, "train", tmp_path)
    with pytest.raises(CorpusError) as refusal:
        command_task(clips, ["yes", "no"], "train", noise=HUM, clip_samples=400)
    assert "'yes' has 1 of its 1 clips in the train part" in one_sentence(refusal)


def test_a_class_with_one_clip_can_be_tested(tmp_path: Path) -> None:
    clips = listed({"yes": 1, "bird": 4}, "testing", tmp_path)
    task = command_task(clips, ["yes"], "testing", noise=HUM, clip_samples=400)
    assert Counter(task.labels.tolist()) == {0: 1, 1: 1, 2: 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "no command words"), (["yes", "yes"], "'yes' is given 2 times"),
     (["_unknown_"], "'_unknown_' cannot be"), ([""], "'' cannot be"),
     (["yes", "bird"], "needs words that are no commands")],
)  # fmt: skip
def test_words_that_make_no_task_are_refused(tmp_path: Path, words: list[str], said: str) -> None:
    clips = listed({"yes": 3, "bird": 3}, "train", tmp_path)
    with pytest.raises(CorpusError) as refusal:
        command_task(clips, words, "train", noise=HUM, clip_samples=400)
    assert said in one_sentence(refusal)


def test_silence_needs_noise() -> None:
    for noise in ([], [np.zeros(0, np.int16)]):
        with pytest.raises(CorpusError) as refusal:
            silence_clips(noise, 3, 400)
        assert "_silence_ class needs background noise" in one_sentence(refusal)


def test_silence_is_quiet_varied_and_sometimes_almost_nothing() -> None:
    noise = [np.random.default_rng(0).integers(-20_000, 20_000, 50_000).astype(np.int16)]
    clips = silence_clips(noise, 500, 1600)
    peaks_db = 20 * np.log10(np.abs(clips.astype(int)).max(axis=1).clip(1) / 20_000)
    assert peaks_db.max() <= -5.9
    nearly_nothing = peaks_db < -41
    assert 0.05 < nearly_nothing.mean() < 0.2
    loud_db = peaks_db[~nearly_nothing]
    assert loud_db.min() < -38
    assert loud_db.max() > -8
    assert len({clip.tobytes() for clip in clips[~nearly_nothing]}) == len(loud_db)


def test_noise_shorter_than_a_clip_is_repeated() -> None:
    clips = silence_clips([np.full(100, 20_000, np.int16)], 20, 400)
    assert all(len(set(clip.tolist())) == 1 for clip in clips)


def test_the_word_lists_are_those_of_the_paper() -> None:
    assert len(set(ALL_WORDS_35)) == 35
    assert len(set(COMMAND_WORDS_10)) == 10
    assert set(COMMAND_WORDS_10) < set(ALL_WORDS_35)


# --- clips and recordings ---------------------------------------------------------------------


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


# --- splitting folders ------------------------------------------------------------------------


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
    assert "at least 3 are needed" in message


def test_copies_of_one_clip_count_as_one(tmp_path: Path) -> None:
    paths = write_distinct(tmp_path, 5)
    for path in paths:
        path.write_bytes(b"the same")
    with pytest.raises(CorpusError, match=r"5 clips in .* make 1 different"):
        split_paths(paths)


@pytest.mark.parametrize(("validation", "testing"), [(-0.1, 0.2), (0.5, 0.5), (1.0, 0.0)])
def test_impossible_fractions_are_refused(validation: float, testing: float) -> None:
    with pytest.raises(CorpusError, match="give fractions"):
        split_paths([], validation, testing)


# --- folders of classes -----------------------------------------------------------------------


def test_folders_are_classes(tmp_path: Path) -> None:
    for name in ("yes/a.wav", "no/deep/b.flac", "_unknown_/c.ogg", "_silence_/d.opus"):
        write_audio(tmp_path / name, clip_of(9))
    for name in ("_background_noise_/hum.wav", ".trash/e.wav"):
        write_audio(tmp_path / name, clip_of(9))
    found = [(path.name, word) for path, word in classes_folder(tmp_path)]
    assert found == [
        ("d.opus", SILENCE), ("c.ogg", UNKNOWN), ("b.flac", "no"), ("a.wav", "yes"),
    ]  # fmt: skip


def test_class_folders_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "hollow" / "yes").mkdir(parents=True)
    for name, said in [
        ("missing", "is no folder"),
        ("flat", "holds no folders named by word"),
        ("hollow", "yes holds no sound files"),
    ]:
        with pytest.raises(CorpusError) as refusal:
            classes_folder(tmp_path / name)
        assert said in one_sentence(refusal)


# --- the real thing ---------------------------------------------------------------------------


@pytest.mark.recordings
def test_the_real_corpus_lists_and_hash_agree(recordings: Path) -> None:
    clips = speech_commands(recordings / "speech_commands")
    assert len(clips) > 30_000
    assert all(clip.split == speaker_split(clip.path.stem) for clip in clips)


@pytest.mark.recordings
def test_the_real_corpus_decodes(recordings: Path) -> None:
    folder = recordings / "speech_commands"
    noise = background_noise(folder, "testing")
    words = [word for word in COMMAND_WORDS_10 if word not in ("on", "off")]
    task = command_task(speech_commands(folder), words, "testing", noise=noise)
    counts = Counter(task.classes[label] for label in task.labels)
    assert counts[UNKNOWN] == counts[SILENCE] > 0
    loud = np.abs(task.samples.astype(int)).max(axis=1)
    spoken = task.labels < len(words)
    assert np.median(loud[spoken]) > 1000
