"""The line of a board: its lines one by one, and what it is told."""

import time
from collections import deque
from collections.abc import Iterator

from kws.device.protocol import LONGEST_LINE, PROTOCOL, Board, text_of
from kws.device.serial_port import SerialPort
from kws.errors import ConfigError, KwsError

RATES = (115_200, 921_600)  # where a board may be found: at its start, and after a `b` of ours
AUDIO_RATE = 921_600
ANSWER_S = 1.0
SETTLING_S = 0.2


class BoardLine:
    """Lines to and from a board on an open port."""

    def __init__(self, port: SerialPort) -> None:
        self.port = port
        self.board = Board()
        self.garbled = 0  # lines that arrived and say nothing, since `connect`
        self._arrived: deque[bytes] = deque()  # whole lines
        self._rest = b""

    def lines(self, timeout_s: float) -> Iterator[str]:
        """Yield the lines that arrive within the time; what they say of the board is taken in.

        A malformed line is counted in `garbled` and left out.
        """
        end = time.monotonic() + timeout_s
        while True:
            while self._arrived:
                text = text_of(self._arrived.popleft())
                if text is None or (text and not self.board.take(text)):
                    self.garbled += 1
                    if text and text.startswith("kws "):
                        yield text  # another protocol
                elif text:
                    yield text
            left = end - time.monotonic()
            if left <= 0:
                return
            *whole, rest = (self._rest + self.port.read(left)).split(b"\n")
            self._arrived.extend(whole)
            self._rest = rest[: LONGEST_LINE + 1]  # enough of an endless line to see that it is one

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
            self._arrived.clear()
            self._rest = b""
            self.send("")  # ends whatever hangs half-way
            self.send("s 0")
            self.send("a 0")
            self.send("?")
            for line in self.lines(ANSWER_S):
                if line.startswith("kws ") and not line.startswith(f"kws {PROTOCOL} "):
                    raise ConfigError(
                        f"the board speaks another protocol ({line[:60]}): update kws"
                    )
                is_known = self.board.trouble or (self.board.words and self.board.hop_length)
                if line.startswith("p ") and self.board.name and is_known:
                    for _ in self.lines(SETTLING_S):  # it may answer twice: it had just started
                        pass
                    self.garbled = 0
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
