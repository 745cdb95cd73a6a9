"""What `--on-detect` runs: a command for each detection, which never makes the ear wait."""

import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress

from kws.errors import ConfigError
from kws.listening.timeline import Heard
from kws.support.text import count_of, shown

MOST_RUNNING = 4
LAST_BYTES = 2_000  # kept of what a command says on its standard error
END_S = 2.0  # that commands have to finish when listening ends


class _Command:
    """A command that was started, and what it has left running in its group of processes."""

    def __init__(self, words: list[str], env: dict[str, str]) -> None:
        # Whatever lives of it inherits the pipe's other end. Its group alone would not tell: in a
        # container where nobody collects orphans, those that ended stay in it.
        self._alive, theirs = os.pipe()
        try:
            self.process = subprocess.Popen(
                words,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # our Ctrl-C is not its own, and all of it can be ended
                pass_fds=(theirs,) if os.name == "posix" else (),
            )
        except BaseException:
            os.close(self._alive)
            raise
        finally:
            os.close(theirs)
        self._last = b""
        # Read apart, since what it leaves in the background holds that pipe open.
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as pipe:
            while data := pipe.read1(1 << 16):  # type: ignore[attr-defined]
                self._last = (self._last + data)[-LAST_BYTES:]

    def last_line(self) -> str:
        """Return what it said last on its standard error; it has ended."""
        self._reader.join(END_S)
        text = self._last.decode("utf-8", "replace").strip()
        return text.splitlines()[-1] if text else ""

    def wait_for_group(self) -> None:
        """The command has ended: wait for what it has left running."""
        if self.signal(0):
            os.read(self._alive, 1)
        os.close(self._alive)

    def signal(self, number: int) -> bool:
        """Send a signal to all of it; tell whether anything was there to take it."""
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, number)
                return True
            if number:
                self.process.terminate()
        return False


def words_of(command: str) -> list[str]:
    """Return a command's words; ConfigError where it is none that can be run."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"--on-detect {command!r}: {error}; close every quote") from error
    if not words:
        raise ConfigError("--on-detect is empty: give a command, such as 'notify-send kws'")
    name = words[0]
    if shutil.which(name) is None:
        if os.path.dirname(name) and os.path.isfile(name):
            raise ConfigError(
                f"--on-detect: {name!r} may not be run; make it executable (chmod +x), or give "
                "the program that runs it, such as 'python3 FILE'"
            )
        raise ConfigError(
            f"--on-detect: there is no command {name!r}; give its path, and write "
            "`sh -c '...'` for what a shell is to do"
        )
    return words


class Reaction:
    """Runs a command without a shell, with the detection in its environment.

    KWS_WORD, KWS_SCORE (0 to 1), KWS_TIME_S (seconds from the start), KWS_FILE (empty for the
    microphone) and KWS_MODEL (empty where only one listens). At most MOST_RUNNING run at once;
    further detections are told and skipped. What it writes is thrown away, but for its last line on
    the standard error where it fails. What it leaves running in the background takes no place, and
    is ended with the rest.
    """

    def __init__(self, command: str, tell: Callable[[str], None]) -> None:
        self._words = words_of(command)
        self._tell = tell
        self._running: set[_Command] = set()
        self._alive: set[_Command] = set()  # or what they have left running is
        self._changed = threading.Condition()
        self._is_over = False

    def start(self, heard: Heard) -> None:
        """Start the command for a detection, and return at once."""
        with self._changed:
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
            "KWS_MODEL": heard.model or "",
        }
        try:
            command = _Command(self._words, env)
        except (OSError, ValueError) as error:
            self._tell(f"--on-detect: {shown(self._words[0])} does not start ({shown(error)})")
            return
        with self._changed:
            self._running.add(command)
            self._alive.add(command)
        threading.Thread(target=self._await, args=(command,), daemon=True).start()

    def _await(self, command: _Command) -> None:
        status = command.process.wait()
        with self._changed:
            self._running.discard(command)
        if status and not self._is_over:
            line = command.last_line()
            said = f": {shown(line)}" if line else ""
            self._tell(f"--on-detect: {shown(self._words[0])} ended with status {status}{said}")
        command.wait_for_group()
        with self._changed:
            self._alive.discard(command)
            self._changed.notify_all()

    def close(self) -> None:
        """Give what still runs a moment, then end it, by force where it does not listen."""
        left = self._left_after(END_S)
        self._is_over = True
        if not left:
            return
        for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
            for command in self._left_after(0):
                command.signal(number)
            self._left_after(END_S / 4)
        were = "was" if len(left) == 1 else "were"
        self._tell(f"--on-detect: {count_of(len(left), 'command')} still ran, and {were} ended")

    def _left_after(self, seconds: float) -> list[_Command]:
        """Return what still lives after so many seconds, or earlier where nothing does."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alive, seconds)
            return list(self._alive)
