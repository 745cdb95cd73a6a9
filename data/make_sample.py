"""Make data/sample again, or a larger set of the same layout, with the speech synthesisers.

    python data/make_sample.py                              # data/sample itself
    python data/make_sample.py --large --to data/raw/hey_cortana   # to train a better model

Needs Kokoro, flite and espeak-ng.  Spoken clips are kept in the work folder, so a run that was
interrupted goes on where it stopped.
"""

import argparse
import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from noises import GENERATORS, babble, to_clip

from kws.audio.files import find_audio, read_audio, write_audio
from kws.audio.samples import Samples
from kws.corpus.speech_engines import PARTS, Engine
from kws.corpus.synthesize import open_engine, speech_edges, synthesize
from kws.errors import KwsError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.files import replacing

PHRASE = "hey cortana"
HERE = Path(__file__).parent
TEXT = HERE / "sample" / "text"
NOISE_SECONDS = 8
STREAM_SECONDS = 60
OPUS_COMPRESSION = 0.96  # libsndfile's scale: about 20 kbit/s

# Clips of (kokoro, espeak, flite) for train, validation and test.  The engines have about the same
# shares in the positives and in the negatives: else a model could learn to tell engines apart.
ENGINES = ("kokoro", "espeak", "flite")
SAMPLE = {
    "positives/{part}/hey_cortana": ((105, 25, 20), (36, 8, 6), (44, 9, 7)),
    "negatives/{part}/near_misses": ((105, 25, 20), (36, 8, 6), (44, 9, 7)),
    "negatives/{part}/partial": ((14, 4, 2), (5, 2, 1), (6, 2, 1)),
    "negatives/{part}/nonsense": ((28, 7, 5), (8, 2, 1), (8, 2, 1)),
    "negatives/{part}/speech": ((56, 13, 11), (18, 4, 3), (21, 5, 4)),
}
LARGE = {
    "positives/{part}/hey_cortana": ((400, 80, 20), (100, 20, 5)),
    "negatives/{part}/near_misses": ((300, 60, 15), (90, 18, 5)),
    "negatives/{part}/partial": ((60, 12, 3), (16, 3, 1)),
    "negatives/{part}/nonsense": ((80, 16, 4), (24, 5, 1)),
    "negatives/{part}/speech": ((200, 40, 10), (40, 8, 2)),
}


@dataclass(frozen=True, kw_only=True)
class Share:
    """Clips that one engine speaks into one folder."""

    folder: str
    part: str
    engine: str
    texts: tuple[str, ...]
    clips: int


def shares(recipe: Mapping[str, tuple[tuple[int, ...], ...]], seed: int) -> Iterator[Share]:
    """Everything that a recipe asks for, the positives first."""
    for folder, parts in recipe.items():
        for part, counts in zip(PARTS, parts, strict=False):
            texts = texts_of(folder.rsplit("/", 1)[1], part, seed)
            for engine, clips in zip(ENGINES, counts, strict=True):
                if clips:
                    yield Share(
                        folder=folder.format(part=part),
                        part=part,
                        engine=engine,
                        texts=texts,
                        clips=clips,
                    )


def texts_of(kind: str, part: str, seed: int) -> tuple[str, ...]:
    """The texts of a part, shuffled.

    A sentence is in one part only; one near miss in six is in the test only.
    """
    if kind == "hey_cortana":
        return (PHRASE,)
    rng = np.random.default_rng([seed, PARTS.index(part)])
    if kind == "nonsense":
        return tuple(nonsense(rng) for _ in range(400))
    lines = (TEXT / f"{kind.replace('speech', 'sentences')}.txt").read_text().splitlines()
    if kind == "speech":
        deal = ("train", "train", "train", "validation", "train", "train", "test", "train")
        lines = [line for i, line in enumerate(lines) if deal[i % len(deal)] == part]
    elif kind == "near_misses" and part != "test":
        lines = [line for i, line in enumerate(lines) if i % 6 != 3]
    return tuple(rng.permutation(lines).tolist())


def nonsense(rng: np.random.Generator) -> str:
    """Two to five syllables that mean nothing, as one or two words."""
    onsets = [*"bdfghjklmnprstvwyz", "sh", "ch", "th", "br", "cr", "fl", "gr", "pl", "st", "tr"]
    vowels = [*"aeiou", "ay", "ee", "oo", "or", "ar", "er", "ow"]
    codas = ["", "", "", *"nmltks"]
    count = int(rng.integers(2, 6))
    syllables = [
        str(rng.choice(onsets) + rng.choice(vowels) + rng.choice(codas)) for _ in range(count)
    ]
    gap = int(rng.integers(1, count + 1))
    return " ".join("".join(word) for word in (syllables[:gap], syllables[gap:]) if word)


def speak(todo: Sequence[Share], work: Path, engines: dict[str, Engine], seed: int) -> None:
    """Speak all shares into the work folder, as FLAC files."""
    for share in todo:
        label = f"{share.folder}: {share.clips} by {share.engine}"
        print(label, file=sys.stderr, flush=True)
        synthesize(
            share.texts,
            work / share.folder,
            clips=share.clips,
            engine=engines[share.engine],
            seed=seed,
            part=share.part,
            suffix=".flac",
        )


def make_noise(
    speech: Path,
    to: Path,
    part: str,
    kinds: Sequence[str],
    seed: int,
    *,
    seconds: int = NOISE_SECONDS,
) -> None:
    """Write a noise of each kind, and two of babble from the part's own speakers."""
    samples = seconds * SAMPLE_RATE_HZ
    rng = np.random.default_rng([seed, PARTS.index(part), 1])
    talk = [read_audio(path) for path in find_audio(speech)]
    sounds = {kind: GENERATORS[kind](rng, samples) for kind in kinds}
    sounds |= {"babble_1": babble(rng, samples, talk), "babble_2": babble(rng, samples, talk)}
    for kind, sound in sounds.items():
        write_audio(to / part / f"{kind}.flac", to_clip(sound, float(rng.uniform(0.1, 0.5))))


def make_stream(clips: Path, noise: Path, work: Path, seed: int) -> None:
    """Write a minute of held-out speakers over noise, and when the phrase is spoken in it."""
    rng = np.random.default_rng([seed, 2])
    phrases = [(read_audio(path), PHRASE) for path in find_audio(clips / "phrases")]
    others = [(read_audio(path), "") for path in find_audio(clips / "others")]
    order = [*phrases, *others]
    rng.shuffle(order)
    total = STREAM_SECONDS * SAMPLE_RATE_HZ
    speech = np.zeros(total)
    spare = total - sum(len(clip) for clip, _ in order)
    if spare < len(order) * SAMPLE_RATE_HZ // 4:
        raise SystemExit(f"the stream's clips do not fit into {STREAM_SECONDS} s: use fewer")
    gaps = (rng.dirichlet([6.0] * (len(order) + 1)) * spare).astype(int)
    spoken, at = [], 0
    for gap, (clip, text) in zip(gaps[:-1], order, strict=True):
        at += gap
        speech[at : at + len(clip)] = clip * rng.uniform(0.5, 1.0)
        first, last = speech_edges(clip) or (0, len(clip))
        if text:
            spoken.append((at + first, at + last, text))
        at += len(clip)
    background = np.concatenate([read_audio(path).astype(float) for path in find_audio(noise)])
    background = np.tile(background, -(-total // len(background)))[:total]
    background *= 0.1 * speech[speech != 0].std() / background.std()  # 20 dB below the speech
    write_audio(work / "held_out.flac", to_clip(speech + background, 0.7))
    with (work / "held_out.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["time_s", "end_s", "text"])
        rows.writerows(
            [f"{a / SAMPLE_RATE_HZ:.2f}", f"{b / SAMPLE_RATE_HZ:.2f}", text]
            for a, b, text in spoken
        )


def encode(work: Path, to: Path) -> None:
    """Write every FLAC of the work folder as a small Ogg Opus of the same name below `to`."""
    for folder in ("positives", "negatives", "noise", "stream"):
        for old in (to / folder).rglob("*.opus"):
            old.unlink()
    for path in find_audio(work):
        opus = to / path.relative_to(work).with_suffix(".opus")
        write_opus(opus, read_audio(path), OPUS_COMPRESSION)


def write_opus(path: Path, samples: Samples, compression: float) -> None:
    """Write a 16 kHz Ogg Opus file, whole or not at all; `compression` is libsndfile's, 0 to 1."""
    encoded = io.BytesIO()
    soundfile.write(
        encoded,
        samples,
        SAMPLE_RATE_HZ,
        format="OGG",
        subtype="OPUS",
        compression_level=compression,
    )
    with replacing(path) as file:
        file.write(encoded.getbuffer())


def make(options: argparse.Namespace) -> None:
    """Speak, add noises and (for the small sample) the stream, and encode."""
    recipe = LARGE if options.large else SAMPLE
    todo = list(shares(recipe, options.seed))
    engines = {name: open_engine(name, options.kokoro_dir) for name in ENGINES}
    work = options.to if options.large else options.work / "sample"
    speak(todo, work, engines, options.seed)
    kinds = list(GENERATORS)
    speech = work / "negatives" / "{}" / "speech"
    for part, some in (("train", kinds), ("test", kinds[1::2])):
        if not options.large or part == "train":
            make_noise(Path(str(speech).format(part)), work / "noise", part, some, options.seed)
    if options.large:
        return
    stream = options.work / "stream"
    near = texts_of("near_misses", "test", options.seed)
    for folder, texts, clips in (
        ("phrases", (PHRASE,), 9),
        ("others", (*texts_of("speech", "test", options.seed)[:5], *near[:6]), 11),
    ):
        for_stream = Share(folder=folder, part="test", engine="kokoro", texts=texts, clips=clips)
        speak([for_stream], stream, engines, options.seed + 1)  # not the clips of the test folder
    make_stream(stream, work / "noise" / "test", work / "stream", options.seed)
    encode(work, options.to)
    (options.to / "stream" / "held_out.csv").write_bytes(
        (work / "stream" / "held_out.csv").read_bytes()
    )


def main() -> None:
    """Read the command line, and print a KwsError as one line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", type=Path, default=HERE / "sample", help="folder to write")
    parser.add_argument("--large", action="store_true", help="make three times as much, as FLAC")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=HERE / "raw" / "sample_work")
    parser.add_argument("--kokoro-dir", type=Path, help="Kokoro's model and voices")
    try:
        make(parser.parse_args())
    except KwsError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
