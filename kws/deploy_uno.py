"""An Arduino Uno's image: the compiled program of ports/arduino_uno, and a model behind it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from kws import model_file
from kws.errors import KwsError, ModelError, ToolError
from kws.files import replacing
from kws.model_file import Model

PORT = Path(__file__).resolve().parents[1] / "firmware" / "ports" / "arduino_uno"
# main.c's MODEL_AT and MODEL_CAPACITY, and the Makefile's LIMITS.
MODEL_AT = 0x6000
MODEL_CAPACITY = 0xF00
MAX_HIDDEN, MAX_RANK, MAX_CLASSES, MAX_FEATURES = 48, 12, 2, 16
RECORD_BYTES = 16
END_RECORD = ":00000001FF\n"

HOW_TO_FLASH = """\
Wire a microphone amplifier (MAX9814, MAX4466): OUT to A0, VCC to 5V, GND to GND. Then flash
    avrdude -p atmega328p -c arduino -b 115200 -P /dev/ttyACM0 -D -U flash:w:{image}:i
The LED of pin 13 lights for half a second at each detection; the serial line (115,200 bits/s) says
`d frame word score`."""


def deploy(model: str | Path | Model, to: Path) -> Path:
    """Write `<model>_uno.hex` to the folder `to`, and return its path.

    ModelError where the model is too large for the chip or not for 8 kHz, ToolError where the
    compiler is missing, KwsError where the program cannot be built or the file not be written.
    """
    loaded = model_file.load(model)
    check_fits(loaded)
    path = Path(to) / f"{loaded.name}_uno.hex"
    image = with_models(build_program(), loaded)
    with replacing(path, KwsError) as file:
        file.write(image.encode())
    return path


def check_fits(model: Model) -> None:
    """Raise ModelError, naming what to change, unless the Uno's program takes this model."""
    features = model.features
    if features.sample_rate_hz != 8_000:
        raise ModelError(
            f"{model.name} hears {features.sample_rate_hz} Hz, the Uno 8000: train it with "
            "sample_rate_hz = 8000, hop_length = 160 and n_mels = 24 (see models/athena_8k)."
        )
    for name, value, most in (
        ("hop in ms, at least 20", 20 - features.hop_ms, 0),
        ("features a frame", features.n_features, MAX_FEATURES),
        ("hidden units", model.hidden, MAX_HIDDEN),
        ("rank", max(model.ranks), MAX_RANK),
        ("classes", len(model.classes), MAX_CLASSES),
        ("bytes", len(model.data), MODEL_CAPACITY),
    ):
        if value > most:
            given = features.hop_ms if name.startswith("hop") else value
            limit = "" if name.startswith("hop") else f"; it takes at most {most}"
            raise ModelError(f"{model.name} is too large for the Uno ({name}: {given}){limit}.")


def build_program() -> str:
    """Compile the program, where anything has changed, and return its Intel HEX."""
    if not (PORT / "Makefile").is_file():
        raise ToolError(f"The Uno's program is not in {PORT}: run kws from a checkout.")
    for tool in ("avr-gcc", "make"):
        if shutil.which(tool) is None:
            raise ToolError(f"{tool} is not installed: apt-get install gcc-avr avr-libc make.")
    build = PORT.parents[2] / "build" / "uno"
    command = ["make", "--no-print-directory", "-C", str(PORT), f"BUILD={build}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1]
        raise KwsError(f"The Uno's program cannot be built: {last}")
    return (build / "firmware.hex").read_text()


def with_models(program: str, *models: Model) -> str:
    """Return the program's Intel HEX with the models at their places in flash."""
    lines = program.splitlines(keepends=True)
    if not lines or lines[-1].strip() != END_RECORD.strip():
        raise KwsError(
            "The Uno's program is no complete Intel HEX: run `make clean` and build again."
        )
    end = max(_end_of(line) for line in lines)
    if end > MODEL_AT:
        raise KwsError(f"The Uno's program takes {end} bytes; models begin at {MODEL_AT}.")
    records = [
        record
        for index, model in enumerate(models)
        for record in hex_records(MODEL_AT + index * MODEL_CAPACITY, model.data)
    ]
    return "".join([*lines[:-1], *records, END_RECORD])


def hex_records(address: int, data: bytes) -> Iterator[str]:
    """Yield the lines of Intel HEX that put `data` at an address below 64 KB."""
    for at in range(0, len(data), RECORD_BYTES):
        part = data[at : at + RECORD_BYTES]
        body = bytes([len(part), (address + at) >> 8, (address + at) & 0xFF, 0]) + part
        yield f":{(body + bytes([-sum(body) & 0xFF])).hex().upper()}\n"


def _end_of(line: str) -> int:
    """The address after a data record; 0 for another."""
    body = bytes.fromhex(line.strip()[1:])
    return int.from_bytes(body[1:3], "big") + body[0] if body[3] == 0 else 0
