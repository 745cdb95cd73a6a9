"""Write kws/device/taken_names.txt: the lower-case names of C, C++ and the libraries of chips.

    python firmware/list_taken_names.py

An exported model of such a name would be an array in the place of a function, or hide a header.
Names of tool chains that are not installed stay as they are in the file.
"""

import re
import subprocess
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "kws" / "device" / "taken_names.txt"
NAME = re.compile(r"[a-z][a-z0-9_]*")
ARCHIVES = (
    "/usr/lib/arm-none-eabi/newlib/thumb/v6-m/nofp/lib[cm].a",
    "/usr/lib/avr/lib/lib[cm].a",
    "/usr/lib/picolibc/riscv64-unknown-elf/lib/lib[cm].a",
    "/lib/*-linux-gnu/lib[cm].so.6",
)
HEADERS = (
    "/usr/lib/gcc/*-linux-gnu/*/include/std*.h",
    "/usr/lib/arm-none-eabi/include/*.h",
    "/usr/lib/avr/include/*.h",
    "/usr/share/arduino/hardware/arduino/avr/cores/arduino/*.h",
    "/usr/share/arduino/hardware/arduino/avr/libraries/*/src/*.h",
)
DECLARED = r"^(?:[\w ]+[ *])?(\w+)\(|^typedef .*?(\w+);|^#define (\w+)\b"
ARDUINO = "/usr/share/arduino/hardware/arduino/avr/cores/arduino/Arduino.h"
# Of GNU C, of Windows' headers, and names that Windows gives to no file.
MACROS = ["far", "i386", "interface", "linux", "near", "pascal", "small", "unix"]
DEVICES = ["aux", "con", "nul", "prn"] + [
    f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)
]


def found() -> set[str]:
    """Return the names that can be seen on this machine."""
    names = {*MACROS, *DEVICES}
    for file in _files(ARCHIVES):
        names |= exported(file)
    headers = [*_files(HEADERS), *(f for f in _files(("/usr/include/*.h",)) if _is_glibc(f))]
    names |= {file.stem.lower().replace("-", "_") for file in headers}
    if Path(ARDUINO).is_file():
        matches = re.findall(DECLARED, Path(ARDUINO).read_text(errors="replace"), flags=re.M)
        names |= {name for match in matches for name in match}
    return {name for name in names if NAME.fullmatch(name)}


def exported(library: Path) -> set[str]:
    """Return the symbols that a library gives to whoever links with it."""
    options = ["-D"] if ".so" in library.name else []
    command = ["nm", "-g", "--defined-only", *options, str(library)]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    symbols = (line.split()[-1] for line in lines if len(line.split()) == 3)
    # With a single @ a name is for old programs only.
    return {symbol.partition("@@")[0] for symbol in symbols if "@" not in symbol.replace("@@", "")}


def _is_glibc(header: Path) -> bool:
    return "GNU C Library" in header.read_text(errors="replace")


def _files(patterns: tuple[str, ...]) -> list[Path]:
    return sorted(file for pattern in patterns for file in Path("/").glob(pattern[1:]))


def main() -> None:
    """Add what this machine has to the file."""
    before = set(FILE.read_text().split()) if FILE.is_file() else set()
    FILE.write_text("\n".join(sorted(before | found())) + "\n")


if __name__ == "__main__":
    main()
