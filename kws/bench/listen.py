"""Benchmark of `kws listen` as a person runs it, beside other detectors that are installed.

Each program reads two recordings; what the longer one takes more, by its seconds, is the price of
listening, without the price of starting.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from kws.audio.files import write_audio
from kws.bench.inputs import speech_like
from kws.bench.timing import Figure, Found, Timings, gain, missing, program_cpu_s
from kws.engine import model_file
from kws.engine.model_file import Model
from kws.errors import ToolError
from kws.support.progress import progress

Lengths = tuple[int, int]

# As the peers' own command lines read a recording, but to its end. A second at a time, as we do.
_READ = """
import sys, wave
def chunks():
    with wave.open(sys.argv[1], "rb") as file:
        while chunk := file.readframes(16_000):
            yield chunk
"""
PYMICRO = f"""{_READ}
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model
features, word = MicroWakeWordFeatures(), MicroWakeWord.from_builtin(Model.OKAY_NABU)
for chunk in chunks():
    for frame in features.process_streaming(chunk):
        word.process_streaming(frame)
"""
PYOPEN = f"""{_READ}
from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures
features, word = OpenWakeWordFeatures.from_builtin(), OpenWakeWord.from_builtin(Model.OKAY_NABU)
for chunk in chunks():
    for frame in features.process_streaming(chunk):
        for posterior in word.process_streaming(frame):
            pass
"""


def bench_listen(
    model: Model, lengths_s: Lengths, slow_lengths_s: Lengths, rounds: int, peers: str = ""
) -> Found:
    """CPU time of programs that listen to a recording, per second of it, and that of their start.

    peers: the Python that runs the other detectors, "" this one; slow_lengths_s: the recordings
    for those that take tens of milliseconds per second.
    """
    python = peers or sys.executable
    program_cpu_s([python, "-c", ""])
    programs: dict[str, tuple[list[str], Lengths]] = {}
    notes = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model_file.save(folder / "model.kws", model.data)
        listen = [sys.executable, "-m", "kws", "listen", str(folder / "model.kws"), "--json"]
        programs["kws listen"] = (listen, lengths_s)
        for peer, script, lengths in (
            ("pymicro-wakeword", PYMICRO, lengths_s),
            ("pyopen-wakeword", PYOPEN, slow_lengths_s),
        ):
            if _can_import(python, peer.replace("-", "_")):
                programs[peer] = ([python, "-c", script], lengths)
            else:
                notes.append(missing(peer))
        for seconds in sorted({s for _, lengths in programs.values() for s in lengths}):
            write_audio(folder / f"{seconds}.wav", speech_like(seconds))
        per_second, start = _measure(programs, folder, rounds)
    return _figures(per_second, start, lengths_s), notes


def _can_import(python: str, module: str) -> bool:
    try:
        program_cpu_s([python, "-c", f"import {module}"])
    except ToolError:
        return False
    return True


def _measure(
    programs: dict[str, tuple[list[str], Lengths]], folder: Path, rounds: int
) -> tuple[Timings, Timings]:
    """Return the CPU seconds for a second of audio, and for the start, in each round."""
    per_second: Timings = {name: [] for name in programs}
    start: Timings = {name: [] for name in programs}
    for _ in progress(rounds, label="listen", unit="rounds"):
        for name, (command, (short, long)) in programs.items():
            first = program_cpu_s([*command, str(folder / f"{short}.wav")])
            second = program_cpu_s([*command, str(folder / f"{long}.wav")])
            slope = max((second - first) / (long - short), 1e-9)
            per_second[name].append(slope)
            start[name].append(max(first - slope * short, 1e-9))
    return per_second, start


def _figures(per_second: Timings, start: Timings, lengths_s: Lengths) -> list[Figure]:
    figures = []
    over = "pymicro-wakeword"
    for name in per_second:
        ms = statistics.median(per_second[name]) * 1e3
        times = gain(per_second, name, over) if over in per_second and name != over else None
        unit = "ms of CPU per s of audio"
        figures.append(Figure(name, ms, unit, times, over if times else ""))
    for name in start:
        ms = statistics.median(start[name]) * 1e3
        figures.append(Figure(f"{name}, start", ms, "ms of CPU"))
    return figures
