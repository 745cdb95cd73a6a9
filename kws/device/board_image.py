"""Images that a board's boot loader takes: what lies where in flash; UF2 and Intel HEX."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.errors import ToolError

BOOT2_BYTES = 252
SECTOR_BYTES = 4096  # what flash erases at once
UF2_PAYLOAD = 256
UF2_MAGIC = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
UF2_HAS_FAMILY = 0x2000
RP2040_FAMILY = 0xE48BFF56  # of the list of UF2 families


@dataclass(frozen=True, kw_only=True)
class Part:
    """Bytes at an address of the flash."""

    address: int
    data: bytes


def crc32_mpeg2(data: bytes) -> int:
    """Return the CRC-32 that the RP2040's boot ROM wants of a second-stage boot.

    Polynomial 0x04c11db7, highest bit first, from all ones, not inverted at the end.
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def with_boot_checksum(image: bytes) -> bytes:
    """Return an RP2040 image whose second-stage boot, its first 252 bytes, ends in its CRC-32."""
    boot = image[:BOOT2_BYTES]
    return boot + struct.pack("<I", crc32_mpeg2(boot)) + image[BOOT2_BYTES + 4 :]


def uf2(parts: Sequence[Part], family: int = RP2040_FAMILY) -> bytes:
    """Return parts of flash as UF2, in blocks of 256 bytes of 512 in the file.

    Each part is filled up with 0xff to whole sectors: a boot loader erases by the sector, and the
    RP2040's (erratum E14) wants every sector that it is given whole.
    """
    blocks = [block for part in parts for block in _blocks(part)]
    return b"".join(
        struct.pack(
            "<8I",
            *UF2_MAGIC[:2],
            *(UF2_HAS_FAMILY, address, UF2_PAYLOAD, number, len(blocks), family),
        )
        + payload.ljust(476, b"\0")
        + struct.pack("<I", UF2_MAGIC[2])
        for number, (address, payload) in enumerate(blocks)
    )


def _blocks(part: Part) -> Iterable[tuple[int, bytes]]:
    data = part.data + b"\xff" * (-len(part.data) % SECTOR_BYTES)
    for at in range(0, len(data), UF2_PAYLOAD):
        yield part.address + at, data[at : at + UF2_PAYLOAD]


def flat(parts: Sequence[Part]) -> bytes:
    """Return parts of flash as one image from the first on, with 0xff between them."""
    image = b""
    for part in parts:
        image = image.ljust(part.address - parts[0].address, b"\xff") + part.data
    return image


def intel_hex(parts: Sequence[Part]) -> bytes:
    """Return parts of flash as Intel HEX, 16 bytes a record."""
    lines = []
    upper = 0
    for part in parts:
        for at in range(0, len(part.data), 16):
            address = part.address + at
            if address >> 16 != upper:
                upper = address >> 16
                lines.append(_record(0, 4, struct.pack(">H", upper)))
            lines.append(_record(address & 0xFFFF, 0, part.data[at : at + 16]))
    lines.append(_record(0, 1, b""))
    return "".join(lines).encode()


def _record(address: int, kind: int, data: bytes) -> str:
    body = struct.pack(">BHB", len(data), address, kind) + data
    return f":{body.hex().upper()}{-sum(body) & 0xFF:02X}\n"


def prebuilt(port: str, name: str) -> bytes:
    """Return an image from firmware/ports of the checkout, or of the installed package."""
    here = Path(__file__).resolve().parents[1]
    for root in (here / "firmware", here.parent / "firmware"):
        file = root / "ports" / port / name
        if file.is_file():
            return file.read_bytes()
    raise ToolError(f"The image {name} is not beside {here}: install kws again.")
