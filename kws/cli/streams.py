"""Standard output and error as they are found: full, closed, or of an old encoding."""

import codecs
import contextlib
import errno
import io
import json
import os
import sys
from typing import TextIO

from kws.support.text import one_line, reason_of

ESCAPE = "kws_escape"  # for a letter that an encoding lacks: readable, and valid within JSON


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


class Closed(io.TextIOBase):
    """What stands for a stream that the caller closed; remembers whether anything was lost."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.is_lost = False

    def write(self, text: str) -> int:
        """Take text that nobody will see."""
        self.is_lost = self.is_lost or bool(text)
        return len(text)


def prepare() -> None:
    """Let nothing that is printed raise for its letters, and nothing land in a foreign file."""
    codecs.register_error(ESCAPE, _escape)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            _occupy(number)
            if name != "stdin":
                setattr(sys, name, Closed())
        elif name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ESCAPE)


def _occupy(number: int) -> None:
    """Keep the next file that is opened from being taken for a standard stream."""
    try:
        os.fstat(number)
    except OSError:
        with contextlib.suppress(OSError):
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)


def tell(sentence: str) -> None:
    """Print a sentence on standard error, in one line; where that is not possible, nothing."""
    try:
        print("kws: " + one_line(sentence), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        discard(sys.stderr)


def sentence_of(error: OSError) -> str:
    """Return what the operating system refuses, in a sentence's words."""
    if error.errno is None:
        return str(error)
    why = reason_of(error)
    if error.filename is None:  # of a stream that stands open already
        return f"cannot write the output: {why}"
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
    return f"{name}: {why}"


def finish() -> bool:
    """Write what is still to be written; tell whether all of the output could be."""
    is_whole = True
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
    except (OSError, ValueError) as error:
        tell(sentence_of(error) if isinstance(error, OSError) else str(error))
        discard(sys.stdout)
        is_whole = False
    if isinstance(sys.stdout, Closed) and sys.stdout.is_lost:
        tell(sentence_of(OSError(errno.EBADF, os.strerror(errno.EBADF))))
        sys.stdout.is_lost = False
        is_whole = False
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        discard(sys.stderr)
    return is_whole


def discard(stream: TextIO) -> None:
    """Let what is still to be written vanish, or Python would complain about it at its end."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
