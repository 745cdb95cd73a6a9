"""Instructions per frame, exactly, of each stage and function of the engine in QEMU.

Every address of the program belongs to a region, a function and the stage it works for; the plugin
counts what each region executes between two frames. Inlined code belongs to the stage that it was
written for: the line numbers of the debugging information say so.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bill.build import BILL, build_counter, compile_engine, compile_sources, limits_flags, link
from bill.targets import FIRMWARE, Machine, Target
from kws.audio.samples import Samples

# The plugin's: shared routines count for their caller, the harness for nobody.
SHARED, NOBODY, MARK, FIRST = range(4)
MARK_FUNCTION = "kws_frame_done"
HARNESS = {"frames.c", "semihosting.c", "start.c", "start.S"}
# The stage of a function; what is not here has the stage of its source, and where that is not here
# either, as it holds several, the stage of its caller.
STAGE_OF_FUNCTION = {
    "fold_products": "window",
    "first_stage": "window",
    "log2_of": "log",
    "log2_q10": "log",
    "kws_natural_q7": "log",
    "kws_fft_untangle": "power",
    "untangle_places": "power",
    "power": "power",
    "project": "matrices",
}
STAGE_OF_SOURCE = {
    "kws_framing.c": "framing",
    "kws_spotter.c": "framing",
    "kws_features.c": "framing",
    "kws_tables.c": "mel",
    "kws_window.c": "window",
    "kws_window_m0.h": "window",
    "kws_window_m0.c": "window",
    "kws_fft.c": "fft",
    "kws_fft_stage_m0.h": "fft",
    "kws_points_m0.h": "fft",
    "kws_fft_m0.c": "fft",
    "kws_fft_m4.c": "fft",
    "kws_mel.c": "mel",
    "kws_mel_m0.c": "mel",
    "kws_mel_m4.h": "mel",
    "kws_cepstrum.c": "dct",
    "kws_matrix.c": "matrices",
    "kws_matrix_m4.h": "matrices",
    "kws_fastgrnn.c": "gates",
    "kws_sigmoid_m4.h": "gates",
    "kws_update_m4.h": "gates",
    "kws_detector.c": "detector",
    "kws_model.c": "detector",
}
STAGES: tuple[str, ...] = ("framing", "window", "fft", "power", "mel", "log", "dct")
STAGES += ("matrices", "gates", "detector")
SOURCES = frozenset(STAGE_OF_SOURCE)
# Rounding and the like, which every stage uses.
HELPER = re.compile(r"^static inline \S+ (\w+)\(", flags=re.M)
HELPERS = frozenset(HELPER.findall((FIRMWARE / "src" / "kws_fixed.h").read_text()))


class NoPluginsError(Exception):
    """The emulator loads no plugins; names what is needed."""


@dataclass(frozen=True)
class Region:
    """What a run of addresses belongs to: a function as linked, and a stage."""

    function: str
    stage: str


@dataclass(frozen=True)
class Frames:
    """What the engine did: instructions of each region, a row a frame, and its stack in bytes."""

    regions: tuple[Region, ...]
    counts: tuple[tuple[int, ...], ...]
    stack: int
    words: int

    @property
    def totals(self) -> list[int]:
        """Instructions of each frame."""
        return [sum(row) for row in self.counts]

    def mean(self) -> int:
        """Instructions of a mean frame, to nearest."""
        return round(sum(self.totals) / len(self.counts))

    def by_stage(self) -> dict[str, int]:
        """Instructions of a mean frame in each of STAGES."""
        found = self._sums(lambda region: region.stage)
        return {stage: round(found[stage] / len(self.counts)) for stage in STAGES}

    def by_function(self) -> dict[str, int]:
        """Instructions of a mean frame in each function as linked, what it inlined included."""
        found = self._sums(lambda region: region.function)
        return {name: round(total / len(self.counts)) for name, total in found.items()}

    def _sums(self, key: Callable[[Region], str]) -> Counter[str]:
        sums: Counter[str] = Counter()
        for region, column in zip(self.regions, zip(*self.counts, strict=True), strict=True):
            sums[key(region)] += sum(column)
        return sums


def _functions(target: Target, program: Path) -> list[tuple[int, int, str]]:
    """First address, end and name of each function of a program."""
    found = []
    for line in target.tool("nm", "-S", "--defined-only", program).splitlines():
        parts = line.split()
        if len(parts) == 4 and parts[2] in "tTwW":
            first = int(parts[0], 16)
            found.append((first, first + int(parts[1], 16), parts[3]))
    return sorted(set(found))


def _chains(target: Target, program: Path, addresses: list[int]) -> list[list[tuple[str, str]]]:
    """Of each address the functions that it lies in, the innermost first, each with its source."""
    command = [f"{target.prefix}addr2line", "-a", "-f", "-i", "-e", str(program)]
    asked = "\n".join(map(hex, addresses))
    done = subprocess.run(command, input=asked, check=True, capture_output=True, text=True)
    chains: list[list[tuple[str, str]]] = []
    lines = iter(done.stdout.splitlines())
    for line in lines:
        if line.startswith("0x"):
            chains.append([])
        else:
            where = next(lines)
            chains[-1].append((line, Path(where.rsplit(":", 1)[0]).name))
    return chains


def stage_of(chain: list[tuple[str, str]]) -> str | None:
    """The stage of code from its functions and sources, the innermost first; None: shared."""
    own = [(f, s) for f, s in chain if s in SOURCES and f not in HELPERS]
    named = (STAGE_OF_FUNCTION[function] for function, _ in own if function in STAGE_OF_FUNCTION)
    return next(named, STAGE_OF_SOURCE.get(own[0][1]) if own else None)


def map_regions(target: Target, program: Path) -> tuple[list[Region], str]:
    """The regions of a program, and the plugin's map of its addresses."""
    regions: dict[Region, int] = {}
    runs: list[list[int]] = []
    for first, end, name in _functions(target, program):
        addresses = list(range(first, end, 2))
        for address, chain in zip(addresses, _chains(target, program, addresses), strict=True):
            stage = stage_of(chain)
            if name == MARK_FUNCTION:
                number = MARK
            elif stage:
                number = regions.setdefault(Region(name, stage), len(regions) + FIRST)
            else:
                number = NOBODY if any(source in HARNESS for _, source in chain) else SHARED
            if runs and runs[-1][1:] == [address, number]:
                runs[-1][1] = address + 2
            else:
                runs.append([address, address + 2, number])
    return list(regions), "".join(f"{first:x} {end:x} {n}\n" for first, end, n in runs)


def build(target: Target, machine: Machine, folder: Path, *limits: str) -> Path:
    """The program of frames.c for a machine, with debugging information."""
    objects = compile_engine(target, folder, "-g", *limits)
    objects += compile_sources(target, folder, [BILL / "frames.c"], "-g", *limits)
    return link(target, machine, folder, objects, "-g", *limits)


def frames_in(samples: int) -> int:
    """How many frames of 32 ms, 20 ms apart, so many samples at 16 kHz complete."""
    return 1 + (samples - 512) // 320


def run(
    target: Target, machine: Machine, program: Path, folder: Path
) -> tuple[list[Region], list[tuple[int, ...]], dict[str, int]]:
    """Run a program in a folder: its regions, their counts from mark to mark, and what it said."""
    regions, runs = map_regions(target, program)
    (folder / "regions.txt").write_text(runs)
    plugin = f"{build_counter(folder)},map={folder}/regions.txt,out={folder}/counts.txt"
    command = machine.command(program, "-plugin", plugin)
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode and "plugin" in done.stderr:
        raise NoPluginsError(f"a {machine.emulator} that loads plugins of version 1")
    if done.returncode:
        sys.exit(f"{target.name} ends with {done.returncode}: {done.stderr.strip()}")
    counts = (folder / "counts.txt").read_text().splitlines()
    rows = [tuple(map(int, row.split())) for row in counts]
    said = {key: int(value) for key, value in (line.split() for line in done.stderr.splitlines())}
    return regions, rows, said


def count(target: Target, machine: Machine, model: Path, samples: Samples) -> Frames:
    """Run a model over samples (int16, at its rate) on a core in QEMU, built with its limits."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = build(target, machine, folder, *limits_flags(model))
        shutil.copyfile(model, folder / "model.kws")
        samples.astype("<i2").tofile(folder / "recording.raw")
        regions, rows, said = run(target, machine, program, folder)
    # The first row is what init did; the last call may lack samples for a frame.
    complete = rows[1 : 1 + said["frames"]]
    stack = max(said["init"], said["process"])
    return Frames(tuple(regions), tuple(complete), stack, said["words"])
