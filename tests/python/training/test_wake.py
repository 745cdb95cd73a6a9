"""The wake-word task: who is in which split, what stands in a window, and what the loss sees."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_models import RandomModel
from small_runs import PLAIN, RATE, hiss, sweep, version, wake_corpus, wake_recipe

from kws.audio.files import read_audio, write_audio
from kws.corpus.splits import split_folders
from kws.engine import batch, model_file
from kws.engine.spotter import Spotter
from kws.errors import CorpusError
from kws.evaluation import operating_points
from kws.evaluation.operating_points import LEAST_HOURS
from kws.evaluation.stream import evaluate_stream
from kws.evaluation.verdict import Hit, Verdict, judge
from kws.settings.model import DetectorConfig, FeatureConfig, posterior_of
from kws.settings.recipe import Recipe
from kws.support.notices import gathered
from kws.training import wake
from kws.training.pieces import PIECE_FRAMES, scores_in_pieces
from kws.training.wake import WakeTask
from kws.training.wake_loss import smoothed

HOP = 320
LOUD = 12_000  # the phrase is a square wave of this level, and nothing else reaches it


def square(seconds: float, level: int = LOUD) -> np.ndarray:
    count = round(seconds * RATE)
    return np.where(np.arange(count) // 20 % 2, level, -level).astype(np.int16)


def padded(samples: np.ndarray, seconds: float = 0.2) -> np.ndarray:
    """Silence around it, as recordings have."""
    return np.pad(samples, round(seconds * RATE))


def write_split(folder: Path, name: str, split: str, *recordings: np.ndarray) -> None:
    for number, samples in enumerate(recordings):
        write_audio(folder / name / split / f"{split}_{number}.wav", samples)


def recipe_of(folder: Path, *, window_s: float = 1.0, **data) -> Recipe:
    recipe = wake_recipe(folder, augment=PLAIN, detector=DetectorConfig(smoothing_shift=0))
    counts = {"positive_windows": 40, "negative_windows": 40, "window_s": window_s, **data}
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, **counts))


@pytest.fixture
def corpus(tmp_path):
    """A loud phrase of 0.3 s; quiet talk; in the test parts, levels that occur nowhere else."""
    for split, level in (("train", LOUD), ("validation", LOUD), ("test", 20_000)):
        write_split(tmp_path, "positives", split, padded(square(0.3, level)))
        talk = square(3.0, 7000) if split == "test" else hiss(3.0, 1, rms=500)
        write_split(tmp_path, "negatives", split, talk)
    return tmp_path


@pytest.fixture
def windows(monkeypatch):
    """Give the windows that a task cuts, in place of their features."""

    def cut(task: WakeTask, index: int = 0) -> tuple[np.ndarray, np.ndarray]:
        seen = []
        features = batch.features_batch

        def look(clips, *args, **kwargs):
            seen.append(clips.copy())
            return features(clips, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(batch, "features_batch", look)
            _, labels = version(task, index)
        return np.concatenate(seen), labels

    return cut


def level_of(window: np.ndarray) -> np.ndarray:
    return np.abs(window.astype(np.int32))


# Splits


def test_a_folder_that_is_split_keeps_its_split(tmp_path):
    for split, files in (("train", 3), ("validation", 2), ("test", 1)):
        write_split(tmp_path, "a", split, *[hiss(0.1, n) for n in range(files)])
    write_split(tmp_path, "b", "train", hiss(0.1, 7))
    write_split(tmp_path, "b", "testing", hiss(0.1, 8))
    parts = split_folders([str(tmp_path / "a"), str(tmp_path / "b")], 0.2, 0.2)
    names = {split: [str(p.relative_to(tmp_path)) for p in paths] for split, paths in parts.items()}
    assert names == {
        "train": [*(f"a/train/train_{n}.wav" for n in range(3)), "b/train/train_0.wav"],
        "validation": [f"a/validation/validation_{n}.wav" for n in range(2)],
        "testing": ["a/test/test_0.wav", "b/testing/testing_0.wav"],
    }


@pytest.mark.parametrize("name", ["test", "testing", "validation"])
def test_a_folder_of_nothing_but_a_test_never_trains(name, tmp_path):
    write_split(tmp_path, "people", name, *[hiss(0.1, n) for n in range(20)])
    for number in range(20):
        write_audio(tmp_path / "loose" / f"{number}.wav", hiss(0.1, 30 + number))
    folders = [str(tmp_path / "people"), str(tmp_path / "loose")]
    parts = split_folders(folders, 0.2, 0.2)
    apart = "testing" if name.startswith("test") else name
    assert sum("people" in path.parts for path in parts[apart]) == 20
    assert sum(map(len, parts.values())) == 40 and parts["train"]
    write_audio(tmp_path / "people/new.wav", hiss(0.1, 99))  # what lies beside is of no part yet
    assert any("people" in path.parts for path in split_folders(folders, 0.2, 0.2)["train"])


def test_loose_files_are_split_by_name_and_none_is_in_two_parts(tmp_path):
    for folder in ("a", "b"):
        for number in range(40):
            seed = 1000 * ord(folder) + number
            write_audio(tmp_path / folder / f"{folder}{number}.wav", hiss(0.05, seed))
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    parts = split_folders(folders, 0.2, 0.3)
    everything = sorted(path for paths in parts.values() for path in paths)
    assert everything == sorted(tmp_path.glob("*/*.wav"))  # each once
    assert 6 <= len(parts["validation"]) <= 28 and 12 <= len(parts["testing"]) <= 38
    again = split_folders(folders[::-1], 0.2, 0.3)
    assert {k: sorted(v) for k, v in again.items()} == {k: sorted(v) for k, v in parts.items()}


def test_loose_copies_of_one_recording_share_a_part(tmp_path):
    for number in range(12):
        for copy in range(3):
            write_audio(tmp_path / f"{copy}" / f"take{number}-{copy}.wav", hiss(0.05, number))
    parts = split_folders([str(tmp_path)], 0.25, 0.25)
    part_of = {path.name: split for split, paths in parts.items() for path in paths}
    for number in range(12):
        assert len({part_of[f"take{number}-{copy}.wav"] for copy in range(3)}) == 1


def test_split_and_loose_folders_and_single_files_go_together(tmp_path):
    for split in ("train", "validation", "test"):
        write_split(tmp_path, "ready", split, hiss(0.1, 1))
    for number in range(3):
        write_audio(tmp_path / "loose" / f"{number}.wav", hiss(0.1, 10 + number))
    write_audio(tmp_path / "alone.wav", hiss(0.1, 20))
    sources = [str(tmp_path / name) for name in ("ready", "loose", "alone.wav")]
    parts = split_folders(sources, 0.1, 0.1)
    assert sum(map(len, parts.values())) == 7
    assert all(any("ready" in str(path) for path in paths) for paths in parts.values())


def test_what_is_for_testing_is_in_no_window_and_not_in_the_validation(corpus, windows):
    task = WakeTask(recipe_of(corpus), None)
    cut, _ = windows(task)
    levels = np.unique(level_of(cut)[level_of(cut) > 6000])
    assert levels.tolist() == [LOUD]
    assert set(np.unique(level_of(task.stream("validation").samples)).tolist()).isdisjoint(
        {7000, 20_000}
    )
    assert {7000, 20_000} <= set(level_of(task.stream("testing").samples).tolist())


@pytest.mark.parametrize("kind", ["positives", "negatives"])
@pytest.mark.parametrize("missing", ["validation", "test"])
def test_a_split_without_clips_is_told_before_training(corpus, kind, missing):
    (corpus / kind / missing / f"{missing}_0.wav").unlink()
    (corpus / kind / missing).rmdir()
    with pytest.raises(CorpusError, match=f"no {kind} for {missing}"):
        WakeTask(recipe_of(corpus), None)


def test_a_link_to_nowhere_is_left_out_wherever_it_lies(corpus, tmp_path, capsys):
    loose = tmp_path / "loose"
    for number in range(4):
        write_audio(loose / f"talk_{number}.wav", hiss(1.0, number))
    for folder in (corpus / "positives" / "train", loose):
        (folder / "gone.wav").symlink_to("nowhere.wav")
    recipe = recipe_of(corpus, negatives=(str(loose),))
    with gathered():
        task = WakeTask(recipe, tmp_path / "cache")
    told = capsys.readouterr().err
    assert f"cannot open {corpus / 'positives' / 'train' / 'gone.wav'}: no such file" in told
    write_audio(loose / "nowhere.wav", hiss(1.0, 9))
    assert WakeTask(recipe, None).identity != task.identity


@pytest.mark.parametrize("kind", ["positives", "negatives"])
def test_no_folders_of_a_kind_are_told_with_the_option(corpus, kind):
    nothing: dict[str, Any] = {kind: ()}
    recipe = recipe_of(corpus, **nothing)
    with pytest.raises(CorpusError, match=f"--{kind} DIR"):
        WakeTask(recipe, None)


def test_one_loose_negative_clip_is_too_few_and_that_is_told(corpus):
    write_audio(corpus / "one" / "talk.wav", hiss(1.0, 3))
    with pytest.raises(CorpusError, match=r"1 clip in .*one.* at least 3 are needed"):
        WakeTask(recipe_of(corpus, negatives=(str(corpus / "one"),)), None)


def test_a_clip_that_is_positive_and_negative_is_refused_at_once(corpus):
    both = (str(corpus / "negatives"), str(corpus / "positives"))
    with pytest.raises(CorpusError, match=r"positives.*\.wav is a positive and a negative"):
        WakeTask(recipe_of(corpus, negatives=both), None)


def test_near_misses_in_a_folder_of_the_phrase_are_refused_at_once(corpus):
    """As `kws train wake` leaves both in one folder, whose other half is meant."""
    write_audio(corpus / "near_misses" / "train" / "nay_robin.wav", hiss(1.0, 3))
    said = r"near_misses holds what is nearly the phrase: give the folder beside .*positives$"
    with pytest.raises(CorpusError, match=said):
        WakeTask(recipe_of(corpus, positives=(str(corpus),)), None)
    with pytest.raises(CorpusError, match=said):
        evaluate_stream("hey_cortana", [corpus], [corpus / "negatives"])


# Windows


def test_a_positive_window_holds_the_whole_phrase_and_its_label_is_the_phrases_middle(
    corpus, windows
):
    task = WakeTask(recipe_of(corpus), None)
    cut, labels = windows(task)
    assert cut.shape == (80, RATE) and labels.shape == (80,)
    starts = set()
    for window, label in zip(cut[:40], labels[:40], strict=True):
        phrase = np.flatnonzero(level_of(window) == LOUD)
        start, end = phrase[0], phrase[-1] + 1
        assert end - start == len(phrase) == 0.3 * RATE  # trimmed of its silence, in one piece
        assert label == (start + end) // 2 // HOP
        starts.add(int(start))
    assert len(starts) > 20  # at ever other places
    talk_before = [bool(np.any(window[: RATE // 10])) for window in cut[:40]]
    assert any(talk_before) and not all(talk_before)


def test_labels_are_frames_of_the_features(corpus):
    for hop_length in (160, 320):
        recipe = recipe_of(corpus, window_s=0.5)
        features_config = FeatureConfig(n_mfcc=8, hop_length=hop_length)
        task = WakeTask(dataclasses.replace(recipe, features=features_config), None)
        features, labels = version(task, 0)
        assert features.shape == (80, (8000 - 512) // hop_length + 1, 8)
        assert features.dtype == np.int16 and labels.dtype == np.int64
        assert np.all((labels[:40] >= 1) & (labels[:40] < features.shape[1]))
        assert np.all(labels[40:] == 0)


def test_a_phrase_longer_than_the_window_is_cut_to_it(corpus, windows):
    write_split(corpus, "positives", "train", padded(square(1.5)))
    task = WakeTask(recipe_of(corpus, window_s=0.5), None)
    cut, labels = windows(task)
    assert cut.shape[1] == 8000
    assert np.all(level_of(cut[:40]) == LOUD)
    assert np.all(labels[:40] == 4000 // HOP)


def test_a_negative_window_never_holds_the_phrase_and_sometimes_its_beginning(corpus, windows):
    task = WakeTask(recipe_of(corpus, negative_windows=200), None)
    cut, labels = windows(task)
    loud = np.count_nonzero(level_of(cut[40:]) == LOUD, axis=1)
    assert np.all(labels[40:] == 0)
    assert loud.max() < 0.8 * 0.3 * RATE
    assert 5 < np.count_nonzero(loud) < 100


def test_negatives_shorter_than_a_window_fill_it_together(tmp_path, windows):
    for split in ("train", "validation", "test"):
        write_split(tmp_path, "positives", split, padded(square(0.3)))
        write_split(tmp_path, "negatives", split, hiss(0.1, 1, 500), hiss(0.05, 2, 500))
    task = WakeTask(recipe_of(tmp_path, window_s=1.0), None)
    cut, _ = windows(task)
    assert cut.shape == (80, RATE)
    quiet = cut[40:][np.all(level_of(cut[40:]) < LOUD, axis=1)]
    assert np.any(quiet)


def test_one_negative_clip_per_part_is_enough(corpus):
    features, _ = version(WakeTask(recipe_of(corpus), None), 0)
    assert len(features) == 80


def test_a_version_is_the_same_each_time_and_no_other_is_like_it(corpus):
    recipe = dataclasses.replace(recipe_of(corpus), augment=wake_recipe(corpus).augment)
    first, labels = version(WakeTask(recipe, None), 3)
    again, same_labels = version(WakeTask(recipe, None), 3)
    assert np.array_equal(first, again) and np.array_equal(labels, same_labels)
    assert not np.array_equal(first, version(WakeTask(recipe, None), 4)[0])
    assert np.array_equal(first, version(WakeTask(dataclasses.replace(recipe, seed=1), None), 3)[0])
    data = dataclasses.replace(recipe.data, augmentation_seed=1)
    other = dataclasses.replace(recipe, data=data)
    assert not np.array_equal(first, version(WakeTask(other, None), 3)[0])


def test_the_cache_changes_nothing(corpus, tmp_path):
    plain = version(WakeTask(recipe_of(corpus), None), 0)
    for _ in range(2):
        cached = version(WakeTask(recipe_of(corpus), tmp_path / "cache"), 0)
        assert all(np.array_equal(a, b) for a, b in zip(plain, cached, strict=True))


# Loss


def test_the_loss_is_that_of_the_highest_logit(corpus):
    task = WakeTask(recipe_of(corpus), None)
    logits = torch.tensor([[-3.0, 0.5, 2.0, -1.0], [-2.0, 1.5, -1.0, 0.0]])[:, :, None]
    loss = task.loss(logits, torch.tensor([1, 0]))
    expected = (math.log1p(math.exp(-2.0)) + math.log1p(math.exp(1.5))) / 2
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_the_loss_of_a_phrase_ignores_what_comes_before_its_middle(corpus):
    task = WakeTask(recipe_of(corpus), None)
    logits = torch.tensor([[5.0, 7.0, -2.0, 1.0], [-5.0, 4.0, 0.0, 0.0]])[:, :, None]
    logits.requires_grad_()
    loss = task.loss(logits, torch.tensor([2, 0]))
    expected = (math.log1p(math.exp(-1.0)) + math.log1p(math.exp(4.0))) / 2
    assert loss.item() == pytest.approx(expected, abs=1e-6)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.nonzero(gradient[:, :, 0]).tolist() == [[0, 3], [1, 1]]


def test_the_loss_sees_the_scores_that_the_detector_will_see(corpus):
    recipe = dataclasses.replace(recipe_of(corpus), detector=DetectorConfig(smoothing_shift=2))
    task = WakeTask(recipe, None)
    logits = torch.randn(1, 40, 1, generator=torch.Generator().manual_seed(0)) * 3
    highest = smoothed(logits[:, :, 0], 2).max().item()
    loss = task.loss(logits, torch.tensor([0])).item()
    assert loss == pytest.approx(math.log1p(math.exp(highest)), abs=1e-5)


@pytest.mark.parametrize("shift", [0, 1, 2, 4])
def test_smoothing_is_the_engines(shift):
    recipe = RandomModel(
        classes=("hey_you",),
        detector=DetectorConfig(threshold=0.6, smoothing_shift=shift, refractory_frames=7),
    )
    model = model_file.parse(recipe.encode())
    samples = np.concatenate([sweep(200, 5000, 4.0), hiss(4.0, 0, 3000), sweep(3000, 90, 4.0)])
    trace = batch.trace(model, samples)
    logits = torch.from_numpy(trace.logits[:, 0] / 1024.0)[None]
    ours = smoothed(logits, shift)[0].numpy()
    settled = 11 * 2**shift  # the engine climbs from certain silence, -32, and forgets it
    apart = np.abs(ours - trace.scores[:, 0] / 1024.0)[settled:]
    spread = np.ptp(logits.numpy())
    assert spread > 2.0
    # half a step of rounding for each frame that is remembered; e^-6 of the range is not
    assert apart.max() <= (0.5 * 2**shift + 1) / 1024 + math.exp(-6) * spread
    others = smoothed(logits, shift + 1)[0].numpy()
    assert np.abs(others - trace.scores[:, 0] / 1024.0)[2 * settled :].max() > 4 * apart.max()


def test_smoothing_takes_the_first_logit_for_all_before_it_and_works_on_short_clips():
    assert torch.allclose(smoothed(torch.full((2, 3), 1.5), 2), torch.full((2, 3), 1.5))
    step = smoothed(torch.tensor([[0.0, 1.0, 1.0]]), 1)
    assert step[0].tolist() == pytest.approx([0.0, 0.5, 0.75], abs=2e-3)


# Validation


def test_validation_does_not_change_with_the_seed(tmp_path):
    wake_corpus(tmp_path)
    seen = []
    for seed in (0, 1):
        task = WakeTask(dataclasses.replace(wake_recipe(tmp_path), seed=seed), None)

        def run(features):
            seen.append(features)
            return np.zeros((*features.shape[:2], 1), np.float32)

        task.validate(run, None)
    assert np.array_equal(*seen)


def test_validation_scores_what_parts_phrases_from_the_rest_higher(tmp_path):
    wake_corpus(tmp_path)
    task = WakeTask(wake_recipe(tmp_path), None)
    _, labels = task._validation_windows
    assert {0, 1} == set(labels.tolist())

    def oracle(sign):
        def run(features):
            logits = np.where(labels > 0, sign, -sign).astype(np.float32)
            return np.broadcast_to(logits[:, None, None], (*features.shape[:2], 1)).copy()

        return task.validate(run, None)

    right, blind, wrong = oracle(4.0), oracle(0.0), oracle(-4.0)
    assert right["score"] > blind["score"] > wrong["score"]
    assert right["validation_loss"] == pytest.approx(math.log1p(math.exp(-4.0)), abs=1e-5)
    assert blind["validation_loss"] == pytest.approx(math.log(2.0), abs=1e-5)


def a_model(threshold: float = 0.6) -> bytes:
    recipe = RandomModel(
        classes=("up there",),
        features=FeatureConfig(n_mfcc=8, energy="delta"),
        detector=DetectorConfig(threshold=threshold, smoothing_shift=1, refractory_frames=5),
    )
    return recipe.encode()


def with_cost(task: WakeTask, cost: float) -> WakeTask:
    data = dataclasses.replace(task.recipe.data, false_accept_cost=cost)
    task.recipe = dataclasses.replace(task.recipe, data=data)
    return task


def pretend(monkeypatch, misses, false_accepts):
    """Let a stream's verdict at a threshold be these numbers of misses and false accepts.

    Every phrase soon after a start or after silence is heard.
    """
    monkeypatch.setattr(wake, "opening_scores", lambda model, features: heard(features))

    def heard(features):
        return np.full((len(features), 1), 32767, np.int16)

    def verdict(model, stream, scores, threshold):
        missed = [stream.positives[0]] * misses(threshold)
        wrong = (stream.clips[0], Hit(0, "up there", 1.0))
        return Verdict(missed, [], [wrong] * false_accepts(threshold), 0)

    monkeypatch.setattr(operating_points, "stream_verdict", verdict)


def test_the_threshold_misses_least_without_false_accepts_where_they_cost_dearly(
    tmp_path, monkeypatch
):
    task = with_cost(WakeTask(wake_recipe(wake_corpus(tmp_path)), None), 1.0)
    pretend(monkeypatch, lambda p: int(p > 0.9) + int(p > 0.99), lambda p: int(p < 0.7))
    chosen, figures = task.choose_threshold(a_model())
    assert 0.7 <= chosen <= 0.9
    assert figures["miss_rate"] == 0 and figures["per_hour"] == 0
    # The middle of what is equally good, in log-odds: the most room to both sides.
    middle = (math.log(0.7 / 0.3) + math.log(0.9 / 0.1)) / 2
    assert math.log(chosen / (1 - chosen)) == pytest.approx(middle, abs=0.3)


def test_phrases_soon_after_a_start_count_as_those_in_the_stream_do(tmp_path, monkeypatch):
    task = with_cost(WakeTask(wake_recipe(wake_corpus(tmp_path)), None), 0.0)
    pretend(monkeypatch, lambda p: 0, lambda p: 0)
    heard = np.array([[2000], [9000], [9000]], np.int16)
    monkeypatch.setattr(wake, "opening_scores", lambda *_: heard)
    chosen, figures = task.choose_threshold(a_model())
    assert chosen <= posterior_of(2000) and figures["miss_rate"] == 0
    heard[0] = -9000
    miss_rate = task.choose_threshold(a_model())[1]["miss_rate"]
    assert miss_rate == pytest.approx(2 / 9)  # after silence, too


def test_a_model_that_settles_elsewhere_in_silence_costs_what_it_moved(tmp_path, monkeypatch):
    task = with_cost(WakeTask(wake_recipe(wake_corpus(tmp_path)), None), 0.0)
    pretend(monkeypatch, lambda p: 0, lambda p: 0)
    costs = []
    for moved in (0.2, 0.3, 0.8):
        monkeypatch.setattr(wake, "moved_in_silence", lambda model, moved=moved: moved)
        blind = task.validate(lambda f: np.zeros((*f.shape[:2], 1), np.float32), a_model())
        costs.append((blind["validation_cost"], blind["score"]))
    assert costs[0] == costs[1] and costs[0][0] == 0
    assert costs[2][0] == pytest.approx(0.5) and costs[2][1] == pytest.approx(costs[1][1] - 0.5)


def test_the_threshold_weighs_misses_against_false_accepts_by_the_recipes_cost(
    tmp_path, monkeypatch
):
    task = WakeTask(wake_recipe(wake_corpus(tmp_path)), None)
    pretend(monkeypatch, lambda p: int(p > 0.5), lambda p: int(p <= 0.5))
    positives = 3 * 3  # in the stream, soon after a start, and after silence
    assert task.stream("validation").negative_hours < LEAST_HOURS  # and so it counts as one hour
    even = 1 / positives  # at this cost, one miss weighs what one false accept does
    lenient, figures = with_cost(task, 0.5 * even).choose_threshold(a_model())
    assert lenient <= 0.5 and figures["miss_rate"] == 0
    assert figures["per_hour"] == pytest.approx(1 / LEAST_HOURS)
    strict, figures = with_cost(task, 2.0 * even).choose_threshold(a_model())
    assert strict > 0.5 and figures["per_hour"] == 0
    assert figures["miss_rate"] == pytest.approx(1 / positives)


def test_the_figures_at_the_threshold_are_those_of_the_shipped_detector(tmp_path):
    task = with_cost(WakeTask(wake_recipe(wake_corpus(tmp_path)), None), 1e-3)
    model = model_file.parse(a_model())
    stream = task.stream("validation")

    def cost(threshold):
        spotter = Spotter(model, threshold=threshold)
        hits = [
            Hit(round(d.time_s * RATE), d.word, d.score) for d in spotter.process(stream.samples)
        ]
        verdict = judge(stream, hits)
        rate = len(verdict.false_accepts) / max(stream.negative_hours, LEAST_HOURS)
        return len(verdict.missed) / len(stream.positives) + 1e-3 * rate

    chosen, figures = task.choose_threshold(model.data)
    assert figures["cost"] == pytest.approx(cost(chosen))
    assert figures["cost"] <= min(cost(p) for p in (0.2, 0.35, 0.5, 0.65, 0.8, 0.95)) + 1e-9
    score = task.validate(lambda f: np.zeros((*f.shape[:2], 1), np.float32), model.data)
    assert score["validation_miss_rate"] == figures["miss_rate"]
    assert score["validation_false_accepts_per_hour"] == figures["per_hour"]


def test_silent_positives_are_an_error_before_training(corpus):
    for path in (corpus / "positives").rglob("*.wav"):
        write_audio(path, np.full(8_000, 0, np.int16))
    with pytest.raises(CorpusError, match="positives are silent"):
        WakeTask(recipe_of(corpus), None)


def test_pieces_of_a_stream_score_as_the_stream_does() -> None:
    root = Path(__file__).resolve().parents[3]
    model = model_file.load(root / "models/athena")
    samples = np.tile(read_audio(root / "data/sample/stream/held_out.opus"), 2)
    heard = batch.features(samples, model.features)
    whole = batch.scores_of(model, heard).astype(int)
    pieces = scores_in_pieces(model, heard).astype(int)
    assert len(whole) == len(pieces) > PIECE_FRAMES * 4
    # In log-odds; the state remembers longer than five seconds, a little.
    assert np.abs(whole - pieces).max() < 0.5 * 1024 and np.abs(whole - pieces).mean() < 0.05 * 1024
