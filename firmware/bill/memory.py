"""Bytes of flash and RAM that the engine takes of a target, from its linked code."""

import subprocess
import tempfile
from pathlib import Path

from bill.build import (
    FLAGS,
    INCLUDES,
    compile_engine,
    compile_sources,
    limits_flags,
    link_engine,
)
from bill.stack import stack_of
from bill.targets import Target

LOADED = (".text", ".rodata", ".data", ".srodata", ".sdata", ".progmem")
TABLES = LOADED[1:]


def section_bytes(target: Target, files: list[Path], kinds: tuple[str, ...]) -> int:
    """Bytes of the sections whose names open with one of `kinds`."""
    lines = target.tool("size", "-A", *files).splitlines()
    columns = [line.split() for line in lines if line.startswith(kinds)]
    return sum(int(column[1]) for column in columns if ".rel." not in column[0])


def library_bytes(target: Target, program: Path, objects: list[Path]) -> int:
    """Bytes of the functions that no source of the engine holds: the compiler's and libc's."""
    stated = target.tool("nm", "--defined-only", *objects).splitlines()
    own = {line.split()[-1] for line in stated if line}
    found = {}
    for line in target.tool("nm", "-S", "--defined-only", program).splitlines():
        parts = line.split()
        if len(parts) == 4 and parts[2] in "tTwW" and parts[3] not in own:
            found[parts[0]] = int(parts[1], 16)  # two names of one function count once
    return sum(found.values())


def ram_bytes(target: Target, folder: Path, *flags: str) -> int:
    """sizeof(kws_spotter)."""
    source, compiled = folder / "spotter_size.c", folder / "spotter_size.out"
    source.write_text('#include "kws.h"\nchar spotter[sizeof(kws_spotter)];\n')
    command = [str(target.compiler), *FLAGS, *target.flags, *flags, *INCLUDES, "-c"]
    subprocess.run([*command, str(source), "-o", str(compiled)], check=True)
    symbols = target.tool("nm", "-S", compiled).splitlines()
    return next(int(line.split()[1], 16) for line in symbols if line.endswith(" spotter"))


def measure(target: Target, *flags: str, assembly: tuple[Path, ...] = ()) -> dict[str, int]:
    """Bytes of code, tables, library, ram (one kws_spotter) and stack with these flags."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        objects = compile_engine(target, folder, "-fstack-usage", *flags)
        objects += compile_sources(target, folder, assembly, *flags)
        program = link_engine(target, folder, objects)
        loaded = section_bytes(target, [program], LOADED)
        tables = section_bytes(target, objects, TABLES)
        library = library_bytes(target, program, objects)
        stack, _ = stack_of(target, program, folder)
        ram = ram_bytes(target, folder, *flags)
    code = loaded - tables - library
    return {"code": code, "tables": tables, "library": library, "ram": ram, "stack": stack}


def with_one_kilobyte(target: Target) -> dict[str, int]:
    """The same with the limits of the target's model of 1 KB, and that model's bytes."""
    flags = limits_flags(target.model)
    if target.assembly:
        flags += ("-DKWS_AVR_ASSEMBLY",)
    found = measure(target, *flags, assembly=target.assembly)
    return {**found, "model": target.model.stat().st_size}
