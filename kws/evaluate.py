"""Measure a model as it ships: its bytes, through the C engine, on recordings it has not seen."""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws import engine, model_file
from kws.audio import read_audio
from kws.config import posterior_of
from kws.corpus import (
    UNKNOWN,
    LabelledClips,
    background_noise,
    classes_folder,
    command_task,
    speech_commands,
)
from kws.errors import ConfigError
from kws.model_file import Model
from kws.progress import progress
from kws.splits import POSITIVE_SHARES, split_folders
from kws.stream import Clip, Hit, Stream, Verdict, build_stream, judge, name_key, poisson_upper
from kws.windows import JOIN_S, Windows

# Log-odds of the thresholds that are tried: posteriors from 0.02 to 0.999994.
SWEEP_LOG_ODDS = np.arange(-4.0, 12.25, 0.25)
TAIL_S = 1.0  # a wake word may fire up to a second after its clip

Samples = NDArray[np.int16]


def evaluate_clips(
    model: Model | Path | str,
    folder: Path | str,
    *,
    threshold: float | None = None,
    list_errors: bool = False,
) -> dict[str, Any]:
    """Classify every clip of FOLDER/<word>/ and count what is right.

    A model of several classes says the class whose logit is the largest at its highest moment,
    the state at rest before each clip; clips below 1 s are centred in it.  A model of one word, or
    one that has no background class and is given other words, says the word that its detector
    reports first in the clip or within 1 s after it, or else `_unknown_`.  Folders that are not
    among the model's classes are expected to come out as `_unknown_`.

    Returns accuracy, clips, per_class {class: recall, precision, clips}, confusion
    {actual: {predicted: clips}}, folders_counted_as_unknown, model_bytes and engine; with
    `list_errors` also errors [{file, actual, predicted}].
    """
    model = model_file.load(model)
    known = {name_key(name): name for name in model.classes}
    entries = classes_folder(folder)
    actual = [known.get(name_key(name), UNKNOWN) for _, name in entries]
    foreign = {name for _, name in entries if name_key(name) not in known} - {UNKNOWN}

    has_background = len(model.words) < len(model.classes)
    if len(model.words) == 1 or (UNKNOWN in actual and not has_background):
        guess = partial(_first_word, model, threshold=threshold)
    else:
        guess = partial(_best_class, model)
    with ThreadPoolExecutor() as pool:
        predictions = pool.map(guess, [path for path, _ in entries])
        predicted = list(progress(predictions, label="Evaluating clips", total=len(entries)))

    pairs = Counter(zip(actual, predicted, strict=True))
    result = clip_report(pairs, [*model.classes, UNKNOWN], len(model.data))
    result["folders_counted_as_unknown"] = sorted(foreign)
    if list_errors:
        result["errors"] = [
            {"file": str(path), "actual": truth, "predicted": answer}
            for (path, _), truth, answer in zip(entries, actual, predicted, strict=True)
            if truth != answer
        ]
    return result


def evaluate_split(model: Model | Path | str, folder: Path | str, split: str) -> dict[str, Any]:
    """Classify one official split of Speech Commands, as the model's keyword task has it.

    A model with _unknown_ and _silence_ gets the standard ones, the same clips in every run (see
    `corpus.command_task`); one without is tested on every word. Returns what `evaluate_clips` does.
    """
    model = model_file.load(model)
    words = model.words if UNKNOWN in model.classes else None
    rate_hz = model.features.sample_rate_hz
    noise = background_noise(folder, split, sample_rate_hz=rate_hz)
    listed = speech_commands(folder)
    clips = command_task(listed, words, split, noise=noise, sample_rate_hz=rate_hz)
    if clips.classes != model.classes:
        raise ConfigError(
            f"{model.name} has the classes {', '.join(model.classes)}, which are not those of the "
            f"words in {folder}; evaluate it on folders of clips without --split."
        )
    return labelled_report(model, clips)


def labelled_report(model: Model, clips: LabelledClips) -> dict[str, Any]:
    """Return accuracy, per-class figures and confusion on clips that are in memory.

    Also `accuracy_streaming`, of the same clips in one stream without a reset, 1.5 s of low noise
    between them, and `accuracy_back_to_back`, with nothing between them.
    """
    predicted = engine.clip_logits(model, clips.samples).argmax(1)
    named = zip(clips.labels, predicted, strict=True)
    pairs = Counter((clips.classes[truth], clips.classes[answer]) for truth, answer in named)
    return clip_report(pairs, clips.classes, len(model.data)) | {
        "accuracy_streaming": streaming_accuracy(model, clips, JOIN_S),
        "accuracy_back_to_back": streaming_accuracy(model, clips, 0.0),
    }


def streaming_accuracy(model: Model, clips: LabelledClips, gap_s: float) -> float:
    """Return the share of clips that are right when they are played one after the other.

    The state is at rest before the first clip only; `gap_s` seconds of low noise go before each.
    """
    order = np.random.default_rng(0).permutation(len(clips))
    windows = Windows(model.features, len(clips), gap_s)
    features = engine.features(windows.join(clips.samples, order)[0], model.features)
    logits, _ = engine.network_batch(model, features[None])
    return float((windows.highest(logits).argmax(1) == clips.labels[order]).mean())


def clip_report(
    pairs: Counter[tuple[str, str]], classes: Sequence[str], model_bytes: int
) -> dict[str, Any]:
    """Return accuracy, clips, per_class, confusion and what was measured.

    pairs: how often (actual, predicted) occurred.
    """
    clips = sum(pairs.values())
    right = sum(count for (actual, predicted), count in pairs.items() if actual == predicted)
    return {
        "accuracy": right / clips,
        "clips": clips,
        "per_class": _per_class(pairs, classes),
        "confusion": _confusion(pairs),
        "model_bytes": model_bytes,
        "engine": "c",
    }


def evaluate_stream(
    model: Model | Path | str,
    positives: Sequence[Path],
    negatives: Sequence[Path],
    noise: Sequence[Path] = (),
    snr_db: float | None = None,
    seed: int = 0,
    *,
    threshold: float | None = None,
    list_errors: bool = False,
    held_out: bool = False,
) -> dict[str, Any]:
    """Play all recordings as one stream, and count misses and false accepts at many thresholds.

    The stream and the rule are those of `kws.stream`: clips in a random order that `seed` fixes,
    1.5 s of low noise between them, no reset, positives found within their clip or 1 s after it.
    `threshold` takes the place of the model's own as the default. With `held_out`, of the positives
    only those are played that `kws train` sets aside for testing.

    Returns hours (of negative recordings, without joins), positives, operating_points and
    at_default (see `_operating_point`), median_latency_ms (from the end of the speech in a clip,
    its last 20 ms within 30 dB of the loudest, to its detection; None if nothing was found),
    by_folder {folder: hours, false_accepts, false_accepts_per_hour}, model_bytes and engine; with
    `list_errors` also missed [file] and false_accepts [{file, time_s, word, score}].
    """
    model = model_file.load(model)
    if held_out:
        positives = split_folders(positives, *POSITIVE_SHARES)["testing"]
    stream = build_stream(
        *(positives, negatives, model.words),
        noise=noise,
        snr_db=snr_db,
        seed=seed,
        sample_rate_hz=model.features.sample_rate_hz,
    )
    scores = engine.scores(model, stream.samples)
    default = model.detector.threshold if threshold is None else threshold
    points = [
        _operating_point(stream, tried, stream_verdict(model, stream, scores, tried))
        for tried in (1 / (1 + math.exp(-log_odds)) for log_odds in SWEEP_LOG_ODDS)
    ]
    verdict = stream_verdict(model, stream, scores, threshold)
    latency_s = statistics.median(verdict.latencies_s) if verdict.latencies_s else None
    result: dict[str, Any] = {
        "hours": stream.negative_hours,
        "positives": len(stream.positives),
        "operating_points": points,
        "at_default": _operating_point(stream, default, verdict),
        "median_latency_ms": None if latency_s is None else round(1000 * latency_s, 1),
        "by_folder": _by_folder(stream, verdict),
        "wrong_words": verdict.wrong_words,
        "snr_db": snr_db,
        "seed": seed,
        "model_bytes": len(model.data),
        "engine": "c",
    }
    if list_errors:
        result["missed"] = [str(clip.path) for clip in verdict.missed]
        accepted = verdict.false_accepts
        result["false_accepts"] = [_false_accept(stream, clip, hit) for clip, hit in accepted]
    return result


def _best_class(model: Model, path: Path) -> str:
    rate_hz = model.features.sample_rate_hz
    samples = read_audio(path, rate_hz)
    second = np.zeros(max(len(samples), rate_hz), np.int16)
    start = (len(second) - len(samples)) // 2
    second[start : start + len(samples)] = samples
    logits = engine.clip_logits(model, second[None], threads=1)
    return model.classes[int(logits[0].argmax())]


def _first_word(model: Model, path: Path, threshold: float | None) -> str:
    rate_hz = model.features.sample_rate_hz
    samples = np.pad(read_audio(path, rate_hz), (0, round(TAIL_S * rate_hz)))
    found = engine.detect(model, engine.scores(model, samples), threshold)
    return model.classes[found[0][1]] if found else UNKNOWN


def _per_class(pairs: Counter[tuple[str, str]], classes: Sequence[str]) -> dict[str, Any]:
    """Give each class that occurs its recall and precision; None where neither is defined."""
    rows: dict[str, Any] = {}
    for name in dict.fromkeys(classes):
        actual = sum(count for (truth, _), count in pairs.items() if truth == name)
        predicted = sum(count for (_, answer), count in pairs.items() if answer == name)
        right = pairs[name, name]
        if actual or predicted:
            rows[name] = {
                "recall": right / actual if actual else None,
                "precision": right / predicted if predicted else None,
                "clips": actual,
            }
    return rows


def _confusion(pairs: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    rows: dict[str, dict[str, int]] = {}
    for (truth, answer), count in sorted(pairs.items()):
        rows.setdefault(truth, {})[answer] = count
    return rows


def stream_verdict(
    model: Model, stream: Stream, scores: NDArray[np.int16], threshold: float | None
) -> Verdict:
    """Replay the detector over a stream's scores, and weigh its detections."""
    hop, frame_length = model.features.hop_length, model.features.frame_length
    return judge(
        stream,
        [
            Hit(frame * hop + frame_length, model.classes[index], posterior_of(score))
            for frame, index, score in engine.detect(model, scores, threshold)
        ],
    )


def _operating_point(stream: Stream, threshold: float, verdict: Verdict) -> dict[str, Any]:
    """Return one row: the rates at a threshold, and the exact 95 % bound of the false accepts."""
    hours = stream.negative_hours
    false_accepts = len(verdict.false_accepts)
    return {
        "threshold": round(threshold, 6),
        "miss_rate": len(verdict.missed) / len(stream.positives),
        "false_accepts": false_accepts,
        "false_accepts_per_hour": false_accepts / hours,
        "false_accepts_per_hour_upper_95": poisson_upper(false_accepts) / hours,
    }


def _by_folder(stream: Stream, verdict: Verdict) -> dict[str, Any]:
    counts = Counter(clip.folder for clip, _ in verdict.false_accepts)
    hours = stream.hours_by_folder()
    return {
        folder: {
            "hours": hours.get(folder, 0.0),
            "false_accepts": counts[folder],
            "false_accepts_per_hour": counts[folder] / hours[folder] if folder in hours else None,
        }
        for folder in [*hours, *(folder for folder in counts if folder not in hours)]
    }


def _false_accept(stream: Stream, clip: Clip, hit: Hit) -> dict[str, Any]:
    return {
        "file": str(clip.path),
        "time_s": round((hit.sample - clip.start) / stream.sample_rate_hz, 3),
        "word": hit.word,
        "score": round(hit.score, 4),
    }
