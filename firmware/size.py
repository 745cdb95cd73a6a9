"""Print the engine's bill of flash, RAM and stack for every compiler that is here: `make size`.

RAM is one kws_spotter; the stack is that of the deepest chain of calls, from -fstack-usage.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ENGINE = Path(__file__).resolve().parent
FLAGS = ("-std=c99", "-Os", "-ffunction-sections", "-fdata-sections")
# What a wake-word model of one kilobyte needs, where the defaults hold 128 units and 40 classes.
SMALL = ("-DKWS_MAX_HIDDEN=40", "-DKWS_MAX_CLASSES=4", "-DKWS_MIN_HOP=320")
# Who may be on the stack at the same time, deepest first; an inlined function has no frame.
CHAINS = (
    ("stage", "kws_fft_power", "kws_features_of", "kws_mfcc_compute", "kws_spotter_process"),
    ("log2_q10", "log_mel", "kws_features_of", "kws_mfcc_compute", "kws_spotter_process"),
    ("dot_sparse8", "kws_matrix_row", "kws_fastgrnn_step", "kws_spotter_process"),
    ("kws_model_name", "kws_detector_decide", "kws_spotter_process"),
    ("sparse_bytes", "kws_matrix_bytes", "take_matrix", "kws_model_read", "kws_spotter_init"),
)


@dataclass(frozen=True)
class Target:
    """A processor: the prefix of its tools and the flags that choose it."""

    name: str
    prefix: str
    flags: tuple[str, ...]

    @property
    def compiler(self) -> str | None:
        """Path of its C compiler, or None where it is not installed."""
        return shutil.which(f"{self.prefix}gcc")

    def tool(self, name: str, *arguments: object) -> str:
        """Run nm or size, and return what it prints."""
        command = [f"{self.prefix}{name}", *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# Debian's compiler comes without a libc: picolibc has the headers.
RV32IMC = ("-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs")
TARGETS = (
    Target("this machine", "", ()),
    Target("Cortex-M0", "arm-none-eabi-", ("-mcpu=cortex-m0", "-mthumb")),
    Target("Cortex-M4", "arm-none-eabi-", ("-mcpu=cortex-m4", "-mthumb")),
    Target("RV32IMC", "riscv64-unknown-elf-", RV32IMC),
    Target("ATmega328P", "avr-", ("-mmcu=atmega328p",)),
)


def compile_engine(target: Target, folder: Path, *flags: str) -> list[Path]:
    """Compile every source of the engine into `folder` and return the objects."""
    objects = []
    for source in sorted((ENGINE / "src").glob("*.c")):
        objects.append(folder / f"{source.stem}.o")
        include = f"-I{ENGINE / 'include'}"
        command = [str(target.compiler), *FLAGS, *target.flags, *flags, include]
        command += ["-fstack-usage", "-c", str(source), "-o", str(objects[-1])]
        subprocess.run(command, check=True, cwd=folder)
    return objects


def flash_bytes(target: Target, objects: list[Path]) -> dict[str, int]:
    """Code and constants of each object."""
    lines = target.tool("size", *objects).splitlines()[1:]
    return {o.stem: sum(map(int, line.split()[:2])) for o, line in zip(objects, lines, strict=True)}


def ram_bytes(target: Target, folder: Path, *flags: str) -> int:
    """sizeof(kws_spotter)."""
    source, compiled = folder / "spotter_size.c", folder / "spotter_size.out"
    source.write_text('#include "kws.h"\nchar spotter[sizeof(kws_spotter)];\n')
    include = f"-I{ENGINE / 'include'}"
    command = [str(target.compiler), *target.flags, *flags, include, "-c", source, "-o", compiled]
    subprocess.run(list(map(str, command)), check=True)
    return int(target.tool("nm", "-S", compiled).split()[1], 16)


def stack_bytes(folder: Path) -> int:
    """The deepest of CHAINS."""
    frames: dict[str, int] = {}
    for file in folder.glob("*.su"):
        for line in file.read_text().splitlines():
            where, size, _ = line.split("\t")
            name = where.rsplit(":", 1)[1].split(".")[0]
            frames[name] = max(int(size), frames.get(name, 0))
    return max(sum(frames.get(name, 0) for name in chain) for chain in CHAINS)


def report(target: Target) -> str:
    """The bill of one processor."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flash = flash_bytes(target, compile_engine(target, folder))
        stack, ram = stack_bytes(folder), ram_bytes(target, folder)
        compile_engine(target, folder, *SMALL)
        small = f"{ram_bytes(target, folder, *SMALL)} and {stack_bytes(folder)}"
    parts = ", ".join(f"{part.removeprefix('kws_')} {size}" for part, size in flash.items())
    return (
        f"{target.name}: flash {sum(flash.values())} bytes ({parts})\n"
        f"  RAM {ram} and stack {stack} bytes; with {' '.join(SMALL)}: {small}\n"
    )


def main() -> int:
    """Print the bill of every target whose compiler is here."""
    present = [target for target in TARGETS if target.compiler]
    for target in present:
        print(report(target), end="")
    absent = [f"{target.prefix}gcc for {target.name}" for target in TARGETS if not target.compiler]
    if absent:
        print(f"not installed: {', '.join(absent)}")
    return 0 if present else 1


if __name__ == "__main__":
    sys.exit(main())
