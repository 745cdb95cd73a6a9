"""The processors that the engine is compiled for, and the machines of QEMU that run it.

The bill, the tests of the firmware and `make emulate` share these definitions.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
PORTS = FIRMWARE / "ports"
ENGINE_SOURCES = tuple(sorted((FIRMWARE / "src").rglob("*.c")))
SEMIHOSTING = PORTS / "semihosting" / "semihosting.c"
HEY_CORTANA = ROOT / "models" / "hey_cortana" / "hey_cortana.kws"
ATHENA_8K = ROOT / "models" / "athena_8k" / "athena_8k.kws"
RECORDING = ROOT / "data" / "sample" / "stream" / "held_out.opus"
SMALL, FAST = "-Os", "-O2"  # flash is what is short, or time


@dataclass(frozen=True)
class Machine:
    """A machine of QEMU: how a program is linked for it, and what runs it."""

    name: str
    emulator: str
    package: str
    sources: tuple[Path, ...]
    linking: tuple[str, ...]

    def command(self, program: Path, *options: str) -> list[str]:
        """The command that runs a program: its text on stderr, its exit status passed on."""
        semihosting = ["-semihosting-config", "enable=on,target=native"]
        bios = ["-bios", "none"] if self.name == "virt" else []
        quiet = ["-display", "none", "-monitor", "none", "-serial", "null"]
        command = [self.emulator, "-M", self.name, *quiet, *semihosting, *bios, *options]
        return [*command, "-kernel", str(program)]


@dataclass(frozen=True)
class Target:
    """A processor: the prefix of its tools, the flags that choose it, its machine if any."""

    name: str
    prefix: str
    flags: tuple[str, ...]
    packages: str
    machine: Machine | None = None
    model: Path = HEY_CORTANA  # the one of 1 KB that it is measured with, and its limits
    assembly: tuple[Path, ...] = ()  # loops of the engine for this processor and that model
    optimization: str = SMALL

    @property
    def compiler(self) -> str | None:
        """Path of its C compiler, or None where it is not installed."""
        return shutil.which(f"{self.prefix}gcc")

    def missing(self) -> str:
        """What to install to compile for it and to run it, or nothing."""
        lacking = [] if self.compiler else [self.packages]
        if self.machine and not shutil.which(self.machine.emulator):
            lacking.append(self.machine.package)
        return " ".join(lacking)

    def version(self) -> str:
        """The compiler's own name, version and triple, such as two machines compare."""
        stated = self.tool("gcc", "--version").splitlines()[0]
        return f"{stated} {self.tool('gcc', '-dumpmachine').strip()}"

    def tool(self, name: str, *arguments: object) -> str:
        """Run gcc, nm, size and the like, and return what it prints."""
        command = [f"{self.prefix}{name}", *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _arm(
    name: str, machine: str, cpu: str, flash: str, ram: str, *flags: str, optimization: str = SMALL
) -> Target:
    names, values = ("flash", "flash_bytes", "ram", "ram_bytes"), (*flash.split(), *ram.split())
    places = zip(names, values, strict=True)
    symbols = tuple(f"-Wl,--defsym,kws_{name}={value}" for name, value in places)
    port = PORTS / "qemu_cortex_m"
    return Target(
        name,
        "arm-none-eabi-",
        (f"-mcpu={cpu}", "-mthumb", *flags),
        "gcc-arm-none-eabi libnewlib-arm-none-eabi",
        Machine(
            machine,
            "qemu-system-arm",
            "qemu-system-arm",
            (SEMIHOSTING, port / "start.c"),
            ("-nostartfiles", "-T", str(port / "board.ld"), *symbols, "--specs=nosys.specs"),
        ),
        optimization=optimization,
    )


RV32IMC = Target(
    "RV32IMC",
    "riscv64-unknown-elf-",
    # Debian's compiler comes without a libc: picolibc has the headers.
    ("-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs"),
    "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
    Machine(
        "virt",
        "qemu-system-riscv32",
        "qemu-system-misc",
        (SEMIHOSTING, PORTS / "qemu_riscv" / "start.S"),
        (
            "-nostartfiles",
            "-Wl,--no-warn-rwx-segments",
            "-T",
            str(PORTS / "qemu_riscv" / "board.ld"),
        ),
    ),
)
SP = ("-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
DP = ("-mfloat-abi=hard", "-mfpu=fpv5-sp-d16")
MPS2 = ("0x0 0x400000", "0x20000000 0x400000")
AN505 = ("0x10000000 0x400000", "0x38000000 0x400000")
AN547 = ("0x0 0x80000", "0x20000000 0x80000")
EMULATED = (
    _arm("Cortex-M0", "microbit", "cortex-m0", "0x0 0x40000", "0x20000000 0x4000"),
    _arm("Cortex-M3", "mps2-an385", "cortex-m3", *MPS2),
    _arm("Cortex-M4", "mps2-an386", "cortex-m4", *MPS2, *SP, optimization=FAST),
    _arm("Cortex-M7", "mps2-an500", "cortex-m7", *MPS2, *DP, optimization=FAST),
    _arm("Cortex-M33", "mps2-an505", "cortex-m33", *AN505, *DP, optimization=FAST),
    _arm("Cortex-M55", "mps3-an547", "cortex-m55", *AN547, "-mfloat-abi=hard", optimization=FAST),
    RV32IMC,
)
# The AVR's tables stay in flash where GNU C names that address space.
ATMEGA328P = Target(
    "ATmega328P",
    "avr-",
    ("-mmcu=atmega328p", "-std=gnu99"),
    "gcc-avr avr-libc",
    model=ATHENA_8K,
    assembly=tuple(sorted((FIRMWARE / "src" / "avr").glob("*.S"))),
)
THIS_MACHINE = Target("this machine", "", (), "gcc libc6-dev")
TARGETS = (*EMULATED, ATMEGA328P, THIS_MACHINE)
