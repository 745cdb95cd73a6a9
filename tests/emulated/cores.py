"""The cores that can be emulated: how each is compiled for, and what runs its program."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "firmware"))
from bill.targets import (  # noqa: E402
    ATMEGA328P,
    EMULATED,
    ENGINE_SOURCES,
    PORTS,
    SEMIHOSTING,
    Machine,
    Target,
)

BUILD = ROOT / "build" / "emulated"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-Werror")
STRICT = ("-std=c99", "-pedantic")
SOURCES = (
    *ENGINE_SOURCES,
    *sorted((ROOT / "tests" / "c" / "engine").glob("test_*.c")),
    ROOT / "tests" / "c" / "engine" / "vectors.c",
    ROOT / "tests" / "c" / "engine" / "runner.c",
    ROOT / "tests" / "emulated" / "main.c",
)
INCLUDES = ("firmware/include", "firmware/src", "firmware/ports/semihosting", "tests/c/engine")
SEMIHOSTED = (
    ROOT / "tests" / "emulated" / "port_semihosting.c",
    SEMIHOSTING,
)
AVR_TOOLS = ("gcc-avr avr-libc", "libsimavr-dev")
SIMAVR = "simavr"  # not its program: machine.c, which is compiled with its library
# Limits as a chip of 16 KB of RAM sets them; they refuse some of the test models.
SMALL = ("-DKWS_MAX_HIDDEN=64", "-DKWS_MAX_CLASSES=4", "-DKWS_MIN_HOP=320")
AT_8_KHZ = ("-DKWS_MAX_SAMPLE_RATE_HZ=8000",)
TIMEOUT_S = 1800


@dataclass(frozen=True, kw_only=True)
class Core:
    """A core: how it is compiled for, and the machine of an emulator that has it."""

    name: str
    machine: str
    compiler: str
    packages: tuple[str, str]
    flags: tuple[str, ...]
    sources: tuple[Path, ...]
    linking: tuple[str, ...]
    limits: tuple[str, ...] = ()
    language: tuple[str, ...] = STRICT
    qemu: Machine | None = None

    @property
    def rate_hz(self) -> int:
        """Of the model and the recording that it hears."""
        return 8_000 if self.limits == AT_8_KHZ else 16_000

    def missing(self) -> str:
        """What to install, or nothing."""
        tools = zip((shutil.which(self.compiler), self._emulator()), self.packages, strict=True)
        return " ".join(package for tool, package in tools if not tool)

    def run(self, folder: Path) -> tuple[int, list[str]]:
        """The exit status, and what the core prints with the files of this folder."""
        program = BUILD / f"{self.name.lower().replace(', ', '_')}.elf"
        sources = (*SOURCES, *SEMIHOSTED, *self.sources)
        flags = (*self.language, *self.limits, *self.flags, *self.linking)
        compile_for(self.compiler, flags, sources, program)
        return outcome(self._command(program), folder)

    def _emulator(self) -> str | None:
        return shutil.which(self.qemu.emulator) if self.qemu else simavr_machine()

    def _command(self, program: Path) -> list[str]:
        if self.qemu:
            return self.qemu.command(program)
        image = program.with_suffix(".bin")
        subprocess.run(["avr-objcopy", "-O", "binary", program, image], check=True)
        return [str(BUILD / SIMAVR), str(image)]


def simavr_machine() -> str | None:
    """Compile the simulated AVR; nothing where simavr's library is not installed."""
    source, program = PORTS / "simavr" / "machine.c", BUILD / SIMAVR
    probe = ["cc", "-E", "-include", "simavr/sim_avr.h", "-x", "c", "/dev/null"]
    if not shutil.which("cc") or subprocess.run(probe, capture_output=True).returncode:
        return None
    # libsimavr's own headers are not ours to warn about.
    flags = ("-std=gnu99", "-O2", "-Wall", "-Wextra", "-Werror")
    command = ["cc", *flags, str(source), "-lsimavr", "-lm", "-o", str(program)]
    subprocess.run(command, check=True)
    return str(program)


def compile_for(
    compiler: str, flags: tuple[str, ...], sources: tuple[Path, ...], out: Path
) -> None:
    """Compile and link a program."""
    includes = [f"-I{ROOT / folder}" for folder in INCLUDES]
    command = [compiler, "-Os", *WARNINGS, *includes, *map(str, sources), *flags, "-o", str(out)]
    subprocess.run(command, check=True)


def outcome(command: list[str], folder: Path) -> tuple[int, list[str]]:
    """The exit status, and the lines that the program wrote."""
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    )
    return done.returncode, done.stderr.splitlines()


def _qemu(target: Target, machine: Machine) -> Core:
    return Core(
        name=target.name,
        machine=machine.name,
        compiler=f"{target.prefix}gcc",
        packages=(target.packages, machine.package),
        flags=(*target.flags, target.optimization),
        sources=tuple(source for source in machine.sources if source not in SEMIHOSTED),
        linking=machine.linking,
        limits=SMALL if target.name == "Cortex-M0" else (),
        qemu=machine,
    )


def _avr(name: str, limits: tuple[str, ...], *flags: str, **settings: Any) -> Core:
    assembly = ATMEGA328P.assembly if "-DKWS_AVR_ASSEMBLY" in flags else ()
    return Core(
        name=name,
        machine="atmega2560",
        compiler="avr-gcc",
        packages=AVR_TOOLS,
        flags=("-mmcu=atmega2560", *flags),
        sources=(*assembly, PORTS / "simavr" / "start.c"),
        linking=("-Wl,--defsym,__stack=0xffff", "-Wl,--defsym,__DATA_REGION_LENGTH__=0xfe00"),
        limits=limits,
        **settings,
    )


CORES = (
    *(_qemu(target, target.machine) for target in EMULATED if target.machine),
    # GNU C has the tables and the models in flash, and the frame's loops are the assembly's.
    _avr("AVR", AT_8_KHZ, "-DKWS_AVR_ASSEMBLY", language=("-std=gnu99",)),
    # Strict C99 has all in RAM, and hears 16 kHz, for which no AVR has the time.
    _avr("AVR, C99", SMALL, "-O2"),
)
