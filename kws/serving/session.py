"""One client's stream: sound of any format in, detections out; knows nothing of sockets."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws.audio.samples import MOST_CHANNELS, SAMPLE_RATES_HZ, StreamResampler
from kws.engine.spotter import Spotter
from kws.errors import ServingError
from kws.serving.catalogue import Catalogue, WakeWord

PIECE_S = 1.0  # of sound is heard at once: others wait for no more of a long chunk
WIDTHS = (1, 2, 3, 4)  # bytes of a sample; one byte has no sign, as in WAV


class Format(NamedTuple):
    """How sound is coded: Hz, bytes of a sample, channels that alternate."""

    rate: int
    width: int
    channels: int


class Hit(NamedTuple):
    """A detection: the word, seconds from the stream's start, posterior, the client's own clock."""

    wake_word: WakeWord
    time_s: float
    score: float
    timestamp_ms: int


def format_of(data: dict[str, Any]) -> Format:
    """Return the format that an audio event states; ServingError where nobody can use it."""
    rate, width, channels = (data.get(name) for name in Format._fields)
    lowest, highest = SAMPLE_RATES_HZ
    if type(rate) is not int or not lowest <= rate <= highest:
        raise ServingError(f"the rate is {rate!r:.40}: send a number of {lowest} to {highest}")
    if type(width) is not int or width not in WIDTHS:
        raise ServingError(f"the width is {width!r:.40}: send samples of 1, 2, 3 or 4 bytes")
    if type(channels) is not int or not 1 <= channels <= MOST_CHANNELS:
        raise ServingError(f"there are {channels!r:.40} channels: send 1 to {MOST_CHANNELS}")
    return Format(rate, width, channels)


def to_frames(sound: bytes, form: Format) -> npt.NDArray[Any]:
    """Return whole frames of raw sound as (frames, channels).

    int16 as it is, other widths as float32 in [-1, 1).
    """
    samples: npt.NDArray[Any]
    if form.width == 2:
        samples = np.frombuffer(sound, "<i2").astype(np.int16, copy=False)
    elif form.width == 1:
        samples = (np.frombuffer(sound, np.uint8).astype(np.float32) - 128) / np.float32(128)
    else:
        bytes_of = np.zeros((len(sound) // form.width, 4), np.uint8)
        bytes_of[:, 4 - form.width :] = np.frombuffer(sound, np.uint8).reshape(-1, form.width)
        samples = bytes_of.view("<i4")[:, 0] * np.float32(2**-31)
    return samples.reshape(-1, form.channels)


class Session:
    """The state of one client: which words it asked for, and its stream's spotters."""

    def __init__(self, catalogue: Catalogue, threshold: float | None = None) -> None:
        self._catalogue = catalogue
        self._threshold = threshold
        self._wake_words = catalogue.choose(None)
        self._spotters: list[tuple[Spotter, dict[str, WakeWord]]] = []
        self._resamplers: dict[int, StreamResampler] = {}  # by the rate of the models
        self._format: Format | None = None
        self._heard_s = 0.0
        self._is_detected = False

    def choose(self, names: object) -> None:
        """Listen for these names from now on (None: any wake word), in a new stream."""
        is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if names is not None and not is_list:
            raise ServingError(f"the names are {names!r:.40}: send a list of names")
        self._wake_words = self._catalogue.choose(names)  # type: ignore[arg-type]
        self._spotters = []
        self._end()

    def begin(self, form: Format) -> None:
        """Begin a stream: forget what was heard."""
        self._end()
        self._use(form)

    def hear(
        self, form: Format, sound: bytes, timestamp_ms: int | None = None
    ) -> Iterator[list[Hit]]:
        """Take in a chunk, a piece at each step; yield what each completes.

        A chunk without a stream begins it. ServingError where it ends within a frame.
        """
        size = form.width * form.channels
        if len(sound) % size:
            raise ServingError(
                f"an audio-chunk has {len(sound):,} bytes: send whole frames of {size} bytes "
                f"({form.width} a sample, channels: {form.channels})"
            )
        if form != self._format:
            self._use(form)
        start_s = self._heard_s
        clock_ms = 1000 * start_s if timestamp_ms is None else timestamp_ms
        at_once = size * max(1, round(PIECE_S * form.rate))
        for at in range(0, len(sound), at_once):
            frames = to_frames(sound[at : at + at_once], form)
            self._heard_s += len(frames) / form.rate
            yield [
                hit._replace(timestamp_ms=round(clock_ms + 1000 * (hit.time_s - start_s)))
                for rate, resampler in self._resamplers.items()
                for hit in self._detect(resampler.process_block(frames), rate)
            ]

    def end(self) -> tuple[list[Hit], bool]:
        """End the stream; return the last detections, and whether there was any."""
        hits = [
            hit
            for rate, resampler in self._resamplers.items()
            for hit in self._detect(resampler.finish(), rate)
        ]
        is_detected = self._is_detected
        self._end()
        return hits, is_detected

    def _detect(self, samples: npt.NDArray[np.int16], rate: int) -> list[Hit]:
        hits = []
        for spotter, wanted in self._spotters:
            if spotter.model.features.sample_rate_hz == rate:
                for word, time_s, score in spotter.process(samples):
                    if word in wanted:
                        hits.append(Hit(wanted[word], time_s, score, round(1000 * time_s)))
        self._is_detected = self._is_detected or bool(hits)
        return hits

    def _use(self, form: Format) -> None:
        if not self._spotters:
            models = {id(w.model): w.model for w in self._wake_words}.values()
            self._spotters = [
                (
                    Spotter(model, threshold=self._threshold),
                    {w.word: w for w in self._wake_words if w.model is model},
                )
                for model in models
            ]
        self._format = form
        rates = {spotter.model.features.sample_rate_hz for spotter, _ in self._spotters}
        self._resamplers = {rate: StreamResampler(form.rate, rate) for rate in sorted(rates)}

    def _end(self) -> None:
        for spotter, _ in self._spotters:
            spotter.reset()
        self._resamplers, self._format = {}, None
        self._heard_s, self._is_detected = 0.0, False
