"""What the engine takes of a chip with a model's limits: RAM by its structs, the rest by compiling.

The RAM is the size of kws.h's own structs, laid out for the chip; a test compares it with what
each compiler says.  Flash and stack come from the chip's compiler where it is installed.
"""

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cffi import FFI

from kws.engine.model_file import Model

STRUCT = re.compile(r"typedef (?:enum|struct|union) \{.*?\} \w+;", flags=re.S)
POINTER = re.compile(r"const (?:KWS_FLASH )?(?:uint8_t|char) \*(\w+);")
DEFINE = re.compile(r"^#define (KWS_\w+) (\(.*?\)|\w+)(?=\s|$)", flags=re.M)
NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]*)"')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')


@dataclass(frozen=True)
class Chip:
    """A processor: its compiler's prefix and flags, and how it lays out a struct."""

    name: str
    prefix: str
    flags: tuple[str, ...]
    pointer_bytes: int = 4
    optimization: str = "-Os"
    packed: bool = False  # no alignment: the bytes of a struct follow each other

    @property
    def compiler(self) -> str | None:
        """Path of its C compiler, or None where it is not installed."""
        return shutil.which(f"{self.prefix}gcc")


CHIPS = (
    Chip("Cortex-M0", "arm-none-eabi-", ("-mcpu=cortex-m0", "-mthumb")),
    # Its flash is large and its time the battery's: as the boards' images and the bill have it.
    Chip("Cortex-M4", "arm-none-eabi-", ("-mcpu=cortex-m4", "-mthumb"), optimization="-O2"),
    # Debian's compiler comes without a libc: picolibc has the headers.
    Chip(
        "RV32IMC",
        "riscv64-unknown-elf-",
        ("-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs"),
    ),
    Chip("AVR, in C", "avr-", ("-mmcu=atmega2560", "-std=gnu99"), pointer_bytes=2, packed=True),
)


@dataclass(frozen=True)
class Footprint:
    """Bytes that the engine takes of one chip; None where its compiler is not installed."""

    ram: int  # one kws_spotter
    flash: int | None = None  # code and tables, without the model
    stack: int | None = None  # the deepest chain of calls below kws_spotter_process or _init
    compiler: str = ""


def limits_of(*models: Model) -> dict[str, int]:
    """Return the engine's limits, as kws.h names them, that hold these models and none larger."""
    fronts = [model.features for model in models]
    highest_hz = max(front.sample_rate_hz for front in fronts)
    with_32 = [front.sample_rate_hz == 16_000 and front.n_mels == 32 for front in fronts]
    return {
        "KWS_MAX_HIDDEN": max(model.hidden for model in models),
        "KWS_MAX_RANK": max(1, *(rank for model in models for rank in model.ranks)),
        "KWS_MAX_CLASSES": max(len(model.classes) for model in models),
        "KWS_MAX_SAMPLE_RATE_HZ": highest_hz,
        "KWS_MIN_SAMPLE_RATE_HZ": min(front.sample_rate_hz for front in fronts),
        # in samples at the highest rate
        "KWS_MIN_HOP": min(front.hop_ms for front in fronts) * highest_hz // 1000,
        "KWS_MAX_FEATURES": max(front.n_features for front in fronts),
        "KWS_WITH_32_MELS": int(any(with_32)),
    }


def struct_bytes(header: str, struct: str, chip: Chip) -> int:
    """Return the size of a struct of kws.h (its text, with its limits) on a chip."""
    text = re.sub(r"/\*.*?\*/", "", "\n".join(STRUCT.findall(header)), flags=re.S)
    text = POINTER.sub(rf"uint{8 * chip.pointer_bytes}_t \1;", text)
    constants = dict(DEFINE.findall(header))
    while names := [name for name in constants if re.search(rf"\b{name}\b", text)]:
        for name in names:
            text = re.sub(rf"\b{name}\b", constants[name], text)
    ffi = FFI()
    ffi.cdef(text, packed=chip.packed)
    return int(ffi.sizeof(struct))


@functools.lru_cache(maxsize=16)
def measure(chip: Chip, kws_h: str, kws_c: str) -> Footprint:
    """Return what the engine of these two files takes of a chip; they are compiled once."""
    ram = struct_bytes(kws_h, "kws_spotter", chip)
    if chip.compiler is None:
        return Footprint(ram)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kws.h").write_text(kws_h, encoding="utf-8")
        (folder / "kws.c").write_text(kws_c, encoding="utf-8")
        command = [chip.compiler, "-std=c99", chip.optimization, *chip.flags]
        command += ["-ffunction-sections", "-c"]
        with_graph = [*command, "-fcallgraph-info=su", "kws.c"]  # GCC 10 and later know it
        if not any(_runs(attempt, folder) for attempt in (with_graph, [*command, "kws.c"])):
            return Footprint(ram)
        sizes = _runs([f"{chip.prefix}size", "kws.o"], folder)
        version = _runs([chip.compiler, "-dumpversion"], folder)
        graph = folder / "kws.ci"
        stack = deepest_stack(graph.read_text(encoding="utf-8")) if graph.is_file() else None
    flash = sum(map(int, sizes.stdout.splitlines()[1].split()[:2])) if sizes else None
    compiler = f"{chip.prefix}gcc {version.stdout.strip() if version else ''} {chip.optimization}"
    return Footprint(ram, flash, stack, compiler)


def _runs(command: list[str], folder: Path) -> subprocess.CompletedProcess[str] | None:
    """Run a tool, and return nothing where it fails: half installed, or too old for an option."""
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return None if ran.returncode else ran


def deepest_stack(graph: str) -> int:
    """Return the bytes of stack below any function, from GCC's -fcallgraph-info=su.

    Functions of the compiler's library, whose frames it does not state, count as nothing.
    """
    frames = {}
    for name, label in NODE.findall(graph):
        stated = re.search(r"(\d+) bytes \(", label)
        frames[name] = int(stated[1]) if stated else 0
    calls: dict[str, set[str]] = {}
    for caller, callee in EDGE.findall(graph):
        calls.setdefault(caller, set()).add(callee)

    def depth(name: str, callers: tuple[str, ...] = ()) -> int:
        below = (depth(n, (*callers, name)) for n in calls.get(name, ()) if n not in callers)
        return frames.get(name, 0) + max(below, default=0)

    return max(map(depth, frames), default=0)


def table(footprints: Mapping[str, Footprint], model_bytes: int) -> str:
    """Return a Markdown table, one line a chip."""
    lines = [
        "| chip | RAM: `kws_spotter` | stack | flash: code and tables | flash: model | compiler |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name, found in footprints.items():
        flash, stack = found.flash or "not measured", found.stack or "not measured"
        compiler = found.compiler or "not installed here"
        lines.append(f"| {name} | {found.ram} | {stack} | {flash} | {model_bytes} | {compiler} |")
    return "\n".join(lines)
