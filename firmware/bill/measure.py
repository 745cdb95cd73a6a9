"""The bill of one target: every figure that can be measured here, by group."""

import sys
from dataclasses import dataclass, field
from typing import TypedDict

from bill import board, memory
from bill.instructions import Frames, NoPluginsError, count
from bill.targets import RECORDING, Machine, Target
from kws.audio.samples import Samples

Figures = dict[str, dict[str, int]]  # by group and name


class Core(TypedDict):
    """What the table keeps of a target."""

    compiler: str
    figures: Figures


Table = dict[str, Core]


@dataclass
class Bill:
    """A target's figures by group and name, its compiler, and what could not be measured why."""

    target: Target
    compiler: str
    figures: Figures
    functions: dict[str, int] = field(default_factory=dict)  # instructions of a mean frame
    lacking: dict[str, str] = field(default_factory=dict)  # group: what to install

    def kept(self) -> Core:
        """What the table keeps of it."""
        return {"compiler": self.compiler, "figures": self.figures}


def instruction_figures(frames: Frames) -> dict[str, int]:
    """Instructions of the mean frame, of the worst, and of the mean one's stages."""
    return {"mean": frames.mean(), "worst": max(frames.totals), **frames.by_stage()}


def bill_of(target: Target, samples: Samples) -> Bill:
    """Measure a target whose compiler is here; samples: int16 at 16 kHz."""
    any_model = memory.measure(target)
    small = memory.with_one_kilobyte(target)
    bill = Bill(target, target.version(), {"any_model": any_model, "one_kilobyte": small})
    if target.machine and not (lacking := target.missing()):
        try:
            _count(bill, target, target.machine, samples)
        except NoPluginsError as error:
            bill.lacking["instructions"] = str(error)
    elif target.machine:
        bill.lacking["instructions"] = lacking
    if target.assembly:
        if lacking := board.missing():
            bill.lacking["board"] = lacking
        else:
            bill.figures["board"] = board.measure(RECORDING)
    return bill


def _count(bill: Bill, target: Target, machine: Machine, samples: Samples) -> None:
    frames = count(target, machine, target.model, samples)
    bound = bill.figures["one_kilobyte"]["stack"]
    if frames.stack > bound:
        sys.exit(
            f"{target.name}: {frames.stack} bytes of stack were written in QEMU, more than the "
            f"{bound} that stack.py found"
        )
    bill.figures["instructions"] = instruction_figures(frames)
    bill.functions = frames.by_function()
