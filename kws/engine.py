"""The C engine in Python: features, scores and detections, as they are on a board.

Nothing here computes: every number comes from firmware/src through kws.native._engine.
"""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws.audio import to_int16
from kws.config import FeatureConfig, log_odds_q10, posterior_of
from kws.errors import AudioError
from kws.model_file import Model, load
from kws.native._engine import ffi, lib

Int16Array = npt.NDArray[np.int16]
THREADS = os.cpu_count() or 1


class Detection(NamedTuple):
    """A word was heard: `time_s` from the start of the stream, `score` its posterior in (0, 1)."""

    word: str
    time_s: float
    score: float


class Trace(NamedTuple):
    """Every integer of a run over one signal.

    features: (frames, n_features), hidden: (frames, hidden), logits and scores (smoothed
    log-odds): (frames, classes); all int16.
    """

    features: Int16Array
    hidden: Int16Array
    logits: Int16Array
    scores: Int16Array


def time_of(frame: int, config: FeatureConfig) -> float:
    """Return when a frame's last sample has arrived, in seconds from the start."""
    return (frame * config.hop_length + config.frame_length) / config.sample_rate_hz


def _pointer(array: Int16Array) -> Any:
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


class Spotter:
    """Finds the words of a model in a stream of samples, in chunks of any length.

    The samples are of the model's rate, `model.features.sample_rate_hz`: 16 kHz, seldom 8 kHz.

    >>> spotter = kws.Spotter("models/hey_cortana")
    >>> for chunk in chunks:
    ...     for detection in spotter.process(chunk): ...
    """

    def __init__(self, model: str | Path | Model, *, threshold: float | None = None) -> None:
        """Load a .kws file, a folder with one, or a Model; `threshold` is a posterior in (0, 1)."""
        self.model = load(model)
        self._data = ffi.from_buffer(self.model.data)
        self._spotter = ffi.new("kws_spotter *")
        self._detection = ffi.new("kws_detection *")
        status = lib.kws_spotter_init(self._spotter, self._data, len(self.model.data))
        assert status == lib.KWS_OK  # load() has had it checked
        if threshold is not None:
            lib.kws_spotter_set_threshold(self._spotter, log_odds_q10(threshold))

    @property
    def words(self) -> tuple[str, ...]:
        """The words that can be detected."""
        return self.model.words

    @property
    def frames(self) -> int:
        """Frames analysed since the last reset."""
        return int(self._spotter.frames)

    @property
    def score(self) -> float:
        """The best word's smoothed posterior at this moment, in [0, 1]."""
        scores = self._spotter.detector.score_q10
        return max(
            posterior_of(scores[i])
            for i, name in enumerate(self.model.classes)
            if not name.startswith("_")
        )

    def process(self, chunk: npt.ArrayLike) -> list[Detection]:
        """Take samples (int16, or float in [-1, 1)), return the detections they complete.

        AudioError on NaN, infinity or another type; the stream's state is then unchanged.
        """
        samples = np.ascontiguousarray(to_int16(chunk))
        at, left = _pointer(samples), len(samples)
        found = []
        while left:
            used = lib.kws_spotter_process(self._spotter, at, left, self._detection)
            at, left = at + used, left - used
            hit = self._detection
            if hit.word != lib.KWS_NO_WORD:
                time_s = time_of(hit.frame, self.model.features)
                word = self.model.classes[hit.word]
                found.append(Detection(word, time_s, posterior_of(hit.score_q10)))
        return found

    def reset(self) -> None:
        """Forget everything heard, as if the stream began here."""
        lib.kws_spotter_reset(self._spotter)


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
        lib.kws_batch_features(settings, _pointer(clips[part]), size, samples, _pointer(out[part]))

    _in_threads(work, count, threads)
    return out


def features(samples: npt.ArrayLike, config: FeatureConfig | None = None) -> Int16Array:
    """Return the engine's features of one signal: (frames, n_features) int16; 128 is one nat."""
    frames: Int16Array = features_batch(to_int16(samples)[None, :], config, threads=1)[0]
    return frames


def network_batch(
    model: str | Path | Model,
    clip_features: Int16Array,
    *,
    hidden: bool = False,
    threads: int = THREADS,
) -> tuple[Int16Array, Int16Array | None]:
    """Run the network over features, from a reset state for each clip.

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
        to = _pointer(states[part]) if states is not None else ffi.NULL
        at = _pointer(clip_features[part])
        size = part.stop - part.start
        lib.kws_batch_network(data, len(model.data), at, size, frames, to, _pointer(logits[part]))

    _in_threads(work, count, min(threads, -(-count // lib.KWS_LANES_AT_ONCE)))  # full lanes
    return logits, states


def _smooth(model: Model, logits: Int16Array) -> Int16Array:
    smoothed = np.empty_like(logits)
    data = ffi.from_buffer(model.data)
    lib.kws_batch_smooth(data, len(model.data), _pointer(logits), len(logits), _pointer(smoothed))
    return smoothed


def trace(model: str | Path | Model, samples: npt.ArrayLike) -> Trace:
    """Return every integer that the engine computes on one signal, from a reset state."""
    model = load(model)
    frames = features(samples, model.features)
    logits, states = network_batch(model, frames[None], hidden=True, threads=1)
    assert states is not None
    return Trace(frames, states[0], logits[0], _smooth(model, logits[0]))


def scores(model: str | Path | Model, samples: npt.ArrayLike) -> Int16Array:
    """Return the smoothed log-odds of a whole stream: (frames, classes) int16."""
    model = load(model)
    return scores_of(model, features(samples, model.features))


def scores_of(model: str | Path | Model, stream_features: Int16Array) -> Int16Array:
    """Return what `scores` does, from features (frames, n_features) int16 that stand ready."""
    model = load(model)
    logits, _ = network_batch(model, stream_features[None], threads=1)
    return _smooth(model, logits[0])


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
        *(_pointer(stream_scores), len(stream_scores), found, capacity),
    )
    return [(found[i].frame, found[i].word, found[i].score_q10) for i in range(count)]


def clip_logits(
    model: str | Path | Model, clips: Int16Array, *, threads: int = THREADS
) -> Int16Array:
    """Return each clip's logits, the maximum over its frames: (clips, classes) int16.

    clips: (clips, samples) int16, each from a reset state.
    """
    model = load(model)
    clip_features = features_batch(clips, model.features, threads=threads)
    logits, _ = network_batch(model, clip_features, threads=threads)
    best: Int16Array = logits.max(axis=1)
    return best
