"""Other detectors on your own recordings: what they miss and what they fire at, beside a model.

Each hears the same stream, in the same order, and is judged by the same rule; another detector
runs in the Python that it is installed in. It fires where its posterior reaches the threshold from
below, and not again within a second, as a model of ours does.
"""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.bench.timing import missing
from kws.corpus.sources import kept_for_testing, refuse_near_misses
from kws.engine import model_file
from kws.errors import ToolError
from kws.evaluation.operating_points import SWEEP_LOG_ODDS, least_missed, operating_point
from kws.evaluation.placed import Stream
from kws.evaluation.recording_stream import Playlist
from kws.evaluation.stream import evaluate_stream
from kws.evaluation.verdict import Hit, Verdict, judge
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.settings.model import posterior
from kws.support.text import count_of, shown, table

RATES = (0.5, 1.0, 3.0)  # false accepts an hour
REFRACTORY_S = 1.0
STEP = 1_280  # samples for each posterior: 80 ms, the step of openWakeWord

# A program says in a line what it is, then reads int16 samples and writes a float for each step.
_HEAR = f"""
while chunk := sys.stdin.buffer.read({2 * STEP}):
    best = max([0.0, *posteriors(chunk)])
    sys.stdout.buffer.write(struct.pack("<f", best))
"""
_TELL = """
import json, os, struct, sys
known = [each.value for each in Model]
if sys.argv[1] not in known:
    sys.exit(print(json.dumps({"known": known})))
def tell(files, threshold):
    size = sum(os.path.getsize(file) for file in files)
    print(json.dumps({"known": known, "bytes": size, "threshold": threshold}), flush=True)
"""
PEERS = {
    "pymicro-wakeword": f"""
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model
{_TELL}
features, word = MicroWakeWordFeatures(), MicroWakeWord.from_builtin(Model(sys.argv[1]))
tell([word.tflite_model], word.probability_cutoff)
def posteriors(chunk):
    return [word.process_streaming_prob(frame) for frame in features.process_streaming(chunk)]
{_HEAR}""",
    "pyopen-wakeword": f"""
from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures
{_TELL}
features, word = OpenWakeWordFeatures.from_builtin(), OpenWakeWord.from_builtin(Model(sys.argv[1]))
tell([word.tflite_model, features.mel_path, features.emb_path], 0.5)
def posteriors(chunk):
    return [p for frame in features.process_streaming(chunk) for p in word.process_streaming(frame)]
{_HEAR}""",
}


def compare(
    positives: Sequence[Path],
    negatives: Sequence[Path],
    *,
    python: str,
    word: str = "",
    model: str | Path | None = None,
    held_out: bool = False,
    seed: int = 0,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Play recordings to a model and to the detectors of another Python, one after the other.

    word: the detectors' own model, as `hey_jarvis`; "" for none of them. held_out: only what
    training sets aside for testing. Returns hours, positives, rates, notes and detectors [{name,
    word, bytes, threshold, missed, false_accepts, false_accepts_per_hour, missed_at}], the latter
    the least share that is missed at so many false accepts an hour (None where no threshold gives
    so few). Raises ToolError where there is nothing to compare, or a detector ends early.
    """
    refuse_near_misses(positives)
    if held_out:
        positives, negatives = kept_for_testing(positives, negatives)
    notes: list[str] = []
    described = {name: _described(python, name, word, notes) for name in PEERS if word}
    peers = {name: about for name, about in described.items() if about}
    if model is None and not peers:
        raise ToolError(" ".join(notes) or "give --model, --word of another detector, or both")
    rows: list[dict[str, Any]] = []
    if model is not None:
        file = model_file.load(model)
        figures = evaluate_stream(file, positives, negatives, seed=seed, cache=cache)
        hours, count = figures["hours"], figures["positives"]
        default, points = figures["at_default"], figures["operating_points"]
        ours = {"word": ", ".join(file.words), "bytes": len(file.data)}
        rows.append(_row("kws", ours, default, points, count))
    for name, about in peers.items():
        playlist = Playlist(positives, negatives, [word], seed=seed, cache=cache)
        heard = _heard([python, "-c", PEERS[name], word], playlist.blocks(), name)
        stream = playlist.stream
        hours, count = stream.negative_hours, len(stream.positives)
        default, *points = _points(stream, heard, word, about["threshold"])
        rows.append(_row(name, {"word": word, **about}, default, points, count))
    found = {"hours": hours, "positives": count, "rates": RATES}
    return {**found, "detectors": rows, "notes": notes}


def _described(python: str, name: str, word: str, notes: list[str]) -> dict[str, Any] | None:
    """Return bytes and threshold of a detector's model; None, and a note, where it has none."""
    command = [python, "-c", PEERS[name], word]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        about = json.loads(done.stdout)
    except OSError as refusal:
        raise ToolError(f"cannot run {python}: {refusal.strerror}; give a Python") from None
    except ValueError:
        is_missing = "ImportError" in done.stderr or "ModuleNotFoundError" in done.stderr
        told = (
            f"{name} does not run there ({_last_line(done.stderr)}): name the Python that has it."
        )
        notes.append(missing(name, " there") if is_missing else told)
        return None
    if "bytes" not in about:
        notes.append(f"{name} has no model {shown(word)!r}: it has {', '.join(about['known'])}.")
        return None
    return {key: about[key] for key in ("bytes", "threshold")}


def _heard(command: list[str], blocks: Iterator[npt.NDArray[np.int16]], name: str) -> np.ndarray:
    """Return the posterior of each step (n,) float32 that a program gives for a stream."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=errors)
        assert process.stdin is not None
        try:
            for block in blocks:
                process.stdin.write(block.astype("<i2").tobytes())
            process.stdin.close()
            failed = process.wait() != 0
        except BrokenPipeError:
            failed = True
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        if failed:
            errors.seek(0)
            told = _last_line(errors.read().decode("utf-8", "replace"))
            raise ToolError(f"{name} ended early ({told}): see whether it runs alone")
        out.seek(0)
        out.readline()
        return np.frombuffer(out.read(), "<f4")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return shown(lines[-1][:200]) if lines else "without a word"


def _points(
    stream: Stream, heard: np.ndarray, word: str, threshold: float
) -> Iterator[dict[str, Any]]:
    """Yield the operating point of a detector's own threshold, and then those of the sweep."""
    for each in (threshold, *(posterior(float(tried)) for tried in SWEEP_LOG_ODDS)):
        verdict: Verdict = judge(stream, hits(heard, each, word))
        yield operating_point(stream, each, verdict)


def hits(heard: npt.NDArray[np.float32], threshold: float, word: str) -> list[Hit]:
    """Return where posteriors (n,) rise to the threshold, a second or more after the hit before."""
    above = heard >= threshold
    rising = np.flatnonzero(above & ~np.concatenate([[False], above[:-1]]))
    found: list[Hit] = []
    for step in rising:
        sample = int(step + 1) * STEP
        if not found or sample - found[-1].sample >= REFRACTORY_S * SAMPLE_RATE_HZ:
            found.append(Hit(sample, word, float(heard[step])))
    return found


def _row(
    name: str,
    about: dict[str, Any],
    default: dict[str, Any],
    points: Sequence[dict[str, Any]],
    positives: int,
) -> dict[str, Any]:
    missed_at = {}
    for rate in RATES:
        best = least_missed(points, rate)
        missed_at[f"{rate:g}"] = best["miss_rate"] if best else None
    return {
        "name": name,
        **about,
        "threshold": default["threshold"],
        "missed": round(default["miss_rate"] * positives),
        "false_accepts": default["false_accepts"],
        "false_accepts_per_hour": default["false_accepts_per_hour"],
        "missed_at": missed_at,
    }


def to_text(result: dict[str, Any]) -> str:
    """Return the comparison as a table for the terminal."""
    rates = [f"{rate:g}" for rate in result["rates"]]
    head = ["", "word", "bytes", "missed", "false accepts", *(f"at {rate}/h" for rate in rates)]
    rows = []
    for each in result["detectors"]:
        at = [each["missed_at"][rate] for rate in rates]
        shares = ["-" if share is None else f"{100 * share:.1f} %" for share in at]
        missed = f"{each['missed']} of {result['positives']}"
        accepts = f"{each['false_accepts']} ({each['false_accepts_per_hour']:.2f}/h)"
        rows.append([each["name"], each["word"], f"{each['bytes']:,}", missed, accepts, *shares])
    played = f"{count_of(result['positives'], 'phrase')} and {result['hours']:.2f} h of other sound"
    why = "Missed and false accepts are at each one's own threshold; the shares are what is missed"
    return "\n".join(
        [f"{played}.", "", table(head, rows), "", f"{why} at so many false accepts an hour.",
         *result["notes"]]
    )  # fmt: skip
