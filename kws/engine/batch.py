"""The C engine in Python: features, scores and detections, as they are on a board.

Nothing here computes: every number comes from firmware/src through kws.engine.native._engine.
"""

import itertools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws.audio.samples import to_int16
from kws.engine.model_file import Model, load
from kws.engine.native._engine import ffi, lib
from kws.errors import AudioError
from kws.settings.model import FeatureConfig, log_odds_q10

Int16Array = npt.NDArray[np.int16]
THREADS = os.cpu_count() or 1


class Trace(NamedTuple):
    """Every integer of a run over one signal.

    features: (frames, n_features), hidden: (frames, hidden), logits and scores (smoothed
    log-odds): (frames, classes); all int16.
    """

    features: Int16Array
    hidden: Int16Array
    logits: Int16Array
    scores: Int16Array


def pointer(array: Int16Array) -> Any:
    """Return what C calls `int16_t *`; it is good as long as the array lives."""
    return ffi.cast("int16_t *", array.ctypes.data)


def _int16(array: npt.ArrayLike, shape: tuple[int | None, ...], what: str) -> Int16Array:
    """Return `array` contiguous; anything but int16 of this shape would make C read astray."""
    given = np.asarray(array)
    fits = given.ndim == len(shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, given.shape, strict=True)
    )
    if given.dtype != np.int16 or not fits:
        wanted_shape = ", ".join("any" if size is None else str(size) for size in shape)
        raise AudioError(
            f"The {what} are {given.dtype} of shape {given.shape}: give int16 ({wanted_shape})."
        )
    return np.ascontiguousarray(given)


def _settings(config: FeatureConfig) -> Any:
    settings = ffi.new("kws_feature_settings *")
    settings.hop_length, settings.n_mels = config.hop_length, config.n_mels
    settings.n_mfcc, settings.n_features = config.n_mfcc, config.n_features
    settings.energy = FeatureConfig.ENERGIES.index(config.energy)
    settings.frame_length = config.frame_length
    return settings


def _in_threads(work: Callable[[slice], None], items: int, threads: int) -> None:
    """Run `work` on slices of `items`; the engine's calls release the GIL."""
    threads = max(1, min(threads, items))
    bounds = [items * i // threads for i in range(threads + 1)]
    slices = [slice(a, b) for a, b in itertools.pairwise(bounds)]
    if threads == 1:
        work(slices[0])
        return
    # Imported here: a detection in one stream needs no threads, and starts sooner without them.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, slices))


def features_batch(
    clips: Int16Array, config: FeatureConfig | None = None, *, threads: int = THREADS
) -> Int16Array:
    """Return the engine's features of many clips of one length.

    clips: (clips, samples) int16 -> (clips, frames, n_features) int16, natural log with 7
    fractional bits. A clip shorter than a frame, 32 ms, has none. AudioError on other types and
    shapes.
    """
    config = config or FeatureConfig()
    clips = _int16(clips, (None, None), "clips")
    count, samples = clips.shape
    settings = _settings(config)
    frames = lib.kws_batch_frames(samples, settings)
    out = np.empty((count, frames, config.n_features), np.int16)

    def work(part: slice) -> None:
        size = part.stop - part.start
        lib.kws_batch_features(settings, pointer(clips[part]), size, samples, pointer(out[part]))

    _in_threads(work, count, threads)
    return out


def features(samples: npt.ArrayLike, config: FeatureConfig | None = None) -> Int16Array:
    """Return the engine's features of one signal: (frames, n_features) int16; 128 is one nat."""
    frames: Int16Array = features_batch(to_int16(samples)[None, :], config, threads=1)[0]
    return frames


def features_of_blocks(
    blocks: Iterable[Int16Array], config: FeatureConfig | None = None
) -> Int16Array:
    """Return what `features` does, of a stream that arrives in blocks and is not kept.

    blocks: (samples,) int16 each, of any length. Returns (frames, n_features) int16.
    """
    config = config or FeatureConfig()
    parts: list[Int16Array] = []
    waiting: Int16Array = np.zeros(0, np.int16)
    overlap = 0  # frames at the head of `waiting` that were given out: a delta looks back at one
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        found = features_batch(waiting[None, :], config, threads=1)[0]
        if len(found) > overlap:
            parts.append(found[overlap:])
            waiting = waiting[(len(found) - 1) * config.hop_length :].copy()
            overlap = 1
    return np.concatenate(parts) if parts else np.empty((0, config.n_features), np.int16)


def network_batch(
    model: str | Path | Model,
    clip_features: Int16Array,
    *,
    hidden: bool = False,
    threads: int = THREADS,
) -> tuple[Int16Array, Int16Array | None]:
    """Run the network over features, from the state at rest for each clip.

    clip_features: (clips, frames, n_features) int16 -> logits (clips, frames, classes) int16 with
    10 fractional bits, and with `hidden` the states (clips, frames, hidden) int16 with 15.
    """
    model = load(model)
    clip_features = _int16(clip_features, (None, None, model.features.n_features), "features")
    count, frames, _ = clip_features.shape
    logits = np.empty((count, frames, len(model.classes)), np.int16)
    states = np.empty((count, frames, model.hidden), np.int16) if hidden else None
    data = ffi.from_buffer(model.data)

    def work(part: slice) -> None:
        to = pointer(states[part]) if states is not None else ffi.NULL
        at = pointer(clip_features[part])
        size = part.stop - part.start
        lib.kws_batch_network(data, len(model.data), at, size, frames, to, pointer(logits[part]))

    _in_threads(work, count, min(threads, -(-count // lib.KWS_LANES_AT_ONCE)))  # full lanes
    return logits, states


def rest(model: str | Path | Model) -> Int16Array:
    """Return the state at rest, which silence leads to: (hidden,) int16 with 15 fractional bits."""
    model = load(model)
    state = np.empty(model.hidden, np.int16)
    lib.kws_batch_rest(ffi.from_buffer(model.data), len(model.data), pointer(state))
    return state


def silence(config: FeatureConfig) -> Int16Array:
    """Return the features of a frame of silence after silence: (n_features,) int16."""
    two_frames = np.zeros(config.frame_length + config.hop_length, np.int16)
    frame: Int16Array = features(two_frames, config)[1]
    return frame


def smooth(model: Model, logits: Int16Array) -> Int16Array:
    """Return the detector's smoothed log-odds of a stream's logits: both (frames, classes)."""
    smoothed = np.empty_like(logits)
    data = ffi.from_buffer(model.data)
    lib.kws_batch_smooth(data, len(model.data), pointer(logits), len(logits), pointer(smoothed))
    return smoothed


def trace(model: str | Path | Model, samples: npt.ArrayLike) -> Trace:
    """Return every integer that the engine computes on one signal, from the state at rest."""
    model = load(model)
    frames = features(samples, model.features)
    logits, states = network_batch(model, frames[None], hidden=True, threads=1)
    assert states is not None
    return Trace(frames, states[0], logits[0], smooth(model, logits[0]))


def scores(model: str | Path | Model, samples: npt.ArrayLike) -> Int16Array:
    """Return the smoothed log-odds of a whole stream: (frames, classes) int16."""
    model = load(model)
    return scores_of(model, features(samples, model.features))


def scores_of(model: str | Path | Model, stream_features: Int16Array) -> Int16Array:
    """Return what `scores` does, from features (frames, n_features) int16 that stand ready."""
    model = load(model)
    logits, _ = network_batch(model, stream_features[None], threads=1)
    return smooth(model, logits[0])


def detect(
    model: str | Path | Model, stream_scores: Int16Array, threshold: float | None = None
) -> list[tuple[int, int, int]]:
    """Replay the engine's detector over smoothed scores: (frame, class index, score) of each.

    stream_scores: (frames, classes) int16 as `scores` returns them; threshold: a posterior.
    """
    model = load(model)
    stream_scores = _int16(stream_scores, (None, len(model.classes)), "scores")
    threshold_q10 = 0 if threshold is None else log_odds_q10(threshold)
    capacity = len(stream_scores)
    found = ffi.new("kws_detection[]", max(1, capacity))
    count = lib.kws_batch_detect(
        *(ffi.from_buffer(model.data), len(model.data), threshold is not None, threshold_q10),
        *(pointer(stream_scores), len(stream_scores), found, capacity),
    )
    return [(found[i].frame, found[i].word, found[i].score_q10) for i in range(count)]


def clip_logits(
    model: str | Path | Model, clips: Int16Array, *, threads: int = THREADS
) -> Int16Array:
    """Return each clip's logits, the maximum over its frames: (clips, classes) int16.

    clips: (clips, samples) int16, each from the state at rest.
    """
    model = load(model)
    clip_features = features_batch(clips, model.features, threads=threads)
    logits, _ = network_batch(model, clip_features, threads=threads)
    best: Int16Array = logits.max(axis=1)
    return best
