"""A model on a board: the image to flash, and how to flash and wire it.

The image of a board is compiled once, by us, and checked in; a model is put beside it. So nobody
needs a compiler, and what is flashed is what was tested.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kws.device import deploy_uno
from kws.device.board_image import Part, flat, intel_hex, prebuilt, uf2
from kws.device.identifiers import file_stem
from kws.engine.model_file import Model, load
from kws.errors import ConfigError, KwsError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.files import replacing
from kws.support.refusals import each
from kws.support.text import in_shell

MICROPHONES = ("analog", "i2s")
PLACES = 2
PLACE_BYTES = 0x010000
# firmware/ports/raspberry_pi_pico/layout.h has the same.
PICO_FLASH = 0x10000000
PICO_BOARD = PICO_FLASH + 0x00F000
PICO_MODELS = PICO_FLASH + 0x010000
# firmware/ports/nrf52/layout.h, from the FLASH_BASE of each board's Makefile on.
NANO33BLE_FLASH = 0x010000
MICROBIT_FLASH = 0x000000
NRF52_MODELS = 0x010000

LINE = """\
`kws monitor PORT` shows the scores and sets the threshold;
firmware/docs/PROTOCOL.md has more."""
PICO_FLASHING = """\
Flash it: hold BOOTSEL on the Pico while you plug its USB cable in, then copy
the file to the drive RPI-RP2 that appears. It restarts and listens; the LED is
on for half a second at a detection."""
PICO_WIRING = {
    "analog": """\
Wire a MAX4466 or MAX9814:  OUT to GP26 (pin 31), GND to AGND (pin 33),
                            VCC to 3V3 (pin 36).""",
    "i2s": """\
Wire an INMP441:  SCK to GP10 (pin 14), WS to GP11 (pin 15),
                  SD to GP12 (pin 16), L/R and GND to GND (pin 13),
                  VDD to 3V3 (pin 36).""",
}
PICO_LINE = """\
The line is a serial port on the USB cable, such as /dev/ttyACM0. While no
program has it open, it is a UART at 115,200 bits per second: GP0 (pin 1) sends,
GP1 (pin 2) receives, GND is pin 3."""
NANO33BLE_FLASHING = """\
Not tried on a board yet, compiled only. Flash it: press the button twice, so
that the orange LED fades in and out, then, of Arduino's tools:
    bossac --port=ttyACM0 -d -U -i -e -w {file} -R
The microphone is on the board. The line is a UART at 115,200 bits per second on
TX1 and RX0."""
MICROBIT_FLASHING = """\
Not tried on a board yet, compiled only. Flash it: copy the file to the drive
MICROBIT. The microphone is on the board; the top left LED is on for half a
second at a detection. The line is the serial port that the USB cable brings, at
115,200 bits per second."""


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
    to: a folder, such as the drive that the board itself offers; the file is named after the first
    model, and no other model's image has that name. ConfigError on a board, a
    microphone or a number of models that there is not; ModelError on a model; KwsError on the disk.
    """
    if board not in BOARDS:
        raise ConfigError(f"There is no board {board!r}: choose {' or '.join(BOARDS)}.")
    if microphone not in MICROPHONES:
        raise ConfigError(
            f"There is no microphone {microphone!r}: choose {' or '.join(MICROPHONES)}."
        )
    if not 1 <= len(models) <= PLACES:
        raise ConfigError(f"A board has room for {PLACES} models: {len(models)} were given.")
    chosen, loaded = BOARDS[board], each(load, models)
    each(lambda model: _check_rate(model, board), loaded)
    if len({model.data for model in loaded}) < len(loaded):
        raise ConfigError(f"{loaded[0].name} is given twice: name two models, or one.")
    if Path(to).exists() and not Path(to).is_dir():
        raise ConfigError(f"{to} is a file: name a folder, or the drive of the board.")
    file = Path(to) / f"{file_stem(loaded[0].name)}_{board}.{chosen.suffix}"
    _write(file, chosen.image(loaded, microphone))
    return Deployment(file=file, instructions=chosen.instructions(file, microphone))


def _check_rate(model: Model, board: str) -> None:
    is_hz, needed_hz = model.features.sample_rate_hz, BOARDS[board].sample_rate_hz
    if is_hz != needed_hz:
        raise ConfigError(
            f"{model.name} listens at {is_hz} Hz and {board} at {needed_hz}: "
            f"train a model for {needed_hz // 1000} kHz."
        )


@dataclass(frozen=True, kw_only=True)
class Board:
    """How a board's image is made, and what a person does with it."""

    suffix: str
    sample_rate_hz: int = SAMPLE_RATE_HZ
    image: Callable[[list[Model], str], bytes]
    instructions: Callable[[Path, str], str]


def _models(models: list[Model], address: int) -> list[Part]:
    return [
        Part(address=address + place * PLACE_BYTES, data=model.data)
        for place, model in enumerate(models)
    ]


def _pico(models: list[Model], microphone: str) -> bytes:
    image = Part(address=PICO_FLASH, data=prebuilt("raspberry_pi_pico", "pico.bin"))
    board = Part(address=PICO_BOARD, data=b"kwsb" + bytes([MICROPHONES.index(microphone)]))
    return uf2([image, board, *_models(models, PICO_MODELS)])


def _nano33ble(models: list[Model], microphone: str) -> bytes:
    _refuse_wired(microphone, "Arduino Nano 33 BLE Sense")
    image = Part(address=NANO33BLE_FLASH, data=prebuilt("nano33ble", "nano33ble.bin"))
    return flat([image, *_models(models, NANO33BLE_FLASH + NRF52_MODELS)])


def _microbit(models: list[Model], microphone: str) -> bytes:
    _refuse_wired(microphone, "micro:bit")
    image = Part(address=MICROBIT_FLASH, data=prebuilt("microbit_v2", "microbit_v2.bin"))
    return intel_hex([image, *_models(models, MICROBIT_FLASH + NRF52_MODELS)])


def _refuse_wired(microphone: str, board: str) -> None:
    if microphone != MICROPHONES[0]:
        raise ConfigError(f"The {board} has its own microphone: leave --microphone out.")


BOARDS = {
    "pico": Board(
        suffix="uf2",
        image=_pico,
        instructions=lambda _, kind: "\n".join((PICO_FLASHING, PICO_WIRING[kind], PICO_LINE, LINE)),
    ),
    "uno": Board(
        suffix="hex",
        sample_rate_hz=8_000,
        image=deploy_uno.image,
        instructions=lambda file, _: f"{deploy_uno.FLASHING.format(file=in_shell(file))}\n{LINE}",
    ),
    "nano33ble": Board(
        suffix="bin",
        image=_nano33ble,
        instructions=lambda file, _: f"{NANO33BLE_FLASHING.format(file=in_shell(file))}\n{LINE}",
    ),
    "microbit_v2": Board(
        suffix="hex",
        image=_microbit,
        instructions=lambda _, __: f"{MICROBIT_FLASHING}\n{LINE}",
    ),
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
