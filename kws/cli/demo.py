"""`make demo`: the model that ships on a held-out recording, then one trained on the spot."""

import csv
import sys
import time
from pathlib import Path

import numpy as np

from kws.audio.files import find_audio, read_audio
from kws.engine import batch, model_file
from kws.engine.spotter import Detection, Spotter
from kws.errors import KwsError
from kws.evaluation.verdict import GRACE_S
from kws.settings.augment import AugmentConfig
from kws.settings.data import DataConfig
from kws.settings.model import FeatureConfig, posterior_of
from kws.settings.recipe import Recipe
from kws.settings.schedule import ScheduleConfig
from kws.support.notices import gathered
from kws.support.text import bar, bar_characters, clock, count_of

SAMPLE = Path("data/sample")
OUT = Path("runs/demo")
SHIPPED = Path("models/hey_cortana")
PHRASE = "hey cortana"
STRIP_COLUMNS = 72


def recipe(sample: Path) -> Recipe:
    """Return the demo's recipe: the real thing, with a short schedule."""
    return Recipe(
        task="wake",
        name="hey_cortana",
        words=(PHRASE,),
        data=DataConfig(
            positives=(str(sample / "positives"),),
            negatives=(str(sample / "negatives"),),
            noise=(str(sample / "noise"),),
            positive_windows=1500,
            negative_windows=3600,
            window_s=2.0,
        ),
        features=FeatureConfig(energy="delta"),
        augment=AugmentConfig(shift_ms=50.0, reverb_probability=0.2),
        schedule=ScheduleConfig(
            float_epochs=50, quantized_epochs=25, versions=8, learning_rate=1e-2
        ),
    )


def spoken_times(table: Path) -> list[tuple[float, float]]:
    """Return from when to when the phrase is spoken in the held-out stream, in seconds."""
    with table.open(newline="", encoding="utf-8") as file:
        return [(float(row["time_s"]), float(row["end_s"])) for row in csv.DictReader(file)]


def strip(values: np.ndarray, full: str, empty: str) -> str:
    """Draw values in [0, 1] as one line of characters, the maximum of each stretch."""
    parts = np.array_split(values, STRIP_COLUMNS)
    return "".join(full if part.max() >= 0.5 else empty for part in parts)


def play(model_path: Path, stream: Path, table: Path, picture: Path) -> tuple[int, int, int]:
    """Run the model over the stream and tell what it heard: found, missed, false detections."""
    from kws.report.recordings import detection_timeline

    samples, spoken = read_audio(stream), spoken_times(table)
    spotter = Spotter(model_path)
    started = time.process_time()
    detections: list[Detection] = []
    for first in range(0, len(samples), 1600):  # as a microphone would hand them over
        detections += spotter.process(samples[first : first + 1600])
    cpu_ms = 1000 * (time.process_time() - started)
    seconds = len(samples) / 16_000
    print(f"  {seconds:.0f} s of held-out speech took {cpu_ms:.0f} ms of processor time.")
    full, empty = bar_characters(sys.stdout)
    truth = np.zeros(len(samples) // 160)
    for start, end in spoken:
        truth[round(start * 100) : round(end * 100)] = 1
    heard = np.zeros_like(truth)
    for hit in detections:
        heard[max(0, round(hit.time_s * 100) - 60) : round(hit.time_s * 100)] = 1
    print(f"  spoken  {strip(truth, full, empty)}\n  heard   {strip(heard, full, empty)}")
    heard_already: set[int] = set()
    wrong = 0
    for hit in detections:
        said = [i for i, (start, end) in enumerate(spoken) if start <= hit.time_s <= end + GRACE_S]
        verdict = "" if said else "   <- nobody said it"
        if said and said[-1] in heard_already:
            verdict = "   <- the same once more"
        heard_already.update(said)
        wrong += not said
        score = bar(hit.score, 10, full, empty)
        print(f"  {clock(hit.time_s)}  {hit.word}  {100 * hit.score:5.1f} %  {score}{verdict}")
    for i, (start, _) in enumerate(spoken):
        if i not in heard_already:
            print(f"  {clock(start)}  spoken and not heard")
    found = len(heard_already)
    scores = batch.scores(model_path, samples)[:, 0]
    detection_timeline(
        samples,
        np.array([posterior_of(score) for score in scores]),
        detections,
        picture,
        threshold=spotter.model.detector.threshold,
        spoken=[(start, PHRASE) for start, _ in spoken],
    )
    return found, len(spoken) - found, wrong


def listen_to(model: Path, picture: Path) -> None:
    """Play the held-out recording to a model, and sum up."""
    stream = SAMPLE / "stream"
    found, missed, wrong = play(model, stream / "held_out.opus", stream / "held_out.csv", picture)
    print(f"   {found} of {found + missed} found, {wrong} false; drawn in {picture}.")


def main() -> None:
    """Run the demo from a checkout."""
    if not SAMPLE.is_dir():
        raise KwsError(f"{SAMPLE} is not here: run the demo in the folder of the project.")
    from kws.training.run_folder import RunFolder
    from kws.training.train import train

    print("1. The model that ships, by the C code that runs on a board, on a held-out recording:")
    OUT.mkdir(parents=True, exist_ok=True)
    listen_to(SHIPPED, OUT / "shipped.png")
    started = time.perf_counter()
    spoken = len(find_audio(SAMPLE / "positives" / "train"))
    if RunFolder(OUT).finished(recipe(SAMPLE)):
        print(f"2. {OUT} holds a finished training, used again: delete it to train anew.")
    else:
        print(
            f'2. Training "{PHRASE}" for a minute or two on {SAMPLE}: {spoken} synthetic clips of\n'
            "   it, near misses, other speech and noises, mixed anew for every copy."
        )
    metrics = train(recipe(SAMPLE), OUT)
    path = OUT / "hey_cortana.kws"
    assert metrics is not None  # one process trains
    row = metrics.evaluations[0]["at_default"]
    model = model_file.load(path)
    print(
        f"3. The model, all of it: {len(model.data)} bytes in {path}.\n"
        f"   On clips of voices that it never heard, through the C engine: "
        f"{100 * row['miss_rate']:.0f} % missed, "
        f"{count_of(row['false_accepts'], 'false accept')}.\n"
        "   On the same recording:"
    )
    listen_to(path, OUT / "timeline.png")
    print(
        f"Done in {time.perf_counter() - started:.0f} s. Next: `.venv/bin/kws listen {OUT}` "
        "hears your microphone; `.venv/bin/kws --help` tells the rest."
    )


if __name__ == "__main__":
    try:
        with gathered():
            main()
    except KwsError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit("demo: interrupted; the next run goes on from here")
