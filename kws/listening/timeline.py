"""What a person sees of listening: a timeline of detections, and a live meter on a terminal."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.moving_line import MovingLine
from kws.support.text import bar, bar_characters, clock, count_of, json_text, shown

METER_INTERVAL_S = 0.1
MUTED_AFTER_S = 3.0


class Heard(NamedTuple):
    """One detection: the posterior `score`, and `time_s` from the start of `file`.

    `file` is None for the microphone and "-" for the standard input; `model` names the model
    where several listen.
    """

    word: str
    time_s: float
    score: float
    file: str | None
    model: str | None = None

    def to_json(self) -> str:
        """Return the detection as one line of JSON."""
        fields = {
            "word": self.word,
            "time_s": round(self.time_s, 3),
            "score": round(self.score, 4),
            "file": self.file,
        }
        return json_text(fields | ({"model": self.model} if self.model else {}))

    def to_text(self, full: str, empty: str) -> str:
        """Return the detection as a line of the timeline, with a bar for the score."""
        score_bar = bar(self.score, 10, full, empty)
        model = f"  {shown(self.model)}" if self.model else ""
        return (
            f"  {clock(self.time_s)}  {shown(self.word):<16} {100 * self.score:5.1f} %  "
            f"{score_bar}{model}"
        )


@dataclass
class Tally:
    """What was heard so far; `engine_s` is the time that the engine took for it."""

    samples: int = 0
    detections: int = 0
    engine_s: float = 0.0
    unread: int = 0
    """Recordings that could not be read."""
    sample_rate_hz: int = SAMPLE_RATE_HZ

    def __str__(self) -> str:
        """Return the summary that closes a timeline."""
        seconds = self.samples / self.sample_rate_hz
        line = f"{seconds:.1f} s of audio, {count_of(self.detections, 'detection')}"
        if self.engine_s > 0 and seconds > 0:
            line += f", {seconds / self.engine_s:,.0f} times real time"
        return line


class Printer:
    """Writes detections to `out`, a line each and flushed: JSON, or a timeline for people."""

    def __init__(self, out: TextIO, *, as_json: bool) -> None:
        self.out = out
        self.as_json = as_json
        self._bar = bar_characters(out)

    def heading(self, text: str) -> None:
        """Name the recording that the next lines belong to."""
        if not self.as_json:
            print(shown(text), file=self.out, flush=True)

    def detection(self, heard: Heard) -> None:
        """Write one detection."""
        text = heard.to_json() if self.as_json else heard.to_text(*self._bar)
        print(text, file=self.out, flush=True)

    def detections(self, listed: Iterable[Heard], unlisted: int) -> None:
        """Write the last detections of a screen, and how many came before them."""
        if unlisted:
            self.heading(f"  {count_of(unlisted, 'earlier detection')}, and then:")
        for heard in listed:
            self.detection(heard)

    def summary(self, tally: Tally) -> None:
        """Close the timeline."""
        if not self.as_json:
            print(tally, file=self.out, flush=True)


class FileProgress:
    """A line on a terminal that says how far a recording is heard; nothing where there is none."""

    def __init__(self, terminal: TextIO) -> None:
        self._line = MovingLine(terminal)
        self._bar = bar_characters(terminal)
        self._painted_at = time.monotonic()  # a short recording is over before it is painted

    def update(self, heard_s: float, total_s: float | None) -> None:
        """Take in how much was heard, of how much where that is known."""
        if not self._line.is_shown or time.monotonic() - self._painted_at < METER_INTERVAL_S:
            return
        line = clock(heard_s)
        if total_s:
            share = min(heard_s / total_s, 1.0)
            line += f" of {clock(total_s)}  {bar(share, 20, *self._bar)} {100 * share:3.0f} %"
        self._line.show(line)
        self._painted_at = time.monotonic()

    def clear(self) -> None:
        """Wipe the line."""
        self._line.wipe()


class Meter:
    """A live line on a terminal: the microphone's level and the score of this moment.

    Writes nothing at all where `terminal` is none.  `clear` makes room for a line of output.
    """

    def __init__(self, terminal: TextIO, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
        self._line = MovingLine(terminal)
        self._rate_hz = sample_rate_hz
        self._bar = bar_characters(terminal)
        self._painted_at = 0.0
        self._peak = 0
        self._score = 0.0
        self._samples = 0
        self._last_sound = 0

    def update(self, chunk: NDArray[np.int16], score: float) -> None:
        """Take in a chunk of samples and the score (0 to 1) after it."""
        if not self._line.is_shown:
            return
        self._samples += len(chunk)
        peak = int(np.abs(chunk.astype(np.int32)).max(initial=0))
        if peak:
            self._last_sound = self._samples
        self._peak = max(self._peak, peak)
        self._score = max(self._score, score)
        if time.monotonic() - self._painted_at >= METER_INTERVAL_S:
            self._paint()

    def clear(self) -> None:
        """Wipe the line."""
        self._line.wipe()

    def _paint(self) -> None:
        line = f"{clock(self._samples / self._rate_hz)}  "
        if self._samples - self._last_sound >= MUTED_AFTER_S * self._rate_hz:
            line += "no sound at all: muted, or not permitted?"  # bars would push it off the line
        else:
            level_db = 20 * np.log10(max(self._peak, 1) / 32768)
            line += f"level {bar(1 + level_db / 60, 20, *self._bar)} {level_db:4.0f} dB  "
            line += f"score {bar(self._score, 20, *self._bar)} {100 * self._score:3.0f} %"
        self._line.show(line)
        self._painted_at = time.monotonic()
        self._peak, self._score = 0, 0.0
