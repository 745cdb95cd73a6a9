"""Compiling the engine for a target, and linking the program that the counter watches."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from bill.targets import ENGINE_SOURCES, FIRMWARE, PORTS, Machine, Target
from kws.device import footprint
from kws.engine import model_file

BILL = Path(__file__).resolve().parent
FLAGS = ("-std=c99", "-ffunction-sections", "-fdata-sections")
WARNINGS = "-std=c99 -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wvla -Wundef"
STRICT = (*WARNINGS.split(), "-pedantic", "-Werror")
INCLUDES = tuple(f"-I{folder}" for folder in (FIRMWARE / "include", PORTS / "semihosting"))


def limits_flags(model: Path) -> tuple[str, ...]:
    """The compiler's flags for the limits of a model, those that an export of it has."""
    limits = footprint.limits_of(model_file.load(model))
    return tuple(f"-D{name}={value}" for name, value in limits.items())


def _compiler(target: Target, *flags: str) -> tuple[str, ...]:
    """The command of a target's compiler, with the flags of the bill."""
    common = (*FLAGS, target.optimization, *target.flags, *flags, *INCLUDES)
    return (str(target.compiler), *common)


def compile_engine(target: Target, folder: Path, *flags: str) -> list[Path]:
    """Compile every source of the engine into `folder` and return the objects."""
    return compile_sources(target, folder, ENGINE_SOURCES, *flags)


def compile_sources(
    target: Target, folder: Path, sources: Iterable[Path], *flags: str
) -> list[Path]:
    """Compile sources into `folder` with the flags of the bill and return the objects."""
    objects = []
    for source in sources:
        objects.append(folder / f"{source.stem}.o")
        command = [*_compiler(target, *flags), "-c", str(source), "-o", str(objects[-1])]
        subprocess.run(command, check=True, cwd=folder)
    return objects


def link(target: Target, machine: Machine, folder: Path, objects: list[Path], *flags: str) -> Path:
    """Link objects with what the machine needs and return the program."""
    program = folder / f"{machine.name}.elf"
    command = [*_compiler(target, *flags), "-Wl,--gc-sections"]
    command += [*map(str, objects), *map(str, machine.sources), *machine.linking]
    subprocess.run([*command, "-o", str(program)], check=True, cwd=folder)
    return program


def link_engine(target: Target, folder: Path, objects: list[Path]) -> Path:
    """Link all of the engine and what it calls of libraries into a file to be looked at."""
    program = folder / "engine.elf"
    command = [str(target.compiler), *target.flags, *map(str, objects), "-nostartfiles"]
    command += ["-Wl,-e,kws_spotter_init_checked,--no-gc-sections", "-o", str(program)]
    subprocess.run(command, check=True, cwd=folder)
    return program


def build_counter(folder: Path) -> Path:
    """The plugin that counts, built for this machine."""
    library = folder / "counter.so"
    command = ["cc", *STRICT, "-O2", "-shared", "-fPIC", str(BILL / "counter.c")]
    subprocess.run([*command, "-o", str(library)], check=True)
    return library
