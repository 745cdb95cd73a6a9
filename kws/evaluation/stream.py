"""Measure a wake word as it ships: its bytes, through the C engine, on one long stream."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kws.corpus.sources import (
    by_path,
    engine_of,
    holder_of,
    kept_for_testing,
    refuse_near_misses,
)
from kws.corpus.splits import FOLDER_SPLITS
from kws.engine import batch, model_file
from kws.engine.model_file import Model
from kws.engine.spotter import Spotter
from kws.evaluation.conditions import Conditions
from kws.evaluation.openings import missed_soon_after_start
from kws.evaluation.operating_points import (
    SWEEP_LOG_ODDS,
    operating_point,
    stream_verdict,
    suggested,
    sweep,
)
from kws.evaluation.placed import PlacedClip, Stream
from kws.evaluation.recording_stream import Playlist
from kws.evaluation.verdict import Hit, Verdict


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
    room: Path | None = None,
    gain_db: float = 0.0,
    channel: int | None = None,
    cache: Path | None = None,
) -> dict[str, Any]:  # longer than most: its docstring says what every figure means
    """Play all recordings as one stream, and count misses and false accepts at many thresholds.

    The stream is that of `recording_stream`: clips in a random order that `seed` fixes, 1.5 s of
    low noise between them, no reset. `verdict` has the rule: a positive is found within its clip
    or 1 s after it. noise, snr_db, room, gain_db: see `Conditions`. `threshold` takes the place of
    the model's own as the default. With `held_out` only those recordings are played that `kws
    train` sets aside for testing. Of several channels only `channel` is played, the first is 0,
    otherwise their average. In a `cache` folder short recordings are kept as they are decoded.

    Returns hours (of negative recordings, without joins), positives, operating_points and
    at_default (see `operating_point`), median_latency_ms (from the end of the speech in a clip, as
    heard: see `SpeechLevel.end_heard`, to its detection, where one before it counts as 0; None if
    nothing was found), early_share (of the found: detected before that end), by_voice {who spoke:
    positives, missed}, who being an engine of `kws synthesize`, or the folder,
    by_folder {folder: hours, false_accepts, false_accepts_per_hour}, near_misses {clips, fired} (of
    folders named near_misses, which count in no hour where there is other sound), skipped [{file,
    reason}] (what could not be read and is left out), suggested (thresholds for `WISHES`),
    soon_after_start {phrases, missed} (cut out and played within a second of a start: see
    `missed_soon_after_start`; only as recorded, that is, without `Conditions` or a channel),
    model_bytes and engine; with `list_errors` also missed [file], fired_near_misses [file] and
    false_accepts [{file, time_s, word, score}].
    """
    model = model_file.load(model)
    Spotter(model, threshold=threshold)  # a threshold that is none is refused before hours of sound
    given = negatives
    refuse_near_misses(positives)
    if held_out:
        positives, negatives = kept_for_testing(positives, negatives)
    rate_hz = model.features.sample_rate_hz
    playlist = Playlist(
        *(positives, negatives, model.words),
        conditions=Conditions(noise, snr_db, room, gain_db, sample_rate_hz=rate_hz),
        seed=seed,
        sample_rate_hz=rate_hz,
        channel=channel,
        cache=cache,
    )
    stream = playlist.stream
    scores = batch.scores_of(model, batch.features_of_blocks(playlist.blocks(), model.features))
    if held_out:  # files were played, of the folders that were given
        named = by_path(given)
        stream.clips[:] = [
            clip._replace(folder=holder_of(clip.path, named) or clip.folder)
            for clip in stream.clips
        ]
    verdict = stream_verdict(model, stream, scores, threshold)
    points = sweep(model, stream, scores, SWEEP_LOG_ODDS)
    default = model.detector.threshold if threshold is None else threshold
    result = {
        **_figures(stream, verdict, points, default),
        "snr_db": snr_db,
        "room": None if room is None else str(room),
        "gain_db": gain_db,
        "seed": seed,
        "model_bytes": len(model.data),
        "engine": "c",
    }
    if snr_db is None and room is None and not gain_db and channel is None:
        result["soon_after_start"] = missed_soon_after_start(model, stream, default, cache)
    return {**result, **_errors(stream, verdict)} if list_errors else result


def _figures(
    stream: Stream, verdict: Verdict, points: Iterable[tuple[float, Verdict]], default: float
) -> dict[str, Any]:
    rows = [operating_point(stream, *point) for point in points]
    late = verdict.latencies_s
    latency_s = statistics.median(max(0.0, each) for each in late) if late else None
    return {
        "hours": stream.negative_hours,
        "positives": len(stream.positives),
        "operating_points": rows,
        "suggested": suggested(rows),
        "at_default": operating_point(stream, default, verdict),
        "median_latency_ms": None if latency_s is None else round(1000 * latency_s, 1),
        "early_share": sum(each < 0 for each in late) / len(late) if late else None,
        "by_voice": _by_voice(stream, verdict),
        "by_folder": _by_folder(stream, verdict),
        "near_misses": {
            "clips": len(stream.near_misses),
            "fired": len(verdict.fired_near_misses),
        },
        "wrong_words": verdict.wrong_words,
        "skipped": [
            {"file": str(path), "reason": reason} for path, reason in stream.unread.items()
        ],
    }


def _errors(stream: Stream, verdict: Verdict) -> dict[str, Any]:
    return {
        "missed": [str(clip.path) for clip in verdict.missed],
        "fired_near_misses": [str(clip.path) for clip in verdict.fired_near_misses],
        "false_accepts": [_false_accept(stream, clip, hit) for clip, hit in verdict.false_accepts],
    }


def _by_voice(stream: Stream, verdict: Verdict) -> dict[str, Any]:
    missed = Counter(map(_who, verdict.missed))
    return {
        who: {"positives": count, "missed": missed[who]}
        for who, count in sorted(Counter(map(_who, stream.positives)).items())
    }


def _who(clip: PlacedClip) -> str:
    """The engine that spoke a positive, or the folder that holds it, apart from train/ or test/."""
    folders = clip.path.absolute().parents
    named = (folder.name for folder in folders if folder.name not in FOLDER_SPLITS)
    return engine_of(clip.path) or next(named)


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


def _false_accept(stream: Stream, clip: PlacedClip, hit: Hit) -> dict[str, Any]:
    return {
        "file": str(clip.path),
        "time_s": round((hit.sample - clip.start) / stream.sample_rate_hz, 3),
        "word": hit.word,
        "score": round(hit.score, 4),
    }
