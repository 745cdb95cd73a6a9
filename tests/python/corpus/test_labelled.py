"""The keyword task: which clips are which class, and the draw of unknown and silence."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from clips import write_clips
from refusals import one_sentence

from kws.corpus.decoded import read_clips
from kws.corpus.labelled import ALL_WORDS_35, COMMAND_WORDS_10, command_task, silence_clips
from kws.corpus.listing import (
    SILENCE,
    UNKNOWN,
    Clip,
    background_noise,
    speech_commands,
)
from kws.errors import CorpusError


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
