"""The C tests and one recording on every emulated core, against this machine: `make emulate`.

Usage: run.py MODEL.kws RECORDING. Every core must print what this machine prints: the hashes of all
features, states, logits and scores, and each detection.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from kws.audio import read_audio

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "firmware"))
from bill.targets import EMULATED, ENGINE_SOURCES, Machine, Target  # noqa: E402

BUILD = ROOT / "build" / "emulated"
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef"]
WARNINGS += ["-pedantic", "-Werror"]
SOURCES = [
    *ENGINE_SOURCES,
    *sorted((ROOT / "tests" / "firmware").glob("test_*.c")),
    ROOT / "tests" / "firmware" / "vectors.c",
    ROOT / "tests" / "firmware" / "runner.c",
    ROOT / "tests" / "emulated" / "main.c",
]
INCLUDES = ("firmware/include", "firmware/src", "firmware/ports/semihosting", "tests/firmware")
SEMIHOSTED = ROOT / "tests" / "emulated" / "port_semihosting.c"
# Limits as a chip of 16 KB of RAM sets them; they refuse some of the test models.
SMALL = ("-DKWS_MAX_HIDDEN=64", "-DKWS_MAX_CLASSES=4", "-DKWS_MIN_HOP=320")
SMALL_MACHINES = ("microbit",)
TIMEOUT_S = 300


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


def limits(machine: Machine) -> tuple[str, ...]:
    """The limits that a machine has room for."""
    return SMALL if machine.name in SMALL_MACHINES else ()


def on(target: Target, machine: Machine) -> tuple[int, list[str]]:
    """What a core prints."""
    program = BUILD / f"{machine.name}.elf"
    flags = (*target.flags, *limits(machine), *machine.linking)
    sources = [*SOURCES, SEMIHOSTED, *machine.sources]
    _compile(f"{target.prefix}gcc", flags, sources, program)
    return _outcome(machine.command(program))


def main(model: str, recording: str) -> None:
    """Run all cores that can be run here; the exit status tells whether all agreed."""
    BUILD.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, BUILD / "model.kws")
    read_audio(recording).tofile(BUILD / "recording.raw")
    expected = {small: on_this_machine(small) for small in ((), SMALL)}
    print(f"this machine: {expected[()][-1]}")
    failed, lacking = [], set()
    for target in EMULATED:
        machine = target.machine
        if lack := target.missing():
            lacking.add(lack)
            print(f"{target.name:11} not run: install {lack}")
            continue
        started = time.perf_counter()
        status, lines = on(target, machine)
        wanted = expected[limits(machine)]
        same = status == 0 and lines == wanted
        summary = next((line for line in lines if "failed checks" in line), "no tests ran")
        heard = sum(line.startswith("word ") for line in lines)
        took_s = time.perf_counter() - started
        verdict = "every integer the same" if same else "DIFFERS"
        print(
            f"{target.name:11} {machine.name:11} {summary}; {heard} detections, "
            f"{verdict} ({took_s:.1f} s)"
        )
        if not same:
            failed.append(target.name)
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
