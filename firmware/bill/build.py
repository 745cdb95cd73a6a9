"""Compiling the engine for a target, and linking the program that the counter watches."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from bill.targets import ENGINE_SOURCES, FIRMWARE, OPTIMIZATION, PORTS, Machine, Target

BILL = Path(__file__).resolve().parent
FLAGS = ("-std=c99", OPTIMIZATION, "-ffunction-sections", "-fdata-sections")
INCLUDES = tuple(f"-I{folder}" for folder in (FIRMWARE / "include", PORTS / "semihosting"))


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
        command = [str(target.compiler), *FLAGS, *target.flags, *flags, *INCLUDES]
        command += ["-c", str(source), "-o", str(objects[-1])]
        subprocess.run(command, check=True, cwd=folder)
    return objects


def link(target: Target, machine: Machine, folder: Path, objects: list[Path], *flags: str) -> Path:
    """Link objects with what the machine needs and return the program."""
    program = folder / f"{machine.name}.elf"
    command = [str(target.compiler), *FLAGS, *target.flags, *flags, *INCLUDES, "-Wl,--gc-sections"]
    command += [*map(str, objects), *map(str, machine.sources), *machine.linking]
    subprocess.run([*command, "-o", str(program)], check=True, cwd=folder)
    return program


def build_counter(folder: Path) -> Path | None:
    """The plugin that counts, built for this machine, or None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "counter.so"
    command = [compiler, "-std=c99", "-O2", "-shared", "-fPIC", str(BILL / "counter.c")]
    subprocess.run([*command, "-o", str(library)], check=True)
    return library
