"""What `--on-detect` runs: a command for each detection, which never makes the ear wait."""

import os
import shlex
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from kws.errors import ConfigError
from kws.listening.timeline import Heard
from kws.support.text import count_of, shown

MOST_RUNNING = 4
LAST_BYTES = 2_000  # kept of what a command says on its standard error
END_S = 2.0  # that commands have to finish when listening ends


class Reaction:
    """Runs a command without a shell, with the detection in its environment.

    KWS_WORD, KWS_SCORE (0 to 1), KWS_TIME_S (seconds from the start) and KWS_FILE (empty for the
    microphone). At most MOST_RUNNING run at once; further detections are told and skipped. What
    it writes is thrown away, but for its last line on the standard error where it fails.
    """

    def __init__(self, command: str, tell: Callable[[str], None]) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise ConfigError(f"--on-detect {command!r}: {error}; close every quote") from error
        if not self._words:
            raise ConfigError("--on-detect is empty: give a command, such as 'notify-send kws'")
        if shutil.which(self._words[0]) is None:
            raise ConfigError(
                f"--on-detect: there is no command {self._words[0]!r}; give its path, and write "
                "`sh -c '...'` for what a shell is to do"
            )
        self._tell = tell
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._is_over = False

    def start(self, heard: Heard) -> None:
        """Start the command for a detection, and return at once."""
        with self._lock:
            if len(self._running) >= MOST_RUNNING:
                self._tell(
                    f"--on-detect: {MOST_RUNNING} commands still run, so this detection starts none"
                )
                return
        env = os.environ | {
            "KWS_WORD": heard.word,
            "KWS_SCORE": f"{heard.score:.4f}",
            "KWS_TIME_S": f"{heard.time_s:.3f}",
            "KWS_FILE": heard.file or "",
        }
        try:
            process = subprocess.Popen(
                self._words,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # our Ctrl-C is not its own, and all of it can be ended
            )
        except (OSError, ValueError) as error:
            self._tell(f"--on-detect: {shown(self._words[0])} does not start ({shown(error)})")
            return
        with self._lock:
            self._running.add(process)
        threading.Thread(target=self._await, args=(process,), daemon=True).start()

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        last: deque[int] = deque(maxlen=LAST_BYTES)
        assert process.stderr is not None
        with process.stderr as pipe:
            while data := pipe.read1(1 << 16):  # type: ignore[attr-defined]
                last.extend(data[-LAST_BYTES:])
        status = process.wait()
        with self._lock:
            self._running.discard(process)
        if status and not self._is_over:
            text = bytes(last).decode("utf-8", "replace").strip()
            said = f": {shown(text.splitlines()[-1])}" if text else ""
            self._tell(f"--on-detect: {shown(self._words[0])} ended with status {status}{said}")

    def close(self) -> None:
        """Give what still runs a moment, then end it, and say so."""
        with self._lock:
            running = list(self._running)
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_S / len(running))
        self._is_over = True
        left = [process for process in running if process.poll() is None]
        for process in left:
            _end(process)
        if left:
            were = "was" if len(left) == 1 else "were"
            self._tell(f"--on-detect: {count_of(len(left), 'command')} still ran, and {were} ended")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command with all that it started, by force where it does not listen."""
    for how in ("terminate", "kill"):
        with suppress(OSError):
            if hasattr(os, "killpg"):
                import signal

                os.killpg(process.pid, signal.SIGTERM if how == "terminate" else signal.SIGKILL)
            else:
                getattr(process, how)()
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_S / 4)
            return
