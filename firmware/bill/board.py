"""What the Uno's whole image takes in simavr, cycle by cycle: the image that is checked in."""

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from bill.targets import ATHENA_8K, PORTS
from kws.audio.files import read_audio
from kws.device.deploy import deploy

PORT = PORTS / "arduino_uno"
NEEDED = "gcc make libsimavr-dev libelf-dev"
RAM_BYTES, CYCLES_A_FRAME = 2_048, 320_000  # 20 ms of 16 MHz
RATE_HZ, SECONDS = 8_000, 6


def missing() -> str:
    """What to install to run it, or nothing."""
    if not all(map(shutil.which, ("gcc", "make"))):
        return NEEDED
    probe = ["gcc", "-E", "-x", "c", "-"]
    found = subprocess.run(probe, input=b"#include <simavr/sim_avr.h>\n", capture_output=True)
    return NEEDED if found.returncode else ""


def _compare() -> ModuleType:
    """The port's compare.py as a module."""
    spec = importlib.util.spec_from_file_location("compare", PORT / "compare.py")
    if spec is None or spec.loader is None:
        sys.exit(f"{PORT / 'compare.py'} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(recording: Path) -> dict[str, int]:
    """RAM in all with the deepest stack, and cycles awake of a mean frame and of the longest."""
    compare = _compare()
    samples = read_audio(recording, RATE_HZ)[: SECONDS * RATE_HZ]
    with tempfile.TemporaryDirectory() as name:
        image = deploy([str(ATHENA_8K)], "uno", Path(name)).file
        lines = compare.simulate(image, samples)
    said = next(line for line in lines if line.startswith("simulated "))
    account = json.loads(said.removeprefix("simulated "))
    return {
        "ram": RAM_BYTES - account["ram_never_written"],
        "cycles": round(account["awake_percent"] / 100 * CYCLES_A_FRAME),
        "longest_cycles": account["longest_work_cycles"],
    }
