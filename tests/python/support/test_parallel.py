"""Work in several processes: errors arrive, and nothing outlives who asked for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kws.support import parallel
from kws.support.parallel import run_each

PROGRAM = """
import sys
from test_parallel import stay
from kws.support.parallel import run_each
if __name__ == "__main__":
    run_each(stay, [(sys.argv[1], name) for name in "ab"], "Staying")
"""


def stay(folder: str, name: str) -> None:
    """Say who this is, and go on for long."""
    (Path(folder) / f"{name}.part").write_text(str(os.getpid()))
    os.replace(Path(folder) / f"{name}.part", Path(folder) / name)
    time.sleep(600)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition, limit_s: float = 120.0) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_who_is_killed_takes_its_processes_along(tmp_path, number):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(parallel.__file__).parents[2])])
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, script, tmp_path]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as parent:
        wait_for(lambda: (tmp_path / "a").exists() or parent.poll() is not None)
        assert parent.poll() is None
        child = int((tmp_path / "a").read_text())
        assert child != parent.pid and is_alive(child)
        parent.send_signal(number)
        _, said = parent.communicate()
    wait_for(lambda: not is_alive(child))
    if number == signal.SIGTERM:
        assert parent.returncode == 128 + number
        assert "leaked" not in said and "Traceback" not in said


def test_an_error_of_a_process_is_raised_here():
    with pytest.raises(ValueError, match="invalid literal for int"):
        run_each(int, [("one",), ("two",)], "Failing")
