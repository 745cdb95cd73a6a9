"""The C tests and one recording on every emulated core, against this machine: `make emulate`.

Usage: run.py MODEL.kws RECORDING. Every core must print what this machine prints: the hashes of all
features, states, logits and scores, and each detection.
"""

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from kws.audio import read_audio

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "emulated"
PORTS = ROOT / "firmware" / "ports"
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef"]
WARNINGS += ["-pedantic", "-Werror"]
SOURCES = [
    *sorted((ROOT / "firmware" / "src").glob("*.c")),
    *sorted((ROOT / "tests" / "firmware").glob("test_*.c")),
    ROOT / "tests" / "firmware" / "vectors.c",
    ROOT / "tests" / "firmware" / "runner.c",
    ROOT / "tests" / "emulated" / "main.c",
]
INCLUDES = ("firmware/include", "firmware/src", "firmware/ports/semihosting", "tests/firmware")
SEMIHOSTED = [
    ROOT / "tests" / "emulated" / "port_semihosting.c",
    PORTS / "semihosting" / "semihosting.c",
]
ARM_TOOLS = ("gcc-arm-none-eabi libnewlib-arm-none-eabi", "qemu-system-arm")
RISCV_TOOLS = ("gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf", "qemu-system-misc")
# Limits as a chip of 16 KB of RAM sets them; they refuse some of the test models.
SMALL = ("-DKWS_MAX_HIDDEN=64", "-DKWS_MAX_CLASSES=4", "-DKWS_MIN_HOP=320")
TIMEOUT_S = 300


@dataclass(frozen=True)
class Core:
    """A core: how it is compiled for, and the machine of QEMU that has it."""

    name: str
    machine: str
    compiler: str
    emulator: str
    packages: tuple[str, str]
    flags: tuple[str, ...]
    sources: tuple[Path, ...]
    linking: tuple[str, ...]

    def missing(self) -> str:
        """What to install, or nothing."""
        tools = zip((self.compiler, self.emulator), self.packages, strict=True)
        return " ".join(package for tool, package in tools if not shutil.which(tool))


def _arm(name: str, machine: str, cpu: str, flash: str, ram: str, *flags: str) -> Core:
    names, values = ("flash", "flash_bytes", "ram", "ram_bytes"), (*flash.split(), *ram.split())
    places = zip(names, values, strict=True)
    symbols = tuple(f"-Wl,--defsym,kws_{name}={value}" for name, value in places)
    port = PORTS / "qemu_cortex_m"
    return Core(
        name=name,
        machine=machine,
        compiler="arm-none-eabi-gcc",
        emulator="qemu-system-arm",
        packages=ARM_TOOLS,
        flags=(f"-mcpu={cpu}", "-mthumb", *flags),
        sources=(port / "start.c",),
        linking=("-nostartfiles", "-T", str(port / "board.ld"), *symbols, "--specs=nosys.specs"),
    )


SP = ("-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
DP = ("-mfloat-abi=hard", "-mfpu=fpv5-sp-d16")
MPS2 = ("0x0 0x400000", "0x20000000 0x400000")
CORES = (
    _arm("Cortex-M0", "microbit", "cortex-m0", "0x0 0x40000", "0x20000000 0x4000", *SMALL),
    _arm("Cortex-M3", "mps2-an385", "cortex-m3", *MPS2),
    _arm("Cortex-M4", "mps2-an386", "cortex-m4", *MPS2, *SP),
    _arm("Cortex-M7", "mps2-an500", "cortex-m7", *MPS2, *DP),
    _arm(
        "Cortex-M33", "mps2-an505", "cortex-m33", "0x10000000 0x400000", "0x38000000 0x400000", *DP
    ),
    _arm(
        "Cortex-M55",
        "mps3-an547",
        "cortex-m55",
        "0x0 0x80000",
        "0x20000000 0x80000",
        "-mfloat-abi=hard",
    ),
    Core(
        name="RV32IMC",
        machine="virt",
        compiler="riscv64-unknown-elf-gcc",
        emulator="qemu-system-riscv32",
        packages=RISCV_TOOLS,
        flags=("-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs"),
        sources=(PORTS / "qemu_riscv" / "start.S",),
        linking=(
            "-nostartfiles",
            "-Wl,--no-warn-rwx-segments",
            "-T",
            str(PORTS / "qemu_riscv" / "board.ld"),
        ),
    ),
)


def _compile(compiler: str, flags: tuple[str, ...], sources: list[Path], out: Path) -> None:
    includes = [f"-I{ROOT / folder}" for folder in INCLUDES]
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-Os", *WARNINGS, *includes, *map(str, sources), *flags, "-o", str(out)]
    subprocess.run(command, check=True)


def _outcome(command: list[str]) -> tuple[int, list[str]]:
    """The exit status, and the lines that the program wrote."""
    done = subprocess.run(
        command,
        cwd=BUILD,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    )
    return done.returncode, done.stderr.splitlines()


def on_this_machine(flags: tuple[str, ...] = ()) -> list[str]:
    """What every core must print, compiled with the same limits."""
    port = ROOT / "tests" / "emulated" / "port_host.c"
    program = BUILD / f"host{len(flags)}"
    _compile("cc", flags, [*SOURCES, port], program)
    status, lines = _outcome([str(program)])
    if status:
        sys.exit("\n".join([*lines, "the C tests fail on this machine"]))
    return lines


def on(core: Core) -> tuple[int, list[str]]:
    """What a core prints."""
    program = BUILD / f"{core.machine}.elf"
    _compile(
        core.compiler, (*core.flags, *core.linking), [*SOURCES, *SEMIHOSTED, *core.sources], program
    )
    semihosting = ["-semihosting-config", "enable=on,target=native"]
    if core.machine == "virt":
        semihosting += ["-bios", "none"]
    quiet = ["-display", "none", "-monitor", "none", "-serial", "null"]
    return _outcome(
        [core.emulator, "-M", core.machine, *quiet, *semihosting, "-kernel", str(program)]
    )


def main(model: str, recording: str) -> None:
    """Run all cores that can be run here; the exit status tells whether all agreed."""
    BUILD.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, BUILD / "model.kws")
    read_audio(recording).tofile(BUILD / "recording.raw")
    expected = {small: on_this_machine(small) for small in ((), SMALL)}
    print(f"this machine: {expected[()][-1]}")
    failed, lacking = [], set()
    for core in CORES:
        if lack := core.missing():
            lacking.add(lack)
            print(f"{core.name:11} not run: install {lack}")
            continue
        started = time.perf_counter()
        status, lines = on(core)
        wanted = expected[SMALL if set(SMALL) <= set(core.flags) else ()]
        same = status == 0 and lines == wanted
        summary = next((line for line in lines if "failed checks" in line), "no tests ran")
        heard = sum(line.startswith("word ") for line in lines)
        took_s = time.perf_counter() - started
        verdict = "every integer the same" if same else "DIFFERS"
        print(
            f"{core.name:11} {core.machine:11} {summary}; {heard} detections, "
            f"{verdict} ({took_s:.1f} s)"
        )
        if not same:
            failed.append(core.name)
            odd = [line for line in lines if line not in wanted] or lines[-5:]
            print("\n".join(f"    {line}" for line in odd[:20]))
    if lacking:
        print(f"For all cores: apt-get install {' '.join(sorted(lacking))}")
    if failed:
        sys.exit(f"{', '.join(failed)}: not what this machine computes")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
