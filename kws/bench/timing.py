"""What things cost: CPU time in interleaved rounds, and the machine that it was measured on.

CPU time, since other programs take wall time away; rounds of everything in turn, so that a machine
that changes its speed does so for all; medians, since a disturbed round is an outlier.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from kws.errors import ToolError
from kws.support.progress import progress

SHORTEST_S = 0.02  # a measurement repeats its work up to this
Timings = dict[str, list[float]]  # seconds, one a round, for each name


@dataclass(frozen=True)
class Figure:
    """One measured number: `value` in `unit`, so many times (`gain`) better than that of `over`."""

    name: str
    value: float
    unit: str
    gain: float | None = None
    over: str = ""


Found = tuple[list[Figure], list[str]]  # a benchmark's figures, and lines that explain them


def measure(
    works: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    label: str,
    clock: Callable[[], float] = time.process_time,
) -> Timings:
    """Return the seconds that a call of each work takes, in each round; a first call warms up."""
    repeats = {}
    for name, work in works.items():
        work()
        repeats[name] = max(1, round(SHORTEST_S / max(_seconds(work, 1, clock), 1e-6)))
    samples: Timings = {name: [] for name in works}
    for _ in progress(rounds, label=label, unit="rounds"):
        for name, work in works.items():
            samples[name].append(_seconds(work, repeats[name], clock))
    return samples


def _seconds(work: Callable[[], object], repeats: int, clock: Callable[[], float]) -> float:
    started = clock()
    for _ in range(repeats):
        work()
    return max(clock() - started, 1e-9) / repeats


def median(samples: Timings, name: str) -> float:
    """Return the median over the rounds, in seconds."""
    return statistics.median(samples[name])


def gain(samples: Timings, name: str, over: str) -> float:
    """Return how many times less `name` takes than `over`: the median of the rounds' own ratios."""
    pairs = zip(samples[name], samples[over], strict=True)
    return statistics.median(theirs / ours for ours, theirs in pairs)


def one_thread_env() -> dict[str, str]:
    """Return the environment that keeps a program's libraries on one thread."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys(names, "1")


def program_cpu_s(command: Sequence[str]) -> float:
    """Run a program on one thread; return the user and system CPU time that it took.

    ToolError where it cannot be run, or fails: with the last line that it wrote.
    """
    before = _children_cpu_s()
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **one_thread_env()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise ToolError(f"{command[0]} cannot be run: {reason}; name a program.") from None
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ToolError(f"{Path(command[0]).name} failed with status {done.returncode}: {last}")
    return max(_children_cpu_s() - before, 1e-9)


def running_cpu_s(process: int) -> float:
    """Return the CPU time of a running program, to a tick of its clock; ToolError but on Linux."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        raise ToolError(
            "This system does not tell the CPU time of a running program: leave out the benchmark "
            "serve."
        ) from None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children_cpu_s() -> float:
    try:
        import resource
    except ModuleNotFoundError:
        raise ToolError(
            "This system does not tell the CPU time of a program: leave out the benchmark listen."
        ) from None
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def machine() -> dict[str, str | int]:
    """Return what the figures depend on: processor, cores, compiler, versions."""
    from kws.network.scan._scan import ffi, lib

    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "compiler": ffi.string(lib.kws_scan_compiler()).decode(),
        "instructions": ffi.string(lib.kws_scan_isa()).decode(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "torch", "torchaudio", "librosa")},
    }


def version(package: str) -> str:
    """Return the version of an installed package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def missing(name: str, where: str = "") -> str:
    """Say how a peer that is not installed (`where`: here, unless named) joins the comparison."""
    return f"{name} is not installed{where}: pip install {name} includes it."


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if sys.platform == "linux" and cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()
