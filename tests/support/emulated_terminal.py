"""A terminal in memory: a program runs on it, keys are pressed, and what it shows is read."""

import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.text import Text


class EmulatedTerminal:
    """A pseudo-terminal of some size with an emulator behind it, and a program on it."""

    def __init__(
        self,
        command: Sequence[str],
        columns: int = 80,
        rows: int = 24,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.raw = b""
        self._ours, theirs = pty.openpty()
        self._set_size(columns, rows)
        named = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONUNBUFFERED": "1"}
        environment = {**os.environ, **named, **(env or {})}
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            list(command),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "EmulatedTerminal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(5)
        os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 1 << 16)
            except OSError:  # the program has ended
                return
            if not data:
                return
            with self._lock:
                self.raw += data
                self._stream.feed(data)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, as a person who drags its corner does."""
        with self._lock:
            self._screen.resize(rows, columns)
        self._set_size(columns, rows)

    @property
    def keyboard(self) -> int:
        """The terminal's descriptor, whose modes tell whether keys are echoed."""
        return self._ours

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def lines(self) -> list[str]:
        """Return what is shown, without the blanks at the right."""
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    def text(self) -> str:
        """Return all that is shown."""
        return "\n".join(self.lines())

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """Wait until the text is shown, and return the line that shows it."""
        deadline = time.monotonic() + seconds
        while True:
            for line in self.lines():
                if text in line:
                    return line
            assert time.monotonic() < deadline, f"no {text!r} in\n{self.text()}"
            time.sleep(0.05)

    def end(self, how: signal.Signals | None = None, seconds: float = 20) -> int:
        """Send a signal where there is one, and return the program's status."""
        if how is not None:
            self.process.send_signal(how)
        status = self.process.wait(seconds)
        self._reader.join(5)
        return status

    def picture(self, title: str, code_format: str = CONSOLE_SVG_FORMAT) -> str:
        """Return what is shown, in its colours, as an SVG."""
        with self._lock:
            columns, rows = self._screen.columns, self._screen.lines
            console = Console(
                record=True, width=columns, height=rows, file=io.StringIO(),
                force_terminal=True, color_system="truecolor", legacy_windows=False,
            )  # fmt: skip
            for row in range(rows):
                line = Text(no_wrap=True, overflow="crop")
                for column in range(columns):
                    cell = self._screen.buffer[row][column]
                    line.append(cell.data or "", _style(cell))
                console.print(line)
        return console.export_svg(title=title, code_format=code_format)


_NAMES = {"brown": "yellow", "brightbrown": "bright_yellow"}


def _style(cell: "pyte.screens.Char") -> Style:
    def colour(name: str) -> str | None:
        if name == "default":
            return None
        name = _NAMES.get(name, name)
        if name.startswith("bright") and "_" not in name:
            return "bright_" + name.removeprefix("bright")
        is_hex = len(name) == 6 and all(char in "0123456789abcdef" for char in name)
        return f"#{name}" if is_hex else name

    return Style(
        color=colour(cell.fg), bgcolor=colour(cell.bg), bold=cell.bold, reverse=cell.reverse
    )
