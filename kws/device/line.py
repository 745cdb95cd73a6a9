"""The line of a board as firmware/docs/PROTOCOL.md describes it: what it says and is told."""

import base64
import binascii
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kws.device.serial_port import SerialPort
from kws.errors import ConfigError, KwsError
from kws.settings.front_end import N_FFT, SAMPLE_RATE_HZ

PROTOCOL = 1
RATES = (115_200, 921_600)  # where a board may be found: at its start, and after a `b` of ours
AUDIO_RATE = 921_600
ANSWER_S = 1.0
SETTLING_S = 0.2
LONGEST_LINE = 4096
WINDOW_S = N_FFT / SAMPLE_RATE_HZ  # of a frame, at every rate
MICROPHONES = {2: "flat: nothing is connected", 3: "saturated: turn it down"}


@dataclass
class Board:
    """What a board said of itself; the numbers are those of firmware/docs/PROTOCOL.md."""

    name: str = ""
    sample_rate_hz: int = 16_000
    places: int = 0
    was_watchdog: bool = False
    model: int = 0
    hop_length: int = 0
    classes: dict[int, str] = field(default_factory=dict)
    threshold_q10: int = 0
    refractory_frames: int = 0
    lost_samples: int = 0
    skipped_lines: int = 0
    microphone: int = 0
    trouble: str = ""  # why no model listens

    def take(self, line: str) -> None:
        """Take in a line that says something of the board; others are left alone."""
        letter, _, rest = line.partition(" ")
        numbers = integers(rest)
        if letter == "kws" and len(words := rest.split()) >= 5:
            self.name, self.sample_rate_hz = words[1], int(words[2])
            self.places, self.was_watchdog = int(words[3]), words[4] == "1"
        elif letter == "m" and len(numbers) >= 3:
            self.model, self.hop_length = numbers[:2]
            self.classes, self.trouble = {}, ""
        elif letter == "n" and numbers:
            self.classes[numbers[0]] = rest.partition(" ")[2]
        elif letter == "t" and numbers:
            self.threshold_q10 = numbers[0]
        elif letter == "r" and numbers:
            self.refractory_frames = numbers[0]
        elif letter == "o" and len(numbers) >= 2:
            self.lost_samples, self.skipped_lines = numbers[:2]
        elif letter == "p" and numbers:
            self.microphone = numbers[0]
        elif letter == "!" and rest.startswith("m "):
            self.trouble = rest.partition(" ")[2]

    def end_s(self, frame: int) -> float:
        """When a frame is complete, in seconds since the stream began."""
        return frame * self.hop_length / self.sample_rate_hz + WINDOW_S

    @property
    def words(self) -> dict[int, str]:
        """The classes that are words, by number."""
        return {i: name for i, name in self.classes.items() if not name.startswith("_")}


def integers(text: str) -> list[int]:
    """Return the integers that open a text: "0 12 ab" gives [0, 12]."""
    numbers = []
    for part in text.split():
        digits = part.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()):
            break
        numbers.append(int(part))
    return numbers


def audio_of(line: str) -> tuple[int, NDArray[np.int16]] | None:
    """Return index and int16 samples of an `a` line, or None where it arrived garbled."""
    parts = line.split()
    try:
        data = base64.b64decode(parts[2], validate=True)
        index = int(parts[1])
    except (IndexError, ValueError, binascii.Error):
        return None
    if len(data) % 2 or index < 0:
        return None
    return index, np.frombuffer(data, dtype="<i2").astype(np.int16)


class BoardLine:
    """Lines to and from a board on an open port."""

    def __init__(self, port: SerialPort) -> None:
        self.port = port
        self.board = Board()
        self._rest = b""

    def lines(self, timeout_s: float) -> Iterator[str]:
        """Yield the lines that arrive within the time; what they say of the board is taken in."""
        end = time.monotonic() + timeout_s
        while True:
            while (at := self._rest.find(b"\n")) >= 0:
                line = self._rest[:at].decode("utf-8", "replace").strip("\r\0 ")
                self._rest = self._rest[at + 1 :]
                self.board.take(line)
                yield line
            left = end - time.monotonic()
            if left <= 0:
                return
            self._rest = (self._rest + self.port.read(left))[-LONGEST_LINE * 64 :]

    def send(self, command: str) -> None:
        """Send a command."""
        self.port.write(command.encode("ascii") + b"\n")

    def ask(self, command: str, answer: str) -> None:
        """Send a command and wait for a line that is `answer`, or begins with it and a space.

        KwsError with the board's own words where it refuses, and where it says nothing.
        """
        for _ in range(3):  # a garbled line is answered with `! ?`, or not at all
            self.send(command)
            for line in self.lines(ANSWER_S):
                if line == answer or line.startswith(answer + " "):
                    return
                if line.startswith(f"! {command[0]} "):
                    raise KwsError(f"the board refuses `{command}`: {line[4:]}")
        raise KwsError(f"the board does not answer `{command}`: is the right program on it?")

    def connect(self) -> Board:
        """Find the rate at which the board speaks, and ask it everything."""
        for rate in (*RATES, RATES[0]):
            self.port.set_rate(rate)
            self._rest = b""
            self.send("")  # ends whatever hangs half-way
            self.send("s 0")
            self.send("a 0")
            self.send("?")
            for line in self.lines(ANSWER_S):
                if line.startswith("kws ") and not line.startswith(f"kws {PROTOCOL} "):
                    raise ConfigError(f"the board speaks another protocol ({line}): update kws")
                if line.startswith("p ") and self.board.name:
                    for _ in self.lines(SETTLING_S):  # it may answer twice: it had just started
                        pass
                    return self.board
        raise KwsError(
            f"no kws board answers on {self.port.name}: check the port and the wires "
            "(its send to your receive), and that `kws deploy` has put the image on it"
        )

    def set_rate(self, bits_per_s: int) -> None:
        """Go on at another rate, the board and the port."""
        self.ask(f"b {bits_per_s}", f"b {bits_per_s}")
        time.sleep(0.05)  # the board changes once its answer has left
        self.port.set_rate(bits_per_s)
        self.send("")
