"""The C tests and one recording on every emulated core, against this machine: `make emulate`.

Usage: run.py MODEL.kws MODEL_8KHZ.kws RECORDING. Every core must print what this machine
prints: the hashes of all features, states, logits and scores, and each detection.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from cores import BUILD, CORES, ROOT, SOURCES, STRICT, Core, compile_for, outcome

from kws.audio.files import read_audio
from kws.engine import model_file
from kws.engine.read_weights import read_weights


def on_this_machine(limits: tuple[str, ...], folder: Path) -> list[str]:
    """What every core with these limits must print."""
    port = ROOT / "tests" / "emulated" / "port_host.c"
    program = BUILD / "host"
    compile_for("cc", (*STRICT, *limits), (*SOURCES, port), program)
    status, lines = outcome([str(program)], folder)
    if status:
        sys.exit("\n".join([*lines, "the C tests fail on this machine"]))
    return lines


def compare(core: Core, wanted: list[str], folder: Path) -> tuple[bool, str]:
    """Run a core; return whether it agrees, and a line of how it went, with what differs below."""
    started = time.perf_counter()
    status, lines = core.run(folder)
    same = status == 0 and lines == wanted
    summary = next((line for line in lines if "failed checks" in line), "no tests ran")
    heard = sum(line.startswith("word ") for line in lines)
    took_s = time.perf_counter() - started
    verdict = "every integer the same" if same else "DIFFERS"
    told = [
        f"{core.name:11} {core.machine:11} {summary}; {heard} detections, "
        f"{verdict} ({took_s:.1f} s)"
    ]
    if not same:
        odd = [line for line in lines if line not in wanted] or lines[-5:]
        told += [f"    {line}" for line in odd[:20]]
    return same, "\n".join(told)


def prepare(folder: Path, model: model_file.Model, recording: str) -> None:
    """Write what the cores read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.kws").write_bytes(model.data)
    read_audio(recording, model.features.sample_rate_hz).tofile(folder / "recording.raw")


def eager(model: model_file.Model) -> model_file.Model:
    """The same network with a lower threshold: the recording only comes close to its word."""
    detector = replace(model.detector, threshold=0.1, release=0.05, refractory_frames=25)
    weights = read_weights(model)
    return model_file.parse(model_file.encode(model.features, detector, model.classes, weights))


def main(model: str, model_8khz: str, recording: str) -> None:
    """Run all cores that can be run here; the exit status tells whether all agreed."""
    folders = {16_000: BUILD / "16khz", 8_000: BUILD / "8khz"}
    prepare(folders[16_000], model_file.load(model), recording)
    prepare(folders[8_000], eager(model_file.load(model_8khz)), recording)
    expected = {
        limits: on_this_machine(limits, folders[rate_hz])
        for limits, rate_hz in {core.limits: core.rate_hz for core in CORES}.items()
    }
    print(f"this machine: {expected[()][-1]}")
    failed, lacking = [], {core.name: lack for core in CORES if (lack := core.missing())}
    present = [core for core in CORES if core.name not in lacking]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {
            core.name: pool.submit(compare, core, expected[core.limits], folders[core.rate_hz])
            for core in reversed(present)  # those that take longest stand last
        }
        for core in CORES:
            if core.name in lacking:
                print(f"{core.name:11} not run: install {lacking[core.name]}")
                continue
            same, told = running[core.name].result()
            print(told, flush=True)
            if not same:
                failed.append(core.name)
    if lacking:
        print(f"For all cores: apt-get install {' '.join(sorted(set(lacking.values())))}")
    if failed:
        sys.exit(f"{', '.join(failed)}: not what this machine computes")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
