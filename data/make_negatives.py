"""Make data/negatives again: everyday sentences by many synthetic voices, and computed noises.

    python data/make_negatives.py                       # the pack itself
    python data/make_negatives.py --to data/raw/more --seed 1

Needs Kokoro, espeak-ng, flite and Festival; data/negatives/README.md tells how to get them.
Spoken files are kept in the work folder, so a run that was interrupted goes on where it stopped.
What the pack has already is not spoken again: to make it longer, add rows at the end
of SHARES in negatives_plan.py.
"""

import argparse
import json
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from make_sample import make_noise, write_opus
from negatives_pack import HEADER, Row, held_rows
from negatives_plan import SHARES, plan
from negatives_text import read_sentences
from noises import GENERATORS
from talks import Talk, speak

from kws.audio.files import read_audio, write_audio
from kws.corpus.speech_engines import PARTS, Engine
from kws.corpus.synthesize import open_engine
from kws.errors import KwsError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.files import replacing

HERE = Path(__file__).parent
OPUS_COMPRESSION = 0.965  # libsndfile's scale: about 14 kbit/s
NOISE_SECONDS = {"train": 20, "validation": 15, "test": 15}
NOISES = {
    "train": tuple(GENERATORS),
    "validation": ("pink", "rumble", "clicks", "melody"),
    "test": ("rain", "fan", "sweeps", "melody"),
}
BABBLE = ("babble_1", "babble_2")  # make_noise adds them to each part


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


def noise_names() -> list[Path]:
    """The places of the noises without a suffix: noise/train/pink, ..."""
    return [
        Path("noise", part, kind) for part, kinds in NOISES.items() for kind in (*kinds, *BABBLE)
    ]


def make_noises(work: Path, to: Path, seed: int, held: Collection[Path]) -> None:
    """Write the noises of every part that lacks some, babble by the part's own voices."""
    for part, kinds in NOISES.items():
        names = [name for name in noise_names() if name.parts[1] == part and name not in held]
        if not all((work / f"{name}.flac").exists() for name in names):
            speech = work / part if (work / part).exists() else to / part
            seconds = NOISE_SECONDS[part]
            make_noise(speech, work / "noise", part, kinds, seed, seconds=seconds)


def encode(talks: Sequence[Talk], work: Path, to: Path, held: Mapping[Path, Row]) -> None:
    """Write each FLAC as an Ogg Opus below `to`, remove those of another plan, list them all.

    What the pack holds stays, with its row.
    """
    wanted = [*(Path(talk.name) for talk in talks), *noise_names()]
    for folder in (*PARTS, "noise"):
        for old in (to / folder).rglob("*.opus"):
            if old.relative_to(to).with_suffix("") not in wanted:
                old.unlink()
    rows = []
    for name in sorted(wanted):
        if name in held:
            rows.append(held[name])
            continue
        samples = read_audio(work / f"{name}.flac")
        write_opus(to / f"{name}.opus", samples, OPUS_COMPRESSION)
        rows.append(_row(work, name, len(samples) / SAMPLE_RATE_HZ))
    with replacing(to / "manifest.csv") as file:
        file.write("".join(f"{','.join(row)}\n" for row in (HEADER, *rows)).encode())


def _row(work: Path, name: Path, seconds: float) -> Row:
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
        talks = list(plan(SHARES, engines, len(read_sentences()), options.seed))
        held = held_rows(options.to, talks, noise_names())
        new = [talk for talk in talks if Path(talk.name) not in held]
        slowest_last = sorted(new, key=lambda talk: talk.engine == "kokoro")
        speak_all(slowest_last[: options.files], engines, options.work, options.seed)
        if options.files is None:
            make_noises(options.work, options.to, options.seed, held)
            encode(talks, options.work, options.to, held)
    except KwsError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
