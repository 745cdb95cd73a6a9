"""Images for boards: UF2 as a boot loader reads it, the models where the board looks for them."""

import struct
import zlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kws.cli.main import app
from kws.device import board_image, deploy
from kws.device.board_image import Part, crc32_mpeg2, intel_hex, uf2, with_boot_checksum
from kws.engine import model_file
from kws.errors import ConfigError, KwsError

ROOT = Path(__file__).parents[3]
MODELS = ("hey_cortana", "commands_1k")


def flash_of(data: bytes) -> dict[int, bytes]:
    """Payload by address, after the checks that a boot loader makes."""
    assert len(data) % 512 == 0
    flash = {}
    for number in range(len(data) // 512):
        block = data[512 * number :][:512]
        head = struct.unpack("<8I", block[:32])
        assert head[:2] == (0x0A324655, 0x9E5D5157)
        assert head[2] == 0x2000 and head[4] == 256 and head[7] == 0xE48BFF56
        assert head[5:7] == (number, len(data) // 512)
        assert block[508:] == struct.pack("<I", 0x0AB16F30)
        assert head[3] not in flash
        flash[head[3]] = block[32 : 32 + 256]
    return flash


def read(flash: dict[int, bytes], address: int, size: int) -> bytes:
    return b"".join(flash[at] for at in range(address, address + size, 256))[:size]


def test_crc_is_that_of_the_catalogue():
    """CRC-32/MPEG-2 of "123456789" in the catalogue of parametrised CRC algorithms."""
    assert crc32_mpeg2(b"123456789") == 0x0376E6E7


def test_uf2_fills_whole_sectors():
    flash = flash_of(
        uf2([Part(address=0x10001000, data=b"abc"), Part(address=0x10010000, data=b"d" * 4097)])
    )
    assert len(flash) == 16 + 32
    assert read(flash, 0x10001000, 4096) == b"abc" + b"\xff" * 4093
    assert read(flash, 0x10010000, 8192) == b"d" * 4097 + b"\xff" * 4095


def test_the_boot_ends_in_its_checksum():
    signed = with_boot_checksum(bytes(range(256)) * 4)
    assert signed[:252] == bytes(range(252)) and signed[256:] == bytes(range(256)) * 3
    assert signed[252:256] == struct.pack("<I", crc32_mpeg2(bytes(range(252))))
    image = board_image.prebuilt("raspberry_pi_pico", "pico.bin")
    assert with_boot_checksum(image) == image


@pytest.mark.parametrize("microphone", deploy.MICROPHONES)
@pytest.mark.parametrize("board", deploy.BOARDS)
def test_what_to_do_fits_a_terminal_but_for_the_commands_to_paste(board, microphone):
    told = deploy.BOARDS[board].instructions(Path("hey_cortana.bin"), microphone)
    lines = [line for line in told.splitlines() if not line.startswith("    avrdude ")]
    assert max(map(len, lines)) <= 80


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "drive").write_text("")
    with pytest.raises(ConfigError, match=r"drive is a file: name a folder, or the drive"):
        deploy.deploy(["hey_cortana"], "pico", tmp_path / "drive")


def test_a_pico_gets_image_microphone_and_models(tmp_path):
    done = deploy.deploy([str(ROOT / "models" / name) for name in MODELS], "pico", tmp_path, "i2s")
    assert done.file == tmp_path / "hey_cortana_pico.uf2"
    assert (
        "GP12" in done.instructions
        and "USB" in done.instructions
        and "BOOTSEL" in done.instructions
    )
    flash = flash_of(done.file.read_bytes())
    image = board_image.prebuilt("raspberry_pi_pico", "pico.bin")
    assert read(flash, 0x10000000, len(image)) == image
    assert read(flash, 0x1000F000, 5) == b"kwsb\1"
    for place, name in enumerate(MODELS):
        model = model_file.load(ROOT / "models" / name)
        assert read(flash, 0x10010000 + 0x10000 * place, len(model.data)) == model.data
    assert max(flash) < 0x101FE000  # the settings stay


def test_layout_is_that_of_the_firmware():
    text = (ROOT / "firmware/ports/raspberry_pi_pico/layout.h").read_text()
    values = dict(
        line.split()[1:3] for line in text.splitlines() if line.startswith("#define FLASH_")
    )
    numbers = {name: int(value.rstrip("u"), 16) for name, value in values.items() if "0x" in value}
    assert numbers["FLASH_START"] == deploy.PICO_FLASH
    assert deploy.PICO_FLASH + numbers["FLASH_BOARD"] == deploy.PICO_BOARD
    assert deploy.PICO_FLASH + numbers["FLASH_MODELS"] == deploy.PICO_MODELS
    assert numbers["FLASH_MODEL_BYTES"] == deploy.PLACE_BYTES


def test_a_board_s_own_drive_is_written_to_directly(tmp_path):
    (tmp_path / "INFO_UF2.TXT").write_text("UF2 Bootloader")
    done = deploy.deploy([str(ROOT / "models/hey_cortana")], "pico", tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"INFO_UF2.TXT", done.file.name}
    done.file.unlink()
    done.file.mkdir()  # refuses to be written
    with pytest.raises(KwsError, match="cannot copy the image"):
        deploy.deploy([str(ROOT / "models/hey_cortana")], "pico", tmp_path)


@pytest.mark.parametrize(
    ("models", "board", "microphone", "words"),
    [
        (1, "teapot", "analog", "no board 'teapot'"),
        (1, "pico", "carbon", "no microphone 'carbon'"),
        (3, "pico", "analog", "room for 2 models"),
    ],
)
def test_what_there_is_not_is_refused(models, board, microphone, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        deploy.deploy([str(ROOT / "models/hey_cortana")] * models, board, tmp_path, microphone)
    assert not list(tmp_path.iterdir())


def test_a_model_for_another_rate_is_refused(tmp_path):
    model = bytearray(model_file.load(ROOT / "models/hey_cortana").data)
    model[8] = 8
    model[-4:] = struct.pack("<I", zlib.crc32(model[:-4]))
    (tmp_path / "slow.kws").write_bytes(model)
    with pytest.raises(KwsError):
        deploy.deploy([str(tmp_path / "slow.kws")], "pico", tmp_path)


def test_the_command_prints_file_and_wiring(tmp_path):
    arguments = [
        "deploy",
        str(ROOT / "models/hey_cortana"),
        "--board",
        "pico",
        "--to",
        str(tmp_path),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == str(tmp_path / "hey_cortana_pico.uf2")
    assert "GP26" in result.stdout
    result = CliRunner().invoke(app, [*arguments, "--second", "nothing_like_it"])
    assert result.exit_code == 1


def read_hex(text: str) -> dict[int, int]:
    """Byte by address, after the checks that a reader makes."""
    memory: dict[int, int] = {}
    upper = 0
    *lines, last = text.splitlines()
    assert last == ":00000001FF"
    for line in lines:
        record = bytes.fromhex(line[1:])
        assert line[0] == ":" and sum(record) % 256 == 0 and len(record) == record[0] + 5
        address, kind, data = int.from_bytes(record[1:3], "big"), record[3], record[4:-1]
        if kind == 4:
            upper = int.from_bytes(data, "big") << 16
            continue
        assert kind == 0
        for offset, byte in enumerate(data):
            assert upper + address + offset not in memory
            memory[upper + address + offset] = byte
    return memory


def test_hex_of_a_known_record():
    """The record that Intel's own specification and every manual since shows."""
    record = bytes.fromhex("214601360121470136007EFE09D21901")
    text = intel_hex([Part(address=0x0100, data=record)]).decode()
    assert ":10010000214601360121470136007EFE09D2190140" in text.splitlines()


@pytest.mark.parametrize(("board", "base"), [("nano33ble", 0x10000), ("microbit_v2", 0)])
def test_nrf52_boards_get_image_and_models(board, base, tmp_path):
    names = [str(ROOT / "models" / name) for name in MODELS]
    done = deploy.deploy(names, board, tmp_path)
    data = done.file.read_bytes()
    if board == "microbit_v2":
        memory = read_hex(data.decode())
        data = bytes(memory.get(at, 0xFF) for at in range(max(memory) + 1))
    image = board_image.prebuilt(board, f"{board}.bin")
    assert data.startswith(image)
    for place, name in enumerate(MODELS):
        model = model_file.load(ROOT / "models" / name).data
        assert data[0x10000 * (place + 1) :].startswith(model)
    stack, start = struct.unpack("<2I", image[:8])
    assert 0x20000000 < stack <= 0x20040000
    assert base < start < base + len(image) and start & 1
    assert "compiled only" in done.instructions
    with pytest.raises(ConfigError, match="its own microphone"):
        deploy.deploy(names, board, tmp_path, "i2s")
