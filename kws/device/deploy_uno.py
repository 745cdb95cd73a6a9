"""The Arduino Uno: the program that is checked in, models behind it, how to flash and wire it."""

from kws.device.board_image import Part, intel_hex, prebuilt
from kws.engine.model_file import Model
from kws.errors import ConfigError, ModelError
from kws.support.refusals import each

# firmware/ports/arduino_uno/main.c has the same, and its Makefile the limits.
MODEL_AT = 0x6400
MODEL_CAPACITY = 0xD00
PLACES = 2
MAX_HIDDEN, MAX_RANK, MAX_CLASSES, MAX_FEATURES = 48, 12, 2, 16
HOP_MS = 20

FLASHING = """\
Flash it with avrdude, which the Arduino software brings along (the port may be
COM3 or another):
    avrdude -p atmega328p -c arduino -b 115200 -P /dev/ttyACM0 -D -U flash:w:{file}:i
Wire a MAX9814 or MAX4466:  OUT to A0, GND to GND, VCC to 5V. Speech should
reach a quarter of the range or more: the converter has ten bits.
The LED of pin 13 is on for half a second at a detection. The line is the USB
cable, at 115,200 bits per second."""


def image(models: list[Model], microphone: str) -> bytes:
    """Return the Intel HEX of the program with one model or two.

    ConfigError on a microphone or a number of models that there is not, ModelError on a model that
    the chip has no room for.
    """
    if microphone != "analog":
        raise ConfigError(f"The Uno has an analog microphone, not {microphone!r}.")
    if not 1 <= len(models) <= PLACES:
        raise ConfigError(f"The Uno has room for {PLACES} models: {len(models)} were given.")
    each(check_fits, models)
    parts = [Part(address=0, data=prebuilt("arduino_uno", "uno.bin"))]
    for place, model in enumerate(models):
        parts.append(Part(address=MODEL_AT + place * MODEL_CAPACITY, data=model.data))
    return intel_hex(parts)


def check_fits(model: Model) -> None:
    """Raise ModelError, naming all that is too large, unless the Uno's program takes this model."""
    if model.features.hop_ms != HOP_MS:
        raise ModelError(
            f"{model.name} has a hop of {model.features.hop_ms} ms: the Uno needs the time of "
            f"{HOP_MS} ms for a frame; train it with hop_length = 160."
        )
    limits = (
        ("features a frame", model.features.n_features, MAX_FEATURES),
        ("hidden units", model.hidden, MAX_HIDDEN),
        ("the rank of a matrix", max(model.ranks), MAX_RANK),
        ("classes", len(model.classes), MAX_CLASSES),
        ("bytes", len(model.data), MODEL_CAPACITY),
    )
    over = [f"{name} {value}, at most {most}" for name, value, most in limits if value > most]
    if over:
        raise ModelError(
            f"{model.name} is too large for the Uno: {'; '.join(over)}; "
            "train a smaller one (models/athena_8k/config.toml fits)."
        )
