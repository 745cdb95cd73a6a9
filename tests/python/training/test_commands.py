"""The keyword task: its classes, what an epoch draws, and what no epoch may see."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from random_models import RandomModel
from small_runs import PLAIN, RATE, command_corpus, command_recipe, version

from kws.audio.files import read_audio, write_audio
from kws.corpus.augment import Augment
from kws.engine import batch, model_file
from kws.engine.model_file import Model
from kws.errors import ConfigError, CorpusError
from kws.evaluation.clips import evaluate_split, labelled_report
from kws.settings.model import FeatureConfig
from kws.training import commands
from kws.training.commands import CommandTask

WORDS = ("up", "down", "flat", "hum")
HELD_OUT = {"aaaa0000_nohash_0.wav", "bbbb0000_nohash_0.wav"}  # validation, testing


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Four words by six speakers: 16 training clips, one validation and one testing clip a word."""
    return command_corpus(tmp_path_factory.mktemp("corpus"), WORDS)


def task_of(folder: Path, *, seed: int = 0, words=("up", "down"), **data) -> CommandTask:
    recipe = command_recipe(folder, words=words, augment=PLAIN, seed=seed)
    given = {"garbled_share": 0.0, "stream_clips": 1} | data
    changed = dataclasses.replace(recipe.data, **given)
    return CommandTask(dataclasses.replace(recipe, data=changed), None)


def clips_of(task: CommandTask, index: int, monkeypatch) -> tuple[np.ndarray, np.ndarray]:
    """The waveforms (clips, samples) and labels (clips,) of a version, which become features."""
    seen = []
    features = batch.features_batch

    def look(clips, *args, **kwargs):
        seen.append(np.array(clips))
        return features(clips, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(batch, "features_batch", look)
        _, labels = version(task, index)
    return np.concatenate(seen).reshape(-1, RATE), labels.flatten()


def counts(task: CommandTask, labels: np.ndarray) -> dict[str, int]:
    return {name: int(np.sum(labels == i)) for i, name in enumerate(task.classes)}


def rows(clips: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in clips}


def test_the_classes_are_the_words_in_their_order_then_unknown_and_silence(corpus):
    task = task_of(corpus, words=("hum", "down"))
    assert task.classes == ("hum", "down", "_unknown_", "_silence_")
    assert task.validation.classes == task.testing.classes == task.classes


def test_without_words_every_word_is_a_class_and_nothing_else_is(corpus, monkeypatch):
    task = task_of(corpus, words=())
    assert task.classes == tuple(sorted(WORDS))
    _, labels = clips_of(task, 0, monkeypatch)
    assert counts(task, labels) == dict.fromkeys(sorted(WORDS), 4)
    assert len(task.validation) == len(task.testing) == 4


def test_a_version_takes_every_clip_of_the_words_and_a_share_of_the_others(corpus, monkeypatch):
    task = task_of(corpus)
    clips, labels = clips_of(task, 0, monkeypatch)
    assert clips.shape == (16, RATE) and labels.dtype == np.int64
    assert counts(task, labels) == {"up": 4, "down": 4, "_unknown_": 4, "_silence_": 4}
    for index, word in enumerate(("up", "down")):
        paths = set((corpus / word).glob("*.wav")) - {corpus / word / name for name in HELD_OUT}
        assert rows(clips[labels == index]) == rows(
            np.stack([read_audio(p) for p in sorted(paths)])
        )


@pytest.mark.parametrize(
    ("shares", "unknown", "silence"),
    [((0.5, 2.0), 2, 8), ((0.0, 0.0), 0, 0), ((99.0, 1.0), 8, 4)],
)
def test_shares_count_in_average_words_and_stop_at_what_there_is(
    corpus, monkeypatch, shares, unknown, silence
):
    task = task_of(corpus, unknown_share=shares[0], silence_share=shares[1])
    clips, labels = clips_of(task, 0, monkeypatch)
    found = counts(task, labels)
    assert (found["_unknown_"], found["_silence_"]) == (unknown, silence)
    assert (found["up"], found["down"]) == (4, 4) and len(clips) == len(labels)


def test_clips_are_joined_to_streams_and_each_label_stays_with_its_clip(corpus, monkeypatch):
    alone = task_of(corpus, stream_clips=1, silence_share=0.0)
    clips, labels = clips_of(alone, 0, monkeypatch)
    label_of = {clip.tobytes(): label for clip, label in zip(clips, labels, strict=True)}
    joined = task_of(corpus, stream_clips=3, silence_share=0.0)
    features, targets = version(joined, 0)
    assert features.shape == (4, 1 + (3 * RATE - 512) // 320, 8) and targets.shape == (4, 3)
    clips, labels = clips_of(joined, 0, monkeypatch)
    assert [label_of[clip.tobytes()] for clip in clips] == list(labels)


def test_garbled_words_are_unknown_and_made_of_the_words_of_training(corpus, monkeypatch):
    task = task_of(corpus, unknown_share=0.0, silence_share=0.0, garbled_share=3.0)
    clips, labels = clips_of(task, 0, monkeypatch)
    assert counts(task, labels) == {"up": 4, "down": 4, "_unknown_": 12, "_silence_": 0}
    words = clips[labels != 2]
    backwards = rows(words[:, ::-1])
    starts, ends = rows(words[:, : RATE // 2]), rows(words[:, RATE // 2 :])
    for clip in clips[labels == 2]:
        spliced = clip[: RATE // 2].tobytes() in starts and clip[RATE // 2 :].tobytes() in ends
        assert clip.tobytes() in backwards or spliced
    assert rows(clips[labels == 2]).isdisjoint(rows(words))


def test_other_speech_is_unknown_and_other_noise_is_silence(corpus, monkeypatch, tmp_path):
    for name, amplitude in (("speech", 3000), ("noise", 1)):
        for index in range(8):
            samples = np.full(3 * RATE, amplitude, np.int16)
            write_audio(tmp_path / name / f"{index:08x}_nohash_{index}.wav", samples)
    task = task_of(
        corpus,
        unknown_share=0.0,
        silence_share=0.0,
        negatives=(str(tmp_path / "speech"),),
        noise=(str(tmp_path / "noise"),),
        other_speech_share=1.5,
        other_noise_share=0.5,
    )
    clips, labels = clips_of(task, 0, monkeypatch)
    assert counts(task, labels)["_unknown_"] == 6 and counts(task, labels)["_silence_"] == 2
    assert np.all(clips[labels == 2] == 3000) and np.all(np.abs(clips[labels == 3]) <= 1)


def test_each_version_draws_other_unknown_clips_and_cuts_other_silence(corpus, monkeypatch):
    task = task_of(corpus, unknown_share=0.5)
    drawn, cut = [], []
    for index in range(6):
        clips, labels = clips_of(task, index, monkeypatch)
        drawn.append(frozenset(rows(clips[labels == 2])))
        cut.append(frozenset(rows(clips[labels == 3])))
    assert len(set(drawn)) > 1
    assert len(frozenset.union(*drawn)) > 2  # in the end, more of the pool than one draw
    assert len(frozenset.union(*cut)) == 6 * 4
    again, labels = clips_of(task, 5, monkeypatch)
    assert frozenset(rows(again[labels == 2])) == drawn[5]


def test_a_version_is_the_same_for_the_same_seed_only(corpus):
    first, labels = version(task_of(corpus, augmentation_seed=0), 1)
    again, same = version(task_of(corpus, augmentation_seed=0), 1)
    other, _ = version(task_of(corpus, augmentation_seed=1), 1)
    assert np.array_equal(first, again) and np.array_equal(labels, same)
    assert not np.array_equal(first, other)


def test_validation_and_testing_are_the_same_for_every_seed(corpus):
    first, other = task_of(corpus, seed=0), task_of(corpus, seed=1)
    for name in ("validation", "testing"):
        a, b = getattr(first, name), getattr(other, name)
        assert a.paths == b.paths
        assert np.array_equal(a.samples, b.samples) and np.array_equal(a.labels, b.labels)
        # one average word's clips of each, unknown and silence too
        assert counts(first, a.labels) == dict.fromkeys(first.classes, 1)


def test_no_clip_and_no_noise_of_validation_and_testing_is_trained_on(corpus, monkeypatch):
    task = task_of(corpus, unknown_share=99.0)
    held_out = set(task.validation.paths + task.testing.paths)
    assert len(held_out & set(map(str, corpus.rglob("*.wav")))) == 6
    assert {Path(path).name for path in held_out if not path.startswith("_")} == HELD_OUT
    forbidden = rows(task.validation.samples) | rows(task.testing.samples)
    others = [corpus / word / name for word in ("flat", "hum") for name in HELD_OUT]
    forbidden |= rows(np.stack([read_audio(path) for path in others]))
    for index in range(4):
        clips, _ = clips_of(task, index, monkeypatch)
        assert rows(clips).isdisjoint(forbidden)
    assert sum(map(len, task.noise)) == 0.7 * 10 * RATE


def test_the_augmentation_noise_is_the_training_part_of_the_background(corpus, monkeypatch):
    given = []

    def augment(config, noises, **rate):
        given.append(noises)
        return Augment(config, noises, **rate)

    monkeypatch.setattr(commands, "Augment", augment)
    task_of(corpus)
    whole = read_audio(corpus / "_background_noise_" / "hiss.wav")
    assert [noise.tobytes() for noise in given[0]] == [whole[: 7 * RATE].tobytes()]


def test_the_loss_is_cross_entropy_of_each_class_at_its_highest_frame(corpus):
    task = task_of(corpus)
    logits = torch.full((1, 3, 4), -9.0)
    logits[0, 0, 1], logits[0, 2, 3], logits[0, 1, 0] = 2.0, 1.0, 0.5
    highest = torch.tensor([0.5, 2.0, -9.0, 1.0])
    expected = torch.logsumexp(highest, 0) - 2.0
    assert task.loss(logits, torch.tensor([[1]])).item() == pytest.approx(expected.item(), abs=1e-6)


def test_validation_counts_what_is_right_and_says_what_was_measured(corpus):
    task = task_of(corpus, stream_clips=2)
    labels = task.validation.labels

    def run(features):
        assert features.shape[0] == len(labels)  # each by itself, or each at the end of a stream
        logits = np.zeros((*features.shape[:2], 4), np.float32)
        if features.shape[1] == 49:
            logits[np.arange(4), 5, labels] = 3.0
            logits[0, 7, (labels[0] + 1) % 4] = 4.0  # the first is taken for another
        else:
            order = np.random.default_rng(0).permutation(4)
            logits[np.arange(4), 75 + 8 + 48, labels[order]] = 3.0
            assert features.shape[1] == 75 + 50 + 8 - 1
            logits[:, 75 + 7] = [[4.0, 5.0, 6.0, 7.0]]  # before the window
        return logits

    figures = task.validate(run, None)
    assert figures["accuracy_float"] == 0.75 and figures["accuracy_streaming_float"] == 1.0
    assert figures["score"] == 0.875
    assert figures["validation_loss"] > 0
    assert task.validate(run, b"a model")["accuracy_quantized"] == 0.75


def test_the_figures_of_a_model_are_the_engines_on_these_clips(corpus):
    task = task_of(corpus)
    recipe = RandomModel(classes=task.classes, features=FeatureConfig(n_mfcc=8, energy="delta"))
    data = recipe.encode()
    figures = labelled_report(model_file.parse(data), task.validation)
    model: Model = model_file.parse(data)
    right = 0
    for samples, label in zip(task.validation.samples, task.validation.labels, strict=True):
        right += int(batch.trace(model, samples).logits.max(0).argmax()) == label
    assert figures["accuracy"] == right / 4 and figures["clips"] == 4
    assert figures["model_bytes"] == len(data) and figures["engine"] == "c"
    assert sum(n for row in figures["confusion"].values() for n in row.values()) == 4
    # the same split again, from the folder alone, as `kws evaluate --split` takes it
    assert evaluate_split(model, corpus, "validation") == figures
    other = model_file.parse(RandomModel(classes=("up", "_unknown_")).encode())
    with pytest.raises(ConfigError, match="are not those of the words"):
        evaluate_split(other, corpus, "validation")


def test_a_missing_folder_word_or_noise_is_told(corpus, tmp_path):
    with pytest.raises(CorpusError, match="--data DIR"):
        task_of(corpus, corpus="")
    with pytest.raises(CorpusError, match="nowhere is no folder"):
        task_of(corpus, corpus=str(tmp_path / "nowhere"))
    with pytest.raises(CorpusError, match="'tomato' has 0 of its 0 clips"):
        task_of(corpus, words=("up", "tomato"))
    with pytest.raises(CorpusError, match="name fewer words"):
        task_of(corpus, words=WORDS)
    for word in ("up", "down", "hum"):
        (tmp_path / word).symlink_to(corpus / word)
    for split in ("validation", "testing"):
        (tmp_path / f"{split}_list.txt").symlink_to(corpus / f"{split}_list.txt")
    with pytest.raises(CorpusError, match="_background_noise_"):
        task_of(tmp_path)
