"""Where the word lies in a recording that holds more: a pause, a click, a long tail."""

from collections.abc import Iterable

import numpy as np

from kws.audio.level import SPEECH_FRAME_MS, SPEECH_RANGE_DB, speech_powers, speech_span
from kws.audio.samples import FloatArray, Samples
from kws.errors import CorpusError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.notices import Notice, tell

_SUSTAINED_FRAMES = 5  # 100 ms: a click is over by then, a syllable is not
_CLICK_DB = 15.0  # what is louder than everything sustained by this much is a click
_PAUSE_FRAMES = 20  # 400 ms part a phrase from another sound
_RANGES_DB = (SPEECH_RANGE_DB, 20.0, 12.0)
_SHORTEST_FRAMES = 4  # 80 ms: what is shorter and stands alone is no word


def phrase_span(
    samples: Samples, longest: int, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> tuple[int, int]:
    """Return from where to where a phrase is spoken, in samples.

    As `speech_span`, but a click does not set the level by which speech is known, and sounds that
    pauses of 400 ms part from the phrase are left out: those below 80 ms always, longer ones, the
    weakest first, where the whole would be longer than `longest` samples. Where noise fills the
    pauses so that it still is, only what is within 20 dB of the loudest counts, or within 12.
    """
    frame = sample_rate_hz * SPEECH_FRAME_MS // 1000
    powers = speech_powers(samples, frame)
    if len(powers) < _SUSTAINED_FRAMES:
        return speech_span(samples, sample_rate_hz)
    spans = [
        (first * frame, last * frame)
        for first, last in (
            _phrase_frames(powers, longest // frame, range_db) for range_db in _RANGES_DB
        )
    ]
    return next((span for span in spans if span[1] - span[0] <= longest), spans[0])


def _phrase_frames(powers: FloatArray, longest: int, range_db: float) -> tuple[int, int]:
    runs = _runs(_within(powers, range_db))
    capped = powers.clip(max=_sustained(powers).max())
    strength = [float(capped[first:last].sum()) for first, last in runs]
    main = int(np.argmax(strength))
    kept = [
        index
        for index, (first, last) in enumerate(runs)
        if index == main or last - first >= _SHORTEST_FRAMES
    ]
    while len(kept) > 1 and runs[kept[-1]][1] - runs[kept[0]][0] > longest:
        # Only the outermost can go, or a hole would remain.
        kept.remove(min((kept[0], kept[-1]), key=lambda index: strength[index]))
    return runs[kept[0]][0], runs[kept[-1]][1]


def phrases(
    recordings: Iterable[Samples], longest: int, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> list[Samples]:
    """Cut the phrase out of each positive, by `phrase_span`; those that are silent are left out.

    Raises CorpusError where all are silent: nothing could be learnt from them.
    """
    cut, silent = [], 0
    for samples in recordings:
        if not samples.any():
            silent += 1
            continue
        first, last = phrase_span(samples, longest, sample_rate_hz)
        cut.append(samples[first:last])
    if silent and not cut:
        raise CorpusError(
            f"all {silent} positives are silent, every sample of them is 0: check how they "
            "were recorded or converted"
        )
    if silent:
        text = f"{silent} of {silent + len(cut)} positives are silent and teach nothing"
        tell(Notice("silent positives", text))
    return cut


def crop_to_word(
    samples: Samples, clip_samples: int, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> Samples:
    """Fit a recording into `clip_samples`: centred, padded with zeros or cropped to its word.

    samples: (n,) int16. A longer recording is cropped around the middle of `phrase_span`; where
    the speech itself is longer, to the loudest part of it. Returns (clip_samples,) int16.
    """
    spare = clip_samples - len(samples)
    if spare >= 0:
        return np.pad(samples, (spare // 2, spare - spare // 2))
    first, last = phrase_span(samples, clip_samples, sample_rate_hz)
    if last - first > clip_samples >= sample_rate_hz * SPEECH_FRAME_MS // 1000:
        first = _loudest_start(samples, first, last, clip_samples, sample_rate_hz)
        last = first + clip_samples
    start = min(max(0, (first + last - clip_samples) // 2), -spare)
    return samples[start : start + clip_samples]


def _loudest_start(
    samples: Samples, first: int, last: int, clip_samples: int, sample_rate_hz: int
) -> int:
    frame = sample_rate_hz * SPEECH_FRAME_MS // 1000
    powers = speech_powers(samples[first:last], frame)
    sums = np.cumsum(np.concatenate([[0.0], powers.clip(max=_sustained(powers).max())]))
    width = clip_samples // frame
    return first + int(np.argmax(sums[width:] - sums[:-width])) * frame


def _sustained(powers: FloatArray) -> FloatArray:
    """The running median of the powers: what lasts for more than half of 100 ms."""
    if len(powers) < _SUSTAINED_FRAMES:
        return powers
    windows = np.lib.stride_tricks.sliding_window_view(powers, _SUSTAINED_FRAMES)
    median: FloatArray = np.median(windows, axis=1)
    return median


def _within(powers: FloatArray, range_db: float) -> np.ndarray:
    """Tell for each frame whether it is so near the loudest, where a click does not count."""
    loudest, sustained = float(powers.max()), float(_sustained(powers).max())
    is_click = sustained > 0 and loudest > sustained * 10 ** (_CLICK_DB / 10)
    level = sustained if is_click else loudest
    return np.asarray(powers >= level * 10 ** (-range_db / 10))


def _runs(is_loud: np.ndarray) -> list[tuple[int, int]]:
    """The stretches of loud frames, first and end; pauses below 400 ms do not part them."""
    loud = np.flatnonzero(is_loud)
    cuts = np.flatnonzero(np.diff(loud) > _PAUSE_FRAMES) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(loud, cuts)]
