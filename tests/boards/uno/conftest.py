"""The Uno's tools for the tests: they are skipped, in one sentence, where one is missing."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

PORT = Path(__file__).parents[3] / "firmware" / "ports" / "arduino_uno"
NEEDED = "apt-get install gcc gcc-avr avr-libc libsimavr-dev make"


def has_simavr() -> bool:
    probe = "#include <simavr/sim_avr.h>\n"
    command = ["gcc", "-E", "-x", "c", "-"]
    done = subprocess.run(command, input=probe.encode(), capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture(scope="session")
def compare() -> ModuleType:
    """firmware/ports/arduino_uno/compare.py as a module."""
    if not all(map(shutil.which, ("avr-gcc", "make", "gcc"))) or not has_simavr():
        pytest.skip(f"the Uno's image needs {NEEDED}")
    spec = importlib.util.spec_from_file_location("compare", PORT / "compare.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
