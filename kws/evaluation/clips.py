"""Measure a model as it ships: its bytes, through the C engine, on recordings it has not seen."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kws.audio.recording import decode
from kws.audio.samples import Samples
from kws.audio.word import crop_to_word
from kws.corpus.labelled import LabelledClips, command_task
from kws.corpus.listing import UNKNOWN, background_noise, classes_folder, speech_commands
from kws.engine import batch, model_file
from kws.engine.model_file import Model
from kws.errors import AudioError, ConfigError, CorpusError
from kws.evaluation.clip_stream import JOIN_S, streaming_accuracy
from kws.evaluation.recording_stream import name_key
from kws.support.notices import LEFT_OUT, Notice, tell
from kws.support.progress import progress

TAIL_S = 1.0  # a wake word may fire up to a second after its clip


def evaluate_clips(
    model: Model | Path | str,
    folder: Path | str,
    *,
    threshold: float | None = None,
    list_errors: bool = False,
    channel: int | None = None,
) -> dict[str, Any]:
    """Classify every clip of FOLDER/<word>/ and count what is right.

    A model of several classes says the class whose logit is the largest at its highest moment,
    the state at rest before each clip; clips are fitted into 1 s as in training (`crop_to_word`).
    A model of one word, or one that has no background class and is given other words, says the
    word that its detector reports first in the clip or within 1 s after it, or else `_unknown_`.
    Folders that are not among the model's classes are expected to come out as `_unknown_`.
    ConfigError where no folder has the name of a word. Of several channels only `channel` is
    taken, the first is 0, otherwise their average.

    Returns accuracy, clips, per_class {class: recall, precision, clips}, confusion
    {actual: {predicted: clips}}, folders_counted_as_unknown, skipped [{file, reason}] (what could
    not be read and is left out), model_bytes and engine; with
    `list_errors` also errors [{file, actual, predicted}].
    """
    model = model_file.load(model)
    known, entries = {name_key(name): name for name in model.classes}, classes_folder(folder)
    actual = [known.get(name_key(name), UNKNOWN) for _, name in entries]
    foreign = {name for _, name in entries if name_key(name) not in known} - {UNKNOWN}
    if not {*actual} & {*model.words}:
        raise ConfigError(
            f"{folder} has no folder for any word of {model.name} ({', '.join(model.words)}), so "
            "there is nothing to find: name the folders after the words, or give those without "
            "them as --negatives beside --positives."
        )

    guess = _guess(model, threshold, has_others=UNKNOWN in actual)
    with ThreadPoolExecutor() as pool:
        answer_to = partial(_answer, guess, model.features.sample_rate_hz, channel)
        answers = pool.map(answer_to, (path for path, _ in entries))
        given = list(progress(answers, label="Evaluating clips", total=len(entries)))
    unread = {}
    for (path, _), answer in zip(entries, given, strict=True):
        for notice in answer.notices:
            tell(notice)
        if answer.name is None:
            unread[path] = answer.reason
            tell(Notice(LEFT_OUT, answer.reason))
    if len(unread) == len(entries):
        raise CorpusError(f"none of the clips in {folder} can be read: {given[0].reason}")
    entries = [entry for entry in entries if entry[0] not in unread]
    actual = [known.get(name_key(name), UNKNOWN) for _, name in entries]
    predicted = [answer.name for answer in given if answer.name is not None]

    pairs = Counter(zip(actual, predicted, strict=True))
    result = clip_report(pairs, [*model.classes, UNKNOWN], len(model.data))
    result["folders_counted_as_unknown"] = sorted(foreign)
    result["skipped"] = [{"file": str(path), "reason": reason} for path, reason in unread.items()]
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
    predicted = batch.clip_logits(model, clips.samples).argmax(1)
    named = zip(clips.labels, predicted, strict=True)
    pairs = Counter((clips.classes[truth], clips.classes[answer]) for truth, answer in named)
    return clip_report(pairs, clips.classes, len(model.data)) | {
        "accuracy_streaming": streaming_accuracy(model, clips, JOIN_S),
        "accuracy_back_to_back": streaming_accuracy(model, clips, 0.0),
    }


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


class _Answer(NamedTuple):
    """What a clip was taken for; None where it cannot be read, for a reason."""

    name: str | None
    reason: str
    notices: list[Notice]


def _answer(
    guess: Callable[[Samples], str], rate_hz: int, channel: int | None, path: Path
) -> _Answer:
    try:
        samples, notices = decode(path, rate_hz, channel=channel, mono_too=True)
    except AudioError as refusal:
        return _Answer(None, str(refusal), [])
    return _Answer(guess(samples), "", notices)


def _guess(model: Model, threshold: float | None, has_others: bool) -> Callable[[Samples], str]:
    """How the model names a clip; `has_others`: there are words that it does not know."""
    has_background = len(model.words) < len(model.classes)
    if len(model.words) == 1 or (has_others and not has_background):
        return partial(_first_word, model, threshold=threshold)
    if threshold is not None:
        raise ConfigError(
            f"{model.name} tells words apart by the largest score of a clip, whatever the "
            f"threshold: leave {threshold:g} out, or play a stream (--positives, --negatives)"
        )
    return partial(_best_class, model)


def _best_class(model: Model, samples: Samples) -> str:
    rate_hz = model.features.sample_rate_hz
    second = crop_to_word(samples, rate_hz, rate_hz)
    logits = batch.clip_logits(model, second[None], threads=1)
    return model.classes[int(logits[0].argmax())]


def _first_word(model: Model, samples: Samples, threshold: float | None) -> str:
    samples = np.pad(samples, (0, round(TAIL_S * model.features.sample_rate_hz)))
    found = batch.detect(model, batch.scores(model, samples), threshold)
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
