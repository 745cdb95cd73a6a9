"""The deepest stack of the engine: every call of the linked code, and every function's frame.

The calls are read from the disassembly, so that no function can be left out, the library's and
assembly's neither. A frame is what GCC states of what it compiled (-fstack-usage), or what the
instructions push where that is more: in libraries and assembly. What cannot be bounded is refused:
a call through a pointer, recursion, a frame of unknown size.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from bill.targets import Target

SYMBOL = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\t(\S+)\s*(.*)$")
PLACE = re.compile(r"<([^>+@]+)(?:@plt)?(\+0x[0-9a-f]+)?>")
JUMP = re.compile(
    r"(bnd |notrack )?(b|bl|blx|b[a-z]{2}|cbn?z|j\w*|c\.j\w*|r?jmp|r?call\w*|br\w\w)(\.[nw])?$"
)
CALL = re.compile(r"(bl|blx|jalr?|r?call\w*|e?icall)$")
INDIRECT = re.compile(r"(blx|jalr|e?icall|call\w*)$")
LEAVES = re.compile(r"(bx|udf|ret\w*|r?jmp|b|b\.n|b\.w|j|jr|c\.j|tail|pop|ldmia\.w)$")
PADDING = ("movs", "r0, r0")  # zeros, read as an Arm's instruction
NO_INSTRUCTION = re.compile(r"(\.\w+|nop\w*|xchg)$")


class UnboundedStackError(Exception):
    """The stack has no bound that could be computed; says why."""


@dataclass
class Function:
    """Whom a function calls or jumps to, and what its own instructions push."""

    calls: set[str] = field(default_factory=set)
    pushed: int = 0
    calls_pointer: bool = False
    calls_itself: bool = False


def base_name(symbol: str) -> str:
    """The function as written, of a symbol that GCC made of a part or a copy of it."""
    return symbol.split(".")[0] or symbol


def stated_frames(usage: str) -> dict[str, int]:
    """Bytes of each function's frame, from the lines of -fstack-usage."""
    frames: dict[str, int] = {}
    for line in usage.splitlines():
        where, size, kind = line.split("\t")
        name = base_name(where.rsplit(":", 1)[1])
        if kind == "dynamic":
            raise UnboundedStackError(f"{name} has a frame whose size depends on its arguments")
        frames[name] = max(int(size), frames.get(name, 0))
    return frames


def pushed_by(mnemonic: str, operands: str) -> int:
    """Bytes by which an instruction moves the stack down: Arm, RISC-V or AVR."""
    if operands.startswith("{") and mnemonic.startswith(("push", "vpush")):
        return operands.count(",") * 4 + 4 if mnemonic[0] == "p" else operands.count(",") * 8 + 8
    if mnemonic.startswith("stmdb") and operands.startswith("sp!"):
        return operands.count(",") * 4
    if mnemonic == "push":
        return 1
    arm = re.match(r"sp, (?:sp, )?#(\d+)", operands) if mnemonic.startswith("sub") else None
    riscv = re.match(r"sp,sp,-(\d+)", operands) if mnemonic.startswith("add") else None
    if down := arm or riscv:
        return int(down[1])
    if store := re.search(r"\[sp, #-(\d+)\]!", operands):
        return int(store[1])
    return 0


def owners_of(symbols: str) -> dict[str, str]:
    """The function that each symbol of `nm -S` stands in: labels within, and second names."""
    rows = [line.split() for line in symbols.splitlines()]
    spans = sorted((int(row[0], 16), int(row[1], 16), row[3]) for row in rows if len(row) == 4)
    owners = {}
    for row in rows:
        address = int(row[0], 16)
        inside = (name for first, size, name in spans if first <= address < first + size)
        owners[row[-1]] = next(inside, row[-1])
    return owners


def functions_of(
    disassembly: str, owners: dict[str, str], return_address: int = 0
) -> dict[str, Function]:
    """Every function of objdump's output; `return_address`: bytes that a call itself pushes."""
    functions: dict[str, Function] = {}
    name, falls_through = "", False
    for line in disassembly.splitlines():
        if symbol := SYMBOL.match(line):
            owner = owners.get(symbol[1], symbol[1])
            if falls_through and owner != name:
                functions[name].calls.add(owner)
            name, falls_through = owner, True
            functions.setdefault(name, Function(pushed=return_address))
        elif name and (found := INSTRUCTION.match(line)):
            mnemonic, operands = found[1], found[2]
            if NO_INSTRUCTION.match(mnemonic) or (mnemonic, operands) == PADDING:
                continue
            falls_through = not LEAVES.match(mnemonic) and not operands.startswith("pc")
            place = PLACE.search(operands)
            to = owners.get(place[1], place[1]) if place else None
            _follow(functions[name], name, mnemonic, operands, to)
    return functions


def _follow(function: Function, name: str, mnemonic: str, operands: str, to: str | None) -> None:
    function.pushed += pushed_by(mnemonic, operands)
    if INDIRECT.match(mnemonic) and not to:
        function.calls_pointer = True
    elif to and JUMP.match(mnemonic):
        if to != name:
            function.calls.add(to)
        elif CALL.match(mnemonic) and f"<{name}>" in operands:
            function.calls_itself = True


def deepest(functions: dict[str, Function], frames: dict[str, int]) -> tuple[int, list[str]]:
    """Bytes of the deepest chain of calls below any function of `frames`, and the chain."""
    known: dict[str, tuple[int, list[str]]] = {}

    def below(name: str, callers: tuple[str, ...]) -> tuple[int, list[str]]:
        if name in callers:
            raise UnboundedStackError(f"{' calls '.join((*callers, name))}: recursion")
        if name not in known:
            function = functions.get(name, Function())
            if function.calls_pointer or function.calls_itself:
                how = "through a pointer" if function.calls_pointer else "itself"
                raise UnboundedStackError(f"{name} calls {how}")
            inner = [below(callee, (*callers, name)) for callee in sorted(function.calls)]
            deeper, chain = max(inner, key=lambda found: found[0], default=(0, []))
            own = max(frames.get(base_name(name), 0), function.pushed)
            known[name] = own + deeper, [name, *chain]
        return known[name]

    starts = [name for name in functions if base_name(name) in frames]
    return max((below(name, ()) for name in starts), key=lambda found: found[0])


def stack_of(target: Target, program: Path, folder: Path) -> tuple[int, list[str]]:
    """The deepest stack of `link_engine`'s program, compiled with -fstack-usage in `folder`."""
    frames = stated_frames("".join(file.read_text() for file in sorted(folder.glob("*.su"))))
    disassembly = target.tool("objdump", "-d", "--no-show-raw-insn", program)
    return_address = {"avr-": 2, "": 8}.get(target.prefix, 0)
    owners = owners_of(target.tool("nm", "-S", "--defined-only", program))
    functions = functions_of(disassembly, owners, return_address)
    if absent := frames.keys() - {base_name(name) for name in functions}:
        raise UnboundedStackError(f"not in the linked code: {', '.join(sorted(absent))}")
    return deepest(functions, frames)
