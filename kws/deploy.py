"""A model on a board: the image to flash, and how to flash and wire it.

The image of a board is compiled once, by us, and checked in; a model is put beside it. So nobody
needs a compiler, and what is flashed is what was tested.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kws import deploy_uno
from kws.board_image import Part, prebuilt, uf2
from kws.errors import ConfigError, KwsError
from kws.export_formats import identifier
from kws.files import replacing
from kws.frontend_spec import SAMPLE_RATE_HZ
from kws.model_file import Model, load

MICROPHONES = ("analog", "i2s")
# firmware/ports/raspberry_pi_pico/layout.h has the same.
PICO_FLASH = 0x10000000
PICO_BOARD = PICO_FLASH + 0x00F000
PICO_MODELS = PICO_FLASH + 0x010000
PICO_PLACES = 2
PICO_PLACE_BYTES = 0x010000

PICO_FLASHING = """\
Flash it: hold BOOTSEL on the Pico while you plug its USB cable in, then copy the file to the drive
RPI-RP2 that appears. It restarts and listens; the LED is on for half a second at a detection."""
PICO_WIRING = {
    "analog": """\
Wire a MAX4466 or MAX9814:  OUT to GP26 (pin 31), GND to AGND (pin 33), VCC to 3V3 (pin 36).""",
    "i2s": """\
Wire an INMP441:  SCK to GP10 (pin 14), WS to GP11 (pin 15), SD to GP12 (pin 16),
                  L/R and GND to GND (pin 13), VDD to 3V3 (pin 36).""",
}
PICO_LINE = """\
The line is a UART at 115,200 bits per second: GP0 (pin 1) sends, GP1 (pin 2) receives, GND (pin 3).
`kws monitor PORT` shows the scores and sets the threshold; firmware/PROTOCOL.md has the rest."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A file to flash, and what to do with it."""

    file: Path
    instructions: str


def deploy(
    models: list[str], board: str, to: Path = Path("."), microphone: str = "analog"
) -> Deployment:
    """Write the image of a board with one model or two, and return how to flash it.

    models: what `model_file.load` takes; a place that gets none keeps what the flash has there.
    to: a folder, such as the drive that the board itself offers. ConfigError on a board, a
    microphone or a number of models that there is not; ModelError on a model; KwsError on the disk.
    """
    if board not in BOARDS:
        raise ConfigError(f"There is no board {board!r}: choose {' or '.join(BOARDS)}.")
    if microphone not in MICROPHONES:
        raise ConfigError(
            f"There is no microphone {microphone!r}: choose {' or '.join(MICROPHONES)}."
        )
    chosen, loaded = BOARDS[board], [load(model) for model in models]
    for model in loaded:
        rate_hz = model.features.sample_rate_hz
        if rate_hz != chosen.sample_rate_hz:
            raise ConfigError(
                f"{model.name} listens at {rate_hz} Hz and {board} at {chosen.sample_rate_hz}: "
                f"train a model for {chosen.sample_rate_hz // 1000} kHz."
            )
    image, instructions = chosen.image(loaded, microphone)
    file = Path(to) / f"{identifier(loaded[0].name)}_{board}{chosen.suffix}"
    _write(file, image)
    return Deployment(file=file, instructions=instructions)


def _pico(models: list[Model], microphone: str) -> tuple[bytes, str]:
    if not 1 <= len(models) <= PICO_PLACES:
        raise ConfigError(f"The Pico has room for {PICO_PLACES} models: {len(models)} were given.")
    parts = [
        Part(address=PICO_FLASH, data=prebuilt("raspberry_pi_pico", "pico.bin")),
        Part(address=PICO_BOARD, data=b"kwsb" + bytes([MICROPHONES.index(microphone)])),
    ]
    for place, model in enumerate(models):
        address = PICO_MODELS + place * PICO_PLACE_BYTES
        parts.append(Part(address=address, data=model.data))
    return uf2(parts), "\n".join((PICO_FLASHING, PICO_WIRING[microphone], PICO_LINE))


@dataclass(frozen=True, kw_only=True)
class Board:
    """From models and a microphone to a file's bytes and instructions."""

    sample_rate_hz: int
    suffix: str
    image: Callable[[list[Model], str], tuple[bytes, str]]


BOARDS = {
    "pico": Board(sample_rate_hz=SAMPLE_RATE_HZ, suffix=".uf2", image=_pico),
    "uno": Board(sample_rate_hz=8_000, suffix=".hex", image=deploy_uno.image),
}


def _write(file: Path, image: bytes) -> None:
    """Write an image; a board's own drive takes no detour by a second file."""
    if (file.parent / "INFO_UF2.TXT").is_file():
        try:
            file.write_bytes(image)
        except OSError as refusal:
            raise KwsError(f"cannot copy the image to {file.parent}: {refusal}") from refusal
        return
    with replacing(file, KwsError) as stream:
        stream.write(image)
