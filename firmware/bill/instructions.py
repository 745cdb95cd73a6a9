"""Instructions per frame, exactly, of each stage and function of the engine in QEMU.

Every address of the program belongs to a region, a function and the stage it works for; the plugin
counts what each region executes between two frames. Inlined code belongs to the stage that it was
written for: the line numbers of the debugging information say so.
"""

import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bill.build import BILL, build_counter, compile_engine, compile_sources, link
from bill.targets import Machine, Target

# The plugin's: shared routines count for their caller, the harness for nobody.
SHARED, NOBODY, MARK, FIRST = range(4)
MARK_FUNCTION = "kws_frame_done"
# The stage of a function; what is not here has the stage of its source.
STAGE_OF_FUNCTION = {
    "apply_window": "window",
    "window_q15": "window",
    "log_mel": "mel",
    "product": "mel",
    "log2_of": "log",
    "log2_q10": "log",
    "to_natural_q7": "log",
    "dct": "dct",
    "untangle": "power",
    "power": "power",
    "project": "matrices",
}
STAGE_OF_SOURCE = {
    "kws_mfcc.c": "framing",
    "kws_spotter.c": "framing",
    "kws_features.c": "framing",
    "kws_tables.c": "framing",
    "kws_fft.c": "fft",
    "kws_matrix.c": "matrices",
    "kws_fastgrnn.c": "gates",
    "kws_detector.c": "detector",
    "kws_model.c": "detector",
}
STAGES = tuple(
    "framing window fft power mel log dct matrices gates detector".split()
)


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
    init_stack: int
    process_stack: int
    words: int

    @property
    def totals(self) -> list[int]:
        """Instructions of each frame."""
        return [sum(row) for row in self.counts]

    def mean_by(self, attribute: str) -> dict[str, float]:
        """Mean instructions a frame by `stage` or `function`."""
        sums: Counter[str] = Counter()
        for region, column in zip(self.regions, zip(*self.counts, strict=True), strict=True):
            sums[getattr(region, attribute)] += sum(column)
        return {name: total / len(self.counts) for name, total in sums.items()}


def _functions(target: Target, program: Path) -> list[tuple[int, int, str]]:
    """First address, end and name of each function of a program."""
    found = []
    for line in target.tool("nm", "-S", "--defined-only", program).splitlines():
        parts = line.split()
        if len(parts) == 4 and parts[2] in "tTwW":
            first = int(parts[0], 16) & ~1  # the bit that says Thumb
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
    for function, source in chain:
        if source in STAGE_OF_SOURCE and function in STAGE_OF_FUNCTION:
            return STAGE_OF_FUNCTION[function]
    return next((STAGE_OF_SOURCE[s] for _, s in chain if s in STAGE_OF_SOURCE), None)


def map_regions(target: Target, program: Path) -> tuple[list[Region], str]:
    """The regions of a program, and the plugin's map of its addresses."""
    harness = {"frames.c", "semihosting.c", "start.c", "start.S"}
    regions: dict[Region, int] = {}
    lines = []
    for first, end, name in _functions(target, program):
        if name == MARK_FUNCTION:
            lines.append(f"{first:x} {end:x} {MARK}")
            continue
        addresses = list(range(first, end, 2))
        for address, chain in zip(addresses, _chains(target, program, addresses), strict=True):
            stage = stage_of(chain)
            if stage is None:
                number = NOBODY if any(source in harness for _, source in chain) else SHARED
            else:
                number = regions.setdefault(Region(name, stage), len(regions) + FIRST)
            lines.append(f"{address:x} {address + 2:x} {number}")
    return list(regions), "\n".join(lines) + "\n"


def build(target: Target, machine: Machine, folder: Path, *limits: str) -> Path:
    """The program of frames.c for a machine, with debugging information."""
    objects = compile_engine(target, folder, "-g", *limits)
    objects += compile_sources(target, folder, [BILL / "frames.c"], "-g", *limits)
    return link(target, machine, folder, objects, "-g", *limits)


def count(target: Target, machine: Machine, folder: Path, program: Path) -> Frames:
    """Run a program of `build` in a folder with model.kws and recording.raw."""
    counter = build_counter(folder)
    regions, runs = map_regions(target, program)
    (folder / "regions.txt").write_text(runs)
    plugin = f"{counter},map={folder / 'regions.txt'},out={folder / 'counts.txt'}"
    done = subprocess.run(
        machine.command(program, "-plugin", plugin),
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=600,
    )
    if done.returncode:
        raise RuntimeError(f"{target.name}: exit {done.returncode}: {done.stderr}")
    said = dict(line.rsplit(" ", 1) for line in done.stderr.splitlines() if " " in line)
    rows = (folder / "counts.txt").read_text().splitlines()[1:]  # the first is what init did
    counts = tuple(tuple(map(int, row.split())) for row in rows)
    complete = counts[: int(said["frames"])]  # the last call may lack samples for a frame
    return Frames(
        tuple(regions),
        complete,
        int(said["init stack"]),
        int(said["process stack"]),
        int(said["words"]),
    )
