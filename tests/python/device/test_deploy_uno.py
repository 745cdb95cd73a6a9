"""The Uno's image as a file: what fits, and where it lies."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from random_models import RandomModel

from kws.device import deploy_uno
from kws.device.board_image import Part, intel_hex, prebuilt
from kws.device.deploy import deploy
from kws.engine import model_file
from kws.errors import ConfigError, ModelError
from kws.settings.model import FeatureConfig

PORT = Path(__file__).parents[3] / "firmware" / "ports" / "arduino_uno"
MODELS = Path(__file__).parents[3] / "models"


def features(**settings):
    return FeatureConfig(
        **{"sample_rate_hz": 8_000, "hop_length": 160, "n_mels": 24, "n_mfcc": 13} | settings
    )


def model(**settings):
    chosen = {"features": features(), "classes": ("hey_you",), **settings}
    return model_file.parse(RandomModel(**chosen).encode(), Path("hey.kws"))


def memory(image: bytes) -> dict[int, int]:
    """Read Intel HEX by its definition: every record's bytes add up to 0."""
    found: dict[int, int] = {}
    for line in image.decode().splitlines():
        record = bytes.fromhex(line[1:])
        assert line[0] == ":" and sum(record) & 0xFF == 0 and len(record) == record[0] + 5
        if record[3] == 0:
            at = int.from_bytes(record[1:3], "big")
            found |= {at + i: byte for i, byte in enumerate(record[4:-1])}
    assert image.endswith(b":00000001FF\n")
    return found


def test_a_record_is_that_of_the_formats_own_example():
    data = bytes.fromhex("214601360121470136007EFE09D21901")
    record = b":10010000214601360121470136007EFE09D2190140\n:00000001FF\n"
    assert intel_hex([Part(address=0x0100, data=data)]) == record


def test_models_lie_behind_the_program_and_change_none_of_it(tmp_path):
    program = prebuilt("arduino_uno", "uno.bin")
    assert len(program) <= deploy_uno.MODEL_AT
    image = deploy_uno.image([model(), model(seed=3)], "analog")
    found = memory(image)
    assert bytes(found[at] for at in range(len(program))) == program
    for place, expected in enumerate((model(), model(seed=3))):
        start = 0x6400 + place * 0xD00
        assert bytes(found[start + i] for i in range(len(expected.data))) == expected.data
    assert len(found) == len(program) + len(model().data) + len(model(seed=3).data)
    assert max(found) < 0x7E00  # the boot loader
    done = deploy([str(MODELS / "athena_8k")], "uno", tmp_path)
    assert done.file == tmp_path / "athena_8k_uno.hex" and "avrdude" in done.instructions
    assert memory(done.file.read_bytes())[0x6400] == ord("k")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden": 49}, "hidden units 49, at most 48"),
        ({"ranks": (5, 13)}, "the rank of a matrix 13, at most 12"),
        ({"classes": ("a", "b", "_unknown_")}, "classes 3, at most 2"),
        ({"features": features(n_mfcc=17)}, "features a frame 17, at most 16"),
        ({"features": features(hop_length=80)}, "a hop of 10 ms"),
        (
            {"kind": "int8", "ranks": (0, 0), "hidden": 48, "classes": ("a" * 900,)},
            "bytes 4040, at most 3328",
        ),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_what_to_change(settings, words):
    with pytest.raises(ModelError, match=words):
        deploy_uno.image([model(**settings)], "analog")


def test_all_that_does_not_fit_is_named_at_once():
    models = [model(hidden=49, ranks=(5, 13)), model(classes=("a", "b", "_unknown_"))]
    all_of_it = (
        "units 49, at most 48; the rank of a matrix 13, at most 12;.*; .*classes 3, at most 2"
    )
    with pytest.raises(ModelError, match=all_of_it):
        deploy_uno.image(models, "analog")


def test_what_the_board_has_not_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="athena listens at 16000 Hz and uno at 8000"):
        deploy([str(MODELS / "athena")], "uno", tmp_path)
    twice = "athena listens at 16000 Hz.*; hey_cortana listens at 16000 Hz"
    with pytest.raises(ConfigError, match=twice):
        deploy([str(MODELS / "athena"), str(MODELS / "hey_cortana")], "uno", tmp_path)
    with pytest.raises(ConfigError, match="an analog microphone, not 'i2s'"):
        deploy([str(MODELS / "athena_8k")], "uno", tmp_path, "i2s")
    with pytest.raises(ConfigError, match="room for 2 models: 3 were given"):
        deploy_uno.image([model()] * 3, "analog")


def test_a_path_in_the_commands_to_paste_is_one_word_and_moves_no_cursor(tmp_path):
    folder = tmp_path / "a b; rm\x1b[2J"
    done = deploy(["athena_8k"], "uno", folder)
    assert done.file.parent == folder
    assert "\x1b" not in done.instructions and "a b; rm\\x1b[2J" in done.instructions
    (command,) = [
        line for line in done.instructions.splitlines() if "avrdude" in line and "-U" in line
    ]
    words = shlex.split(command)
    assert words[-1].startswith("flash:w:") and words[-1].endswith("athena_8k_uno.hex:i")


def test_places_and_limits_are_those_of_the_program():
    makefile = " ".join((PORT / "Makefile").read_text().replace("\\\n", " ").split())
    for name in ("HIDDEN", "RANK", "CLASSES", "FEATURES"):
        assert f"-DKWS_MAX_{name}={getattr(deploy_uno, f'MAX_{name}')} " in makefile
    main = (PORT / "main.c").read_text()
    assert f"#define MODEL_AT 0x{deploy_uno.MODEL_AT:x}\n" in main
    assert f"#define MODEL_CAPACITY 0x{deploy_uno.MODEL_CAPACITY:x}\n" in main


def test_the_checked_in_program_is_what_the_sources_give(tmp_path):
    """By the compiler that made it; another one's code differs and is as right."""
    if shutil.which("avr-gcc") is None or shutil.which("make") is None:
        pytest.skip("avr-gcc is not installed: apt-get install gcc-avr avr-libc make")
    version = subprocess.run(["avr-gcc", "-dumpversion"], capture_output=True, text=True)
    if version.stdout.strip() != "5.4.0":
        pytest.skip(f"uno.bin was made by avr-gcc 5.4.0, this is {version.stdout.strip()}")
    command = ["make", "-s", "-C", str(PORT), f"BUILD={tmp_path}", f"{tmp_path}/firmware.bin"]
    subprocess.run(command, check=True, capture_output=True)
    built = (tmp_path / "firmware.bin").read_bytes()
    assert built == prebuilt("arduino_uno", "uno.bin"), f"run `make -C {PORT} uno.bin`"
