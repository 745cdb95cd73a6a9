"""What a person sees of the service: detections on standard output, refusals beside it.

A thread writes, so that no client waits where nobody reads the output.
"""

import os
import queue
import sys
import threading
import time
from typing import TextIO

from kws.serving.session import Hit
from kws.support.text import bar, bar_characters, json_text, shown

REFUSALS_A_MINUTE = 20  # a client that sends garbage in a loop fills no disk
WAITING_LINES = 1_000
FAREWELL_S = 2.0


class Log:
    """Writes a line a detection, text or JSON, and warnings, of which no client can make floods.

    Where lines are not read as fast as they come, those that find no room are lost, and counted.
    """

    def __init__(self, out: TextIO, *, as_json: bool) -> None:
        self.lost = 0
        self._out = out
        self._as_json = as_json
        self._bar = bar_characters(out)
        self._minute, self._told = -1, 0
        self._lines: queue.Queue[tuple[TextIO, str] | None] = queue.Queue(WAITING_LINES)
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    def detection(self, hit: Hit, client: str) -> None:
        """Write one detection."""
        name = hit.wake_word.name
        if self._as_json:
            row = {"word": hit.wake_word.word, "time_s": round(hit.time_s, 3)}
            text = json_text({**row, "score": round(hit.score, 4), "name": name, "client": client})
        else:
            clock = time.strftime("%H:%M:%S")
            score = f"{100 * hit.score:5.1f} %  {bar(hit.score, 10, *self._bar)}"
            text = f"  {clock}  {shown(name):<20} {score}  {shown(client)}"
        self._put(self._out, text)

    def note(self, sentence: str) -> None:
        """Say how the service goes, on standard error, after what was said before."""
        self._put(sys.stderr, sentence)

    def warning(self, sentence: str) -> None:
        """Say what a person should know."""
        self.note(f"kws: warning: {sentence}")

    def refusal(self, client: str, sentence: str) -> None:
        """Say why a client was refused; of many in a minute only the first ones."""
        minute = int(time.monotonic() / 60)
        if minute != self._minute:
            self._minute, self._told = minute, 0
        self._told += 1
        if self._told <= REFUSALS_A_MINUTE:
            more = " (more in this minute are not told)" * (self._told == REFUSALS_A_MINUTE)
            self.warning(f"{shown(client)}: {sentence}{more}")

    def close(self) -> None:
        """Write what waits, unless nobody reads it."""
        if self.lost:
            self.warning(f"{self.lost} lines of output were lost, since they were not read")
        try:
            self._lines.put(None, timeout=FAREWELL_S)
        except queue.Full:
            return
        self._thread.join(FAREWELL_S)

    def _put(self, stream: TextIO, line: str) -> None:
        try:
            self._lines.put_nowait((stream, line + "\n"))
        except queue.Full:
            self.lost += 1

    def _write_all(self) -> None:
        while (item := self._lines.get()) is not None:
            try:
                _write(*item)
            except (OSError, ValueError):
                self.lost += 1


def _write(stream: TextIO, line: str) -> None:
    """Write around the stream's buffer, whose lock a thread that waits would keep at the end."""
    try:
        number = stream.fileno()
    except (OSError, ValueError, AttributeError):
        stream.write(line)
        return
    data = line.encode(stream.encoding or "utf-8", stream.errors or "strict")
    while data:
        data = data[os.write(number, data) :]
