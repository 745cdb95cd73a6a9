"""The bill for people: the page beside the firmware, the line of the results, the targets."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bill.board import CYCLES_A_FRAME, SECONDS
from bill.instructions import STAGES
from bill.measure import Core, Table
from bill.targets import FAST, SMALL, TARGETS
from kws.support.text import markdown_table

Rows = list[list[str]]
Writer = Callable[[Sequence[str], Sequence[Sequence[object]]], str]
MEMORY_HEADER = ("processor", "code", "tables", "library", "model", "flash", "RAM", "stack")
BEGIN, END = "<!-- bill: written by make size-renew -->", "<!-- /bill -->"
RESULTS_LINE = re.compile(r"^\| .* \| `make size` \|$", flags=re.M)


def flash(core: Core, group: str) -> int:
    """Bytes of code, tables, library and, where its size is known, model."""
    figures = core["figures"][group]
    return sum(figures.get(part, 0) for part in ("code", "tables", "library", "model"))


def memory_rows(table: Table, group: str) -> Rows:
    """Cells under MEMORY_HEADER, bytes."""
    rows = []
    for name, core in table.items():
        figures = core["figures"][group]
        parts = [figures.get(part) for part in ("code", "tables", "library", "model")]
        numbers = (*parts, flash(core, group), figures["ram"], figures["stack"])
        rows.append([name, *("" if n is None else f"{n:,}" for n in numbers)])
    return rows


def instruction_rows(table: Table) -> tuple[list[str], Rows]:
    """Header and cells: a column a core that counts, a row a stage."""
    counted = {name: core for name, core in table.items() if "instructions" in core["figures"]}
    rows = []
    for row in (*STAGES, "mean", "worst"):
        label = {"mean": "whole frame", "worst": "worst frame"}.get(row, row)
        numbers = (core["figures"]["instructions"][row] for core in counted.values())
        rows.append([label, *(f"{n:,}" for n in numbers)])
    return ["stage", *counted], rows


@dataclass(frozen=True)
class Goal:
    """What a figure must and is to be at most."""

    what: str
    must: int
    aim: int
    unit: str
    figure: Callable[[Table], int | None]

    def row(self, table: Table) -> list[str]:
        """Cells: what, measured, must, aim."""
        measured = self.figure(table)
        if measured is None:
            return [self.what, "not measured", f"{self.must:,}{self.unit}", f"{self.aim:,}"]
        met = ("missed", "met")
        bounds = (self.must, self.aim)
        verdicts = [f"{bound:,}{self.unit}: {met[measured <= bound]}" for bound in bounds]
        return [self.what, f"{measured:,}{self.unit}", *verdicts]


def _figure(core: str, group: str, name: str) -> Callable[[Table], int | None]:
    def read(table: Table) -> int | None:
        return table[core]["figures"].get(group, {}).get(name) if core in table else None

    return read


def _largest_ram_and_stack(table: Table) -> int | None:
    cores = [core["figures"] for name, core in table.items() if name.startswith("Cortex-M")]
    sums = (f["one_kilobyte"]["ram"] + f["one_kilobyte"]["stack"] for f in cores)
    return max(sums, default=None)


def _flash_of_m0(table: Table) -> int | None:
    return flash(table["Cortex-M0"], "one_kilobyte") if "Cortex-M0" in table else None


GOALS = (
    Goal("RAM and stack, the largest Cortex-M", 4_096, 2_048, " bytes", _largest_ram_and_stack),
    Goal("flash, model included, Cortex-M0", 12_288, 8_192, " bytes", _flash_of_m0),
    Goal(
        "instructions, worst frame, Cortex-M0",
        130_000,
        60_000,
        "",
        _figure("Cortex-M0", "instructions", "worst"),
    ),
    Goal(
        "instructions, worst frame, Cortex-M4",
        40_000,
        20_000,
        "",
        _figure("Cortex-M4", "instructions", "worst"),
    ),
    Goal("Uno's image: RAM in all", 2_048, 1_280, " bytes", _figure("ATmega328P", "board", "ram")),
    Goal(
        "Uno's image: cycles awake a frame",
        CYCLES_A_FRAME,
        CYCLES_A_FRAME // 2,
        "",
        _figure("ATmega328P", "board", "cycles"),
    ),
)
GOAL_HEADER = ("whole pipeline, model of 1 KB, 20 ms hop", "measured", "must", "aim")


def report(table: Table, frames: int, write: Writer) -> str:
    """The tables, with `write` for each: headings, memory twice, instructions, goals."""
    fast = ", ".join(target.name for target in TARGETS if target.optimization == FAST)
    parts = [
        f"With the limits of a model of 1 KB (`hey_cortana`; on the ATmega328P `athena_8k` and "
        f"its assembly), bytes, {FAST} on {fast}, {SMALL} elsewhere:",
        write(MEMORY_HEADER, memory_rows(table, "one_kilobyte")),
        "With the default limits, which hold any model:",
        write(MEMORY_HEADER, memory_rows(table, "any_model")),
    ]
    header, rows = instruction_rows(table)
    if len(header) > 1:
        parts.append(f"Instructions of a frame, mean of {frames:,}:")
        parts.append(write(header, rows))
    if figures := table.get("ATmega328P", {"figures": {}})["figures"].get("board"):
        parts.append(
            f"The Uno's whole image with `athena_8k`, {SECONDS} s of speech in simavr: "
            f"{figures['ram']:,} bytes of RAM, {figures['cycles']:,} cycles awake a frame of "
            f"{CYCLES_A_FRAME:,}, the longest {figures['longest_cycles']:,}."
        )
    parts.append(write(GOAL_HEADER, [goal.row(table) for goal in GOALS]))
    return "\n\n".join(parts)


def _pair(table: Table, read: Callable[[Core], int], divisor: int = 1) -> str:
    values = [read(table[name]) for name in ("Cortex-M0", "Cortex-M4")]
    m0, m4 = (f"{value / divisor:,.{1 if divisor > 1 else 0}f}" for value in values)
    return f"{m0} ({m4})"


def results_line(table: Table) -> str:
    """The row about Cortex-M0 and M4 in docs/results/speed.md."""
    instructions = _pair(table, lambda core: core["figures"]["instructions"]["mean"])
    kilobytes = _pair(table, lambda core: flash(core, "one_kilobyte"), 1_000)

    def ram_and_stack(core: Core) -> int:
        return core["figures"]["one_kilobyte"]["ram"] + core["figures"]["one_kilobyte"]["stack"]

    return (
        "| Cortex-M0 (M4), whole engine and a 1 KB model: instructions per frame of 20 ms; flash; "
        f"RAM and stack | {instructions}; {kilobytes} KB; {_pair(table, ram_and_stack, 1_000)} KB "
        "([all cores](../../firmware/docs/BILL.md)) | `make size` |"
    )


def marked(document: str, table: Table, frames: int) -> str:
    """firmware/docs/BILL.md with these tables between its marks."""
    compilers = "\n".join(f"- {c}" for c in sorted({core["compiler"] for core in table.values()}))
    written = f"{report(table, frames, markdown_table)}\n\nCompilers:\n\n{compilers}"
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n{written}\n{END}{rest.partition(END)[2]}"
