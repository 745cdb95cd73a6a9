"""Make data/negatives again: everyday sentences by many synthetic voices, and computed noises.

    python data/make_negatives.py                       # the pack itself
    python data/make_negatives.py --to data/raw/more --seed 1

Needs Kokoro, espeak-ng, flite and Festival; data/negatives/README.md tells how to get them.
Spoken files are kept in the work folder, so a run that was interrupted goes on where it stopped.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from make_sample import make_noise, write_opus
from negatives_text import read_sentences
from noises import GENERATORS
from talks import Talk, speak

from kws.audio.files import find_audio, read_audio, write_audio
from kws.corpus.speech_engines import PARTS, Engine
from kws.corpus.synthesize import open_engine, part_voices
from kws.errors import KwsError, ToolError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.files import replacing

HERE = Path(__file__).parent
OPUS_COMPRESSION = 0.965  # libsndfile's scale: about 14 kbit/s
SENTENCES_A_FILE = 30
NOISE_SECONDS = {"train": 20, "validation": 15, "test": 15}
NOISES = {
    "train": tuple(GENERATORS),
    "validation": ("pink", "rumble", "clicks", "melody"),
    "test": ("rain", "fan", "sweeps", "melody"),
}


@dataclass(frozen=True, kw_only=True)
class Share:
    """What an engine says in a part: so many voices, so many sentences each."""

    part: str
    engine: str
    voices: int
    sentences: int


# The voices are in the parts that `kws synthesize --part` has them in.  Festival is kept for
# the test: a make of sound that no training hears. Piper's voice is left out: it was fine-tuned
# from one whose recordings have a licence of their own.
SHARES = (
    Share(part="validation", engine="kokoro", voices=6, sentences=14),
    Share(part="validation", engine="flite", voices=1, sentences=32),
    Share(part="validation", engine="espeak", voices=4, sentences=12),
    Share(part="train", engine="flite", voices=2, sentences=40),
    Share(part="train", engine="espeak", voices=24, sentences=8),
    Share(part="train", engine="kokoro", voices=27, sentences=5),
    Share(part="test", engine="festival", voices=1, sentences=30),
    Share(part="test", engine="flite", voices=1, sentences=30),
    Share(part="test", engine="espeak", voices=4, sentences=8),
    Share(part="test", engine="kokoro", voices=6, sentences=5),
)


def plan(engines: dict[str, Engine], sentences: int, seed: int) -> Iterator[Talk]:
    """Who says what, in order: in each part its own sentences, all of them said equally often."""
    queues = {part: _queue(part, sentences, seed) for part in PARTS}
    for share in SHARES:
        rng = np.random.default_rng([seed, PARTS.index(share.part), *share.engine.encode()])
        for voice in choose_voices(engines[share.engine], share.part, share.voices, rng):
            said = [next(queues[share.part]) for _ in range(share.sentences)]
            files = np.array_split(said, -(-len(said) // SENTENCES_A_FILE))
            for number, some in enumerate(files, start=1):
                yield Talk(
                    part=share.part,
                    engine=share.engine,
                    voice=voice,
                    number=number,
                    sentences=tuple(some.tolist()),
                )


def _queue(part: str, sentences: int, seed: int) -> Iterator[int]:
    """The numbers of a part's sentences, shuffled anew each time that all were said."""
    numbers = np.random.default_rng([seed, 3]).permutation(sentences) + 1
    first, second = round(0.7 * sentences), round(0.85 * sentences)
    mine = dict(zip(PARTS, np.split(numbers, [first, second]), strict=True))[part]
    rng = np.random.default_rng([seed, 4, PARTS.index(part)])
    while True:
        yield from rng.permutation(mine).tolist()


def choose_voices(engine: Engine, part: str, count: int, rng: np.random.Generator) -> list[str]:
    """Voices of a part, sorted; Kokoro's English ones first, and blends in addition."""
    names = part_voices(engine, part)
    if engine.name == "espeak":  # the variant is the speaker: each once, in one accent
        by_speaker: dict[str, list[str]] = {}
        for name in names:
            by_speaker.setdefault(name.partition("+")[2], []).append(name)
        speakers = rng.permutation(sorted(by_speaker))[:count]
        chosen = [by_speaker[who][i % len(by_speaker[who])] for i, who in enumerate(speakers)]
    elif engine.name == "kokoro":
        chosen = [name for name in names if name[0] in "ab"][:count]
        while len(chosen) < count:
            voice = engine.draw_voice(names, rng)
            if "+" in voice and voice not in chosen:
                chosen.append(voice)
        return chosen
    else:
        chosen = names[:count]
    if len(chosen) < count:
        raise ToolError(f"{engine.name} has {len(chosen)} of {count} {part} voices: install more")
    return sorted(chosen)


def speak_all(talks: Sequence[Talk], engines: dict[str, Engine], work: Path, seed: int) -> None:
    """Speak every file that the work folder lacks: a FLAC, and a JSON of what is said when."""
    sentences = read_sentences()
    started, spoken_s = time.monotonic(), 0.0
    for index, talk in enumerate(talks, start=1):
        said = {
            "engine": talk.engine,
            "voice": talk.voice,
            "seed": seed,
            "texts": [sentences[number - 1] for number in talk.sentences],
        }
        flac = work / f"{talk.name}.flac"
        if flac.exists() and said.items() <= json.loads(_json(flac).read_text()).items():
            continue
        samples, starts = speak(engines[talk.engine], talk, sentences, seed)
        flac.unlink(missing_ok=True)
        flac.parent.mkdir(parents=True, exist_ok=True)
        _json(flac).write_text(json.dumps(said | {"starts": starts}))
        write_audio(flac, samples)  # last: it tells that both are there
        spoken_s += len(samples) / SAMPLE_RATE_HZ
        pace = spoken_s / (time.monotonic() - started)
        print(
            f"{index}/{len(talks)} {talk.name}: {len(samples) / SAMPLE_RATE_HZ:.0f} s, "
            f"{pace:.2f} times real time",
            file=sys.stderr,
            flush=True,
        )


def _json(flac: Path) -> Path:
    return flac.with_name(f"{flac.stem}.json")


def make_noises(work: Path, seed: int) -> None:
    """Write the noises of every part that lacks them, babble by the part's own voices."""
    for part, kinds in NOISES.items():
        if not all((work / "noise" / part / f"{kind}.flac").exists() for kind in kinds):
            seconds = NOISE_SECONDS[part]
            make_noise(work / part, work / "noise", part, kinds, seed, seconds=seconds)


def encode(talks: Sequence[Talk], work: Path, to: Path) -> None:
    """Write each FLAC as an Ogg Opus below `to`, remove those of another plan, list them all."""
    noises = [path.relative_to(work).with_suffix("") for path in find_audio(work / "noise")]
    wanted = [*(Path(talk.name) for talk in talks), *noises]
    for folder in (*PARTS, "noise"):
        for old in (to / folder).rglob("*.opus"):
            if old.relative_to(to).with_suffix("") not in wanted:
                old.unlink()
    rows = []
    for name in sorted(wanted):
        samples = read_audio(work / f"{name}.flac")
        opus = to / f"{name}.opus"
        if not opus.exists():
            write_opus(opus, samples, OPUS_COMPRESSION)
        rows.append(_row(work, name, len(samples) / SAMPLE_RATE_HZ))
    header = ("file", "engine", "voice", "split", "seconds", "sentences", "starts_s")
    with replacing(to / "manifest.csv") as file:
        file.write("".join(f"{','.join(row)}\n" for row in (header, *rows)).encode())


def _row(work: Path, name: Path, seconds: float) -> tuple[str, ...]:
    """A file's line of the manifest; a noise is the engine `noise` and a voice of its kind."""
    if name.parts[0] == "noise":
        engine, voice, part, starts = "noise", name.name, name.parts[1], []
    else:
        said = json.loads((work / f"{name}.json").read_text())
        engine, voice, starts = said["engine"], said["voice"], said["starts"]
        part = name.parts[0]
    numbers = " ".join(str(number) for number, _ in starts)
    times = " ".join(f"{start:.2f}" for _, start in starts)
    return f"{name.as_posix()}.opus", engine, voice, part, f"{seconds:.2f}", numbers, times


def main() -> None:
    """Read the command line, and print a KwsError as one line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", type=Path, default=HERE / "negatives", help="folder to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=HERE / "raw" / "negatives_work")
    parser.add_argument("--kokoro-dir", type=Path, help="Kokoro's model and voices")
    parser.add_argument("--files", type=int, help="speak only the first so many files, to try it")
    options = parser.parse_args()
    try:
        names = sorted({share.engine for share in SHARES})
        engines: dict[str, Engine] = {
            name: open_engine(name, options.kokoro_dir if name == "kokoro" else None)
            for name in names
        }
        talks = list(plan(engines, len(read_sentences()), options.seed))
        slowest_last = sorted(talks, key=lambda talk: talk.engine == "kokoro")
        speak_all(slowest_last[: options.files], engines, options.work, options.seed)
        if options.files is None:
            make_noises(options.work, options.seed)
            encode(talks, options.work, options.to)
    except KwsError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
