"""What native libraries print about their own affairs, kept off the terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """Keep what ALSA and PortAudio print about their own affairs off the terminal.

    They write to file descriptor 2 from their own threads, over the level meter and in front of
    our one sentence; Python's own stderr goes on to where it went.
    """
    ours = sys.stderr
    try:
        is_native = ours.fileno() == 2
        saved = os.dup(2)
    except (OSError, ValueError, AttributeError):  # a captured or a closed stderr
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    if is_native:
        ours.flush()
        sys.stderr = open(  # noqa: SIM115 - closed below
            saved, "w", 1, encoding=ours.encoding, errors="backslashreplace", closefd=False
        )
    try:
        yield
    finally:
        if is_native:
            sys.stderr.flush()
            sys.stderr = ours
        os.dup2(saved, 2)
        os.close(saved)
