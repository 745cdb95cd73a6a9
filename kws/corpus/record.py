"""Recording a phrase take by take: a countdown, what a take is worth, and the cut that is kept."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from kws.audio.files import is_audio_name, write_audio
from kws.audio.level import SPEECH_FRAME_MS, speech_powers
from kws.audio.samples import Samples
from kws.audio.word import phrase_span
from kws.errors import AudioError, ConfigError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.files import check_outputs

COUNTDOWN = 3
STEP_S = 0.6  # from one number of the countdown to the next
MARGIN_S = 0.25  # of the room, kept before and after the phrase
LONGEST_TAKE_S = 6.0
REFUSED_IN_A_ROW = 5
_CLIPPED_AT, _CLIPPED_SAMPLES = 32_700, 4
_SHORTEST_S = 0.15
_QUIETEST_PEAK = 330  # -40 dB of full scale
_ABOVE_ROOM_DB = 12.0
_ROOM_PERCENTILE = 10
_SPARE_S = 0.8  # of a take, at the least, is no part of the phrase
_EDGE_S = 0.04  # a phrase that comes so near to the end of its take goes on behind it

Source = Callable[[], AbstractContextManager[Iterable[Samples]]]


class Screen(Protocol):
    """Where a person reads what to do."""

    def say(self, line: str) -> None:
        """Show a line that stays."""

    def count(self, number: int) -> None:
        """Show where the countdown is, in place of what it showed before; 0: speak now."""

    def level(self, samples: Samples) -> None:
        """Show how loud these samples are, in place of the level before."""

    def accepts(self, take: Samples) -> bool:
        """Let the person hear a take, and say whether it is kept."""


@dataclass(frozen=True)
class Order:
    """What is to be recorded: how many clips of which phrase, and into which folder.

    speaker: a short name, which the files' names begin with, so that the split keeps a person's
    clips together.
    """

    phrase: str
    to: Path
    clips: int = 20
    speaker: str = ""

    @property
    def stem(self) -> str:
        """What the files' names open with: `speaker_7_hey_robin`."""
        name = "_".join(re.findall(r"[^\W_]+", self.phrase.lower()))
        if not name:
            raise ConfigError(f"the phrase {self.phrase!r} has no letters: give the words to say")
        if self.speaker and not re.fullmatch(r"[0-9]{1,6}[a-z]?|[a-z]", self.speaker):
            raise ConfigError(
                f"the speaker is {self.speaker!r}: give a number or a small letter for each person"
            )
        return f"speaker_{self.speaker}_{name}" if self.speaker else name

    def file(self, number: int) -> Path:
        """Where a recording lies: `speaker_7_hey_robin_001.wav`."""
        return self.to / f"{self.stem}_{number:03d}.wav"

    @property
    def take_s(self) -> float:
        """How long one take is: the phrase at a slow pace, and a moment to begin."""
        return min(LONGEST_TAKE_S, 1.5 + 0.1 * len(self.phrase))


def record(order: Order, source: Source, screen: Screen) -> Iterator[Path]:
    """Guide a person through an order, and yield each WAV file once it is written.

    source: opens a microphone for one take, an iterable of int16 chunks at 16 kHz. It is open for
    no longer, so that nothing is heard late and a played take is not recorded.

    A take that is silent, clipped, cut off or no louder than the room is refused with its reason
    and made again; files are numbered on from what the folder holds. Raises AudioError where
    REFUSED_IN_A_ROW takes are refused one after the other, or a file cannot be written, and
    ConfigError, before anything is recorded, for a folder that is a file or cannot be written to,
    and for names that no file should have.
    """
    if order.to.exists() and not order.to.is_dir():
        raise ConfigError(f"{order.to} is a file: name a folder for the recordings")
    number, kept, refused = _last_number(order) + 1, 0, 0
    check_outputs([order.file(number)], [])
    while kept < order.clips:
        with source() as chunks:  # which says first where there is no microphone
            screen.say(f'{kept + 1} of {order.clips}: say "{order.phrase}" after the countdown.')
            samples = _take(iter(chunks), order.take_s, screen)
        try:
            clip = trimmed(samples)
        except AudioError as reason:
            refused += 1
            if refused == REFUSED_IN_A_ROW:
                raise AudioError(f"{refused} takes in a row were of no use: {reason}") from None
            screen.say(f"Not kept: {reason}.")
            continue
        refused = 0
        if not screen.accepts(clip):
            continue
        path = order.file(number)
        write_audio(path, clip)
        number, kept = number + 1, kept + 1
        yield path


def trimmed(take: Samples, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Samples:
    """Cut a take to its phrase, a quarter of a second of the room around it.

    take: (samples,) int16. AudioError says what makes it useless, and what helps.
    """
    highest = int(np.abs(take.astype(np.int32)).max(initial=0))
    if highest == 0:
        raise AudioError("no sound at all: is the microphone muted, or not permitted?")
    if np.count_nonzero(np.abs(take.astype(np.int32)) >= _CLIPPED_AT) >= _CLIPPED_SAMPLES:
        raise AudioError("it is clipped: speak from further away, or turn the microphone down")
    if highest < _QUIETEST_PEAK:
        raise AudioError("it is too quiet: come nearer, or turn the microphone up")
    frame = sample_rate_hz * SPEECH_FRAME_MS // 1000
    edge, margin = round(_EDGE_S * sample_rate_hz), round(MARGIN_S * sample_rate_hz)
    longest = max(len(take) - round(_SPARE_S * sample_rate_hz), edge)
    first, last = phrase_span(take, longest, sample_rate_hz)
    powers = speech_powers(take, frame) + 1.0
    room = float(np.percentile(powers, _ROOM_PERCENTILE))
    phrase = float(powers[first // frame : max(last // frame, first // frame + 1)].mean())
    if phrase < room * 10 ** (_ABOVE_ROOM_DB / 10):
        raise AudioError(
            "nothing stands out of the room's noise: speak up, or find a quieter place"
        )
    if first < edge:
        raise AudioError("the beginning is cut off: wait for the end of the countdown")
    if last > len(take) - edge:
        raise AudioError("the end is cut off: begin right after the countdown")
    if last - first < _SHORTEST_S * sample_rate_hz:
        raise AudioError("it is too short for a phrase: was it a click?")
    return take[max(0, first - margin) : last + margin]


def _take(chunks: Iterator[Samples], take_s: float, screen: Screen) -> Samples:
    """Count down on the microphone's own clock, and return what is said after it."""
    for number in range(COUNTDOWN, 0, -1):
        screen.count(number)
        _heard(chunks, STEP_S)
    screen.count(0)
    return _heard(chunks, take_s, screen.level)


def _heard(
    chunks: Iterator[Samples], seconds: float, show: Callable[[Samples], None] | None = None
) -> Samples:
    wanted, parts = round(seconds * SAMPLE_RATE_HZ), [np.zeros(0, np.int16)]
    for chunk in chunks:
        parts.append(chunk)
        if show:
            show(chunk)
        wanted -= len(chunk)
        if wanted <= 0:
            break
    return np.concatenate(parts)


def _last_number(order: Order) -> int:
    """The highest number that a recording of this phrase and speaker has in the folder."""
    numbered = re.compile(re.escape(order.stem) + r"_(\d+)\.")
    names = [file.name for file in order.to.glob("*")] if order.to.is_dir() else []
    found = [numbered.match(name) for name in names if is_audio_name(name)]
    return max((int(match[1]) for match in found if match), default=0)
