"""What a board's lines say (firmware/docs/PROTOCOL.md): each is read whole or refused.

A line may come from a worn cable, at the wrong rate, or from what is no board at all: every number
has bounds, and what does not fit is no line.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kws.settings.front_end import N_FFT, SAMPLE_RATE_HZ

PROTOCOL = 1
LONGEST_LINE = 4096
WINDOW_S = N_FFT / SAMPLE_RATE_HZ  # of a frame, at every rate
RATES_HZ = (8_000, 16_000)  # of samples
MICROPHONES = {  # that a person should mend, by the number of a `p` line
    2: "the microphone is flat: nothing is connected",
    3: "the microphone is saturated: turn it down",
}

Bounds = tuple[int, int]
_BYTE = (0, 255)
_CLASS = (0, 254)
_SCORE = (-32_768, 32_767)
_COUNT = (0, 2**32 - 1)
# The numbers behind a letter. `s` has a score for each class, `n` text behind its number.
_NUMBERS: dict[str, tuple[Bounds, ...]] = {
    "m": (_BYTE, (1, 65_535), (1, 65_535)),
    "n": (_CLASS,),
    "t": (_SCORE,),
    "r": (_BYTE,),
    "o": (_COUNT, _COUNT),
    "p": (_BYTE,),
    "d": (_COUNT, _CLASS, _SCORE),
    "w": (_COUNT,),
    "x": ((0, 0),),
    "S": ((0, 1),),
    "A": ((0, 1),),
    "b": (_COUNT,),
}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")  # no terminal is to obey a board


def text_of(data: bytes) -> str | None:
    """Return a line's text; None where it is too long, no UTF-8, or has control characters."""
    if len(data) > LONGEST_LINE:
        return None
    try:
        text = data.decode("utf-8").strip("\r\0 ")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def numbers_of(text: str, bounds: tuple[Bounds, ...]) -> list[int] | None:
    """Return the integers of a text, one within each bounds, and nothing else; else None."""
    parts = text.split()
    if len(parts) != len(bounds):
        return None
    numbers = []
    for part, (lowest, highest) in zip(parts, bounds, strict=True):
        digits = part.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
            return None
        number = int(part)
        if not lowest <= number <= highest:
            return None
        numbers.append(number)
    return numbers


def audio_of(text: str) -> tuple[int, NDArray[np.int16]] | None:
    """Return index and int16 samples of an `a` line's text; None where it arrived garbled."""
    index, _, code = text.partition(" ")
    numbers = numbers_of(index, (_COUNT,))
    try:
        data = base64.b64decode(code, validate=True)
    except (ValueError, binascii.Error):
        return None
    if numbers is None or len(data) % 2 or not data:
        return None
    return numbers[0], np.frombuffer(data, dtype="<i2").astype(np.int16)


@dataclass
class Board:
    """What a board said of itself; the numbers are those of firmware/docs/PROTOCOL.md."""

    name: str = ""
    sample_rate_hz: int = 16_000
    places: int = 0
    was_watchdog: bool = False
    model: int = 0
    hop_length: int = 0
    classes: dict[int, str] = field(default_factory=dict)  # numbered from 0, without gaps
    threshold_q10: int = 0
    refractory_frames: int = 0
    lost_samples: int = 0
    skipped_lines: int = 0
    microphone: int = 0
    trouble: str = ""  # why no model listens

    def take(self, line: str) -> bool:
        """Take in what a line says of the board. False, and nothing changes: it is malformed."""
        letter, _, rest = line.partition(" ")
        if letter == "kws":
            return self._greeting(rest)
        if letter == "!":
            if rest.startswith("m "):
                self.trouble = rest[2:]
            return bool(rest)
        if letter == "s":
            return numbers_of(rest, self.row) is not None
        if letter == "a":
            return audio_of(rest) is not None
        if letter == "n":
            rest, _, name = rest.partition(" ")
        numbers = numbers_of(rest, _NUMBERS[letter]) if letter in _NUMBERS else None
        if numbers is None:
            return False
        if letter == "n":
            return self._name(numbers[0], name)
        if letter == "d":
            return numbers[1] in self.words  # it detects nothing else
        self._set(letter, numbers)
        return True

    @property
    def row(self) -> tuple[Bounds, ...]:
        """The numbers of an `s` line: the frame, and a score for each class."""
        return (_COUNT, *(_SCORE for _ in self.classes))

    def _greeting(self, rest: str) -> bool:
        version, _, rest = rest.partition(" ")
        name, _, rest = rest.partition(" ")
        numbers = numbers_of(rest, (_COUNT, _BYTE, (0, 1)))
        if version != str(PROTOCOL) or not name or numbers is None or numbers[0] not in RATES_HZ:
            return False
        self.name, self.sample_rate_hz, self.places = name, *numbers[:2]
        self.was_watchdog = numbers[2] == 1
        return True

    def _name(self, number: int, name: str) -> bool:
        if not name or number > len(self.classes):  # the one before it was lost
            return False
        self.classes[number] = name
        return True

    def _set(self, letter: str, numbers: list[int]) -> None:
        if letter == "m":
            self.model, self.hop_length = numbers[:2]
            self.classes, self.trouble = {}, ""
        elif letter == "t":
            self.threshold_q10 = numbers[0]
        elif letter == "r":
            self.refractory_frames = numbers[0]
        elif letter == "o":
            self.lost_samples, self.skipped_lines = numbers
        elif letter == "p":
            self.microphone = numbers[0]

    def end_s(self, frame: int) -> float:
        """When a frame is complete, in seconds since the stream began."""
        return frame * self.hop_length / self.sample_rate_hz + WINDOW_S

    @property
    def words(self) -> dict[int, str]:
        """The classes that are words, by number."""
        return {i: name for i, name in self.classes.items() if not name.startswith("_")}
