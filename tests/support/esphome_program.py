"""ESPHome on this machine: check a configuration, and make the program of one with its own code."""

import os
import shutil
import subprocess
from pathlib import Path

from exported import STAND_INS, needs, run

INSTALL = "make export-tools"
SECRETS = 'wifi_ssid: "network"\nwifi_password: "password"\n'
# ESPHome's audio component wants an ESP32 for what no microphone needs.
AUDIO_OF_ANY_MACHINE = """

AUTO_LOAD = []
CONFIG_SCHEMA = cv.Schema({})


async def to_code(config):
    pass
"""
HEADERS = ("application", "automation", "helpers", "log")  # in nearly every file
COMPILER = (
    *("g++", "-O0", "-std=gnu++20", "-fno-exceptions", "-DUSE_HOST"),
    "-DESPHOME_LOG_LEVEL=ESPHOME_LOG_LEVEL_DEBUG",
)
STRICT = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter")  # of what kws wrote


def esphome(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run it in a folder, and return its status and all that it says."""
    words = [needs("esphome", INSTALL), *arguments]
    environment = os.environ | {"NO_COLOR": "1", "PLATFORMIO_CORE_DIR": str(folder / "pio")}
    ran = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    return ran.returncode, ran.stdout + ran.stderr


def stand_ins(folder: Path) -> Path:
    """Return a folder with components that let ESPHome's microphones be of this machine."""
    to = folder / "stand_ins"
    shutil.copytree(STAND_INS / "esphome", to)
    script = "import esphome; print(esphome.__path__[0])"
    python = Path(needs("esphome", INSTALL)).resolve().with_name("python")
    installed = Path(run([python, "-c", script], folder).strip())
    shutil.copytree(installed / "components" / "audio", to / "audio")
    with (to / "audio" / "__init__.py").open("a") as text:
        text.write(AUDIO_OF_ANY_MACHINE)
    return to


def program(folder: Path, yaml: str) -> Path:
    """Have ESPHome write the program of a device that is this machine, and compile all of it."""
    needs("g++")
    (folder / "device.yaml").write_text(yaml)
    status, said = esphome(folder, "compile", "--only-generate", "device.yaml")
    assert status == 0, said
    (main,) = (folder / ".esphome" / "build").glob("*/src/main.cpp")
    source, objects = main.parent, folder / "objects"
    objects.mkdir()
    common = "".join(f'#include "esphome/core/{name}.h"\n' for name in HEADERS)
    (objects / "common.h").write_text(common)
    include = [f"-I{source}", f"-I{objects}"]
    run([*COMPILER, *include, "-x", "c++-header", "common.h", "-o", "common.h.gch"], objects)
    for number, file in enumerate(sorted(source.rglob("*.cpp"))):
        ours = STRICT if "/components/kws/" in str(file) else ("-w",)
        command = [*COMPILER, *ours, *include, "-include", "common.h"]
        run([*command, "-c", file, "-o", f"{number}.o"], objects)
    for file in source.rglob("*.c"):
        run(["gcc", "-O1", *STRICT, "-c", file, "-o", f"{file.stem}_c.o"], objects)
    run(["g++", *sorted(objects.glob("*.o")), "-lpthread", "-o", folder / "program"], folder)
    return folder / "program"
