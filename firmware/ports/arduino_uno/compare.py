"""Run the image that `kws deploy` writes in simavr, and compare every score with the host's.

    python firmware/ports/arduino_uno/compare.py models/athena_8k RECORDING... [--seconds N]

The recordings, in a row, are cut to the ADC's ten bits for both.  Prints what differs and what the
chip needed; status 1 where a score or a detection differs, or a sample was lost.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kws.audio.files import find_audio, read_audio
from kws.device.deploy import deploy
from kws.engine import batch, model_file
from kws.engine.model_file import Model
from kws.errors import KwsError

PORT = Path(__file__).resolve().parent
BUILD = PORT.parents[2] / "build" / "uno"
STEP = 64  # of the ADC, in int16
FIRST_COMMAND_S = 0.005  # before the first frame is complete
LAST_FRAME_S = 0.04  # after the last sample its frame's score has been said


def ten_bits(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return what the ADC tells apart, as int16."""
    return samples // STEP * STEP


def recordings(paths: list[Path], seconds: float | None) -> NDArray[np.int16]:
    """Read files and folders in a row, up to `seconds`."""
    rate_hz, parts, total = 8_000, [], 0
    files = [file for path in paths for file in (find_audio(path) if path.is_dir() else [path])]
    for file in files:
        parts.append(read_audio(file, rate_hz))
        total += len(parts[-1])
        if seconds is not None and total >= seconds * rate_hz:
            break
    whole = np.concatenate(parts)
    return whole if seconds is None else whole[: round(seconds * rate_hz)]


def simulate(image: Path, samples: NDArray[np.int16], *options: str) -> list[str]:
    """Return the lines that the board says of these samples; the last is the account."""
    simulator = BUILD / "simulate"
    build = ["make", "--no-print-directory", "-C", str(PORT), f"BUILD={BUILD}"]
    made = subprocess.run([*build, str(simulator)], capture_output=True, text=True, check=False)
    if made.returncode:
        raise KwsError(
            "simavr is needed to run the image: apt-get install gcc libsimavr-dev "
            f"({made.stderr.strip().splitlines()[-1]})."
        )
    with tempfile.NamedTemporaryFile(suffix=".raw") as raw:
        raw.write(samples.astype("<i2").tobytes())
        raw.flush()
        command = [str(simulator), str(image), raw.name, *options]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise KwsError(f"The simulation failed: {run.stderr.strip() or run.stdout[-200:]}")
    return [line for line in run.stdout.splitlines() if not line.startswith("Loaded ")]


def compare(model: Model, image: Path, samples: NDArray[np.int16]) -> dict[str, Any]:
    """Run samples on the board and here: frames, detections, how many differ, and the account."""
    last_command_s = len(samples) / 8_000 + LAST_FRAME_S
    commands = ("--line", str(FIRST_COMMAND_S), "s 1", "--line", str(last_command_s), "?")
    lines = simulate(image, samples, *commands)
    heard = batch.scores(model, ten_bits(samples))
    expected = [" ".join(map(str, ("s", frame, *row))) for frame, row in enumerate(heard.tolist())]
    detections = [f"d {frame} {word} {score}" for frame, word, score in batch.detect(model, heard)]
    # The tail of silence that the simulation adds may complete frames that the recording did not.
    said, found = (
        [
            line
            for line in lines
            if re.match(f"{letter} [0-9]+ ", line) and _frame(line) < len(heard)
        ]
        for letter in "sd"
    )
    pairs = zip(expected, said, strict=False)
    missing = abs(len(expected) - len(said))
    differing = sum(ours != theirs for ours, theirs in pairs) + missing
    # What was lost when "?" came; saying all that takes the time of a frame itself.
    told = max(at for at, line in enumerate(lines) if line.startswith("kws "))
    lost = next(line for line in lines[told:] if line.startswith("o ")).split()[1:]
    account = next(line for line in lines if line.startswith("simulated "))
    return {
        "frames": len(expected),
        "scores_that_differ": differing,
        "detections": len(detections),
        "detections_that_differ": len(set(detections) ^ set(found)),
        "samples_lost": int(lost[0]),
        "lines_skipped": int(lost[1]),
        **json.loads(account.removeprefix("simulated ")),
    }


def _frame(line: str) -> int:
    return int(line.split()[1])


def main() -> int:
    """Parse, build, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("recordings", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, help="of the recordings, from the beginning")
    options = parser.parse_args()
    try:
        model = model_file.load(options.model)
        image = deploy([options.model], "uno", BUILD).file
        result = compare(model, image, recordings(options.recordings, options.seconds))
    except KwsError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=1))
    wrong = ("scores_that_differ", "detections_that_differ", "samples_lost", "lines_skipped")
    return 1 if any(result[name] for name in wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
