"""What a wake word is trained on where nobody says: speech of our making, and what is here."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.audio.files import find_audio, is_audio_name
from kws.corpus.near_misses import near_misses as near
from kws.corpus.speech_engines import PARTS
from kws.corpus.synthesize import open_engine, part_voices, synthesize
from kws.corpus.texts import checked, lines_of
from kws.errors import ConfigError, CorpusError, ToolError
from kws.settings.names import ENGINES
from kws.support.files import make_folder
from kws.support.notices import Notice, tell
from kws.support.parallel import run_each

RAW = Path("data/raw")
PACK = Path("data/negatives")  # our own, in the repository
# Clips of the phrase for training, validation and test: more of the engine of many voices, which
# takes a second or two for each. What draws from them gives every engine its share.
CLIPS = {
    "kokoro": (600, 120, 120),
    "piper": (600, 120, 120),
    "espeak": (500, 100, 100),
    "flite": (240, 80, 80),
    "festival": (0, 0, 80),
}
NEAR_MISS_SHARE = 0.4  # of as many clips
_NO_ENGINE = (
    "there is no speech engine to say the phrase with: apt-get install espeak-ng flite (brew on a "
    "Mac), or give recordings of it with --positives DIR"
)
_UNFINISHED = ".unfinished"
_NATURAL = {"kokoro", "piper"}  # engines
_MECHANICAL = (
    "None of these sounds like a person: with Kokoro beside them a model missed 17 % of people "
    "where without it 45 % were missed; `kws doctor` says how to install it."
)
_SEEDS = {"kokoro": 2, "piper": 2}  # slow ones are parted between the cores
# Under data/raw, by their usual names; a folder of folders counts as one source each.
_TALK = ("speech_commands", "LibriSpeech", "librispeech", "negative_speech/*", "wake_phrases/*")
_CALLED = "wake-words"  # single phrases, called as one's own is, by volunteers
_MAY_BE_LOOSE = ("negative_speech/*", "noise/*")  # where people put recordings of their own
_NOISE = ("noise/*", "speech_commands/_background_noise_")


@dataclass(frozen=True, kw_only=True)
class WakeData:
    """Folders that a wake word is trained on, each with train/, validation/ and test/, or split."""

    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    noise: tuple[str, ...]


def speak(phrase: str, to: Path, *, say: Callable[[str], None] = print) -> tuple[Path, Path]:
    """Speak a phrase, and what is nearly it, with every engine that is installed.

    Returns the folders to/positives and to/near_misses, each with train/, validation/ and test/:
    no voice is in two of them. What is there already is not spoken again. Raises ToolError where
    no engine is installed that has voices for training and for testing.
    """
    engines = list(installed_engines())
    if not any(CLIPS[name][0] for name in engines):
        raise ToolError(_NO_ENGINE)
    say(f'Speaking "{phrase}" with {", ".join(engines)} into {to}.')
    if not _NATURAL & set(engines):
        say(_MECHANICAL)
    texts = near(phrase)
    jobs = []
    for name in engines:
        seeds = _SEEDS.get(name, 1)
        for part, clips in zip(PARTS, CLIPS[name], strict=True):
            for seed in range(seeds if part == "train" else 1):
                count = clips // seeds if part == "train" else clips
                few = round(NEAR_MISS_SHARE * count)
                said, near_misses = to / "positives" / part, to / "near_misses" / part
                jobs.append((name, [phrase], said, count, seed, part, ".flac"))
                jobs.append((name, texts, near_misses, few, seed, part, ".flac"))
    mark = to / _UNFINISHED
    make_folder(to, CorpusError)
    mark.touch()
    _speak_each(sorted((job for job in jobs if job[3]), key=lambda j: -j[3] * (j[0] in _SEEDS)))
    mark.unlink(missing_ok=True)
    return to / "positives", to / "near_misses"


def is_unfinished(spoken: Path) -> bool:
    """Whether `speak` began this folder of positives or near misses, and was ended too soon."""
    return (spoken.parent / _UNFINISHED).exists()


def speak_with_all(texts: Sequence[str], to: Path, *, clips: int, seed: int, part: str) -> int:
    """Speak texts into a folder with every engine that has voices of a part, at once.

    Each engine speaks its share of the clips, as WAV. Returns how many there are: fewer where an
    engine cannot say a text. Raises ToolError where no engine has a voice of the part.
    """
    engines = list(installed_engines(part))[:clips]
    if not engines:
        raise ToolError(_NO_ENGINE)
    shares = [len(range(at, clips, len(engines))) for at in range(len(engines))]
    jobs = [
        (name, texts, to, share, seed, part, ".wav")
        for name, share in zip(engines, shares, strict=True)
    ]
    _speak_each(jobs)
    spoken = [path.name for path in find_audio(to)]
    return sum(f"_{name}_{part}_s{seed}_" in clip for clip in spoken for name in engines)


def _speak_each(jobs: Sequence[tuple[Any, ...]]) -> None:
    """Do what the engines can, and tell which cannot; ToolError where none can do anything."""
    refusals = run_each(_speak, jobs, label="Speaking")
    for name, why in {job[0]: why for job, why in zip(jobs, refusals, strict=True) if why}.items():
        tell(Notice("unsaid", f"{name} does not say all of it: {why}"))
    if all(refusals):
        raise ToolError(refusals[0])


def _speak(
    engine: str, texts: Sequence[str], to: Path, clips: int, seed: int, part: str, suffix: str
) -> str | None:
    """Speak, and return why it failed: one engine that fails is no reason to do without all."""
    try:
        synthesize(texts, to, clips=clips, engine=engine, seed=seed, part=part, suffix=suffix)
    except ToolError as refusal:
        return str(refusal)
    return None


def installed_engines(part: str = "all") -> Iterator[str]:
    """Yield the engines with voices of a part, Kokoro or Piper first; each is asked in its turn."""
    for name in ENGINES:
        try:
            part_voices(open_engine(name), part)
        except ToolError:
            continue
        yield name


def first_engine() -> str:
    """The engine that `kws synthesize` takes where none is named; ToolError where none is there."""
    for name in installed_engines():
        return name
    raise ToolError(_NO_ENGINE)


def texts_to_speak(phrase: str, file: Path | None, *, near_misses: bool) -> list[str]:
    """Return what `kws synthesize` is to say: a phrase, its near misses, or a file's lines.

    ConfigError where none or several were asked for, or the file cannot be read as UTF-8.
    """
    if bool(phrase) == bool(file) or (near_misses and not phrase):
        raise ConfigError(
            "give a phrase to speak, or --file TEXT with a line for each; --near-misses goes with "
            "a phrase"
        )
    if file is not None:
        return lines_of(file)
    return near(checked(phrase)) if near_misses else [phrase]


def _folders(raw: Path, pattern: str) -> list[Path]:
    """The folders of a pattern; where recordings lie loose beside them, the one that holds all."""
    holder = raw / pattern.removesuffix("/*")
    is_loose = pattern in _MAY_BE_LOOSE and holder.is_dir()
    if is_loose and any(is_audio_name(path.name) for path in holder.iterdir()):
        return [holder]
    return sorted(raw.glob(pattern))


def _has_sound(folder: Path) -> bool:
    try:
        return bool(find_audio(folder))
    except CorpusError:
        return False


def other_sound(
    phrase: str, raw: Path = RAW, pack: Path = PACK, *, has_people: bool = True
) -> tuple[list[Path], list[Path]]:
    """Return the folders of other talk and those of noise that are here: the pack, and data/raw.

    A folder of the phrase itself (data/raw/wake_phrases/.../hey_robin, or a word of Speech
    Commands) is no negative, and its corpus is left out. Where no people say the phrase
    (`has_people`), other phrases that people called are left out, too: a network would learn that
    people are not the phrase (docs/experiments/wake-words.md). CorpusError where there is no talk.
    """
    own = "_".join(phrase.lower().split())
    talk = [pack] if pack.is_dir() else []
    for pattern in _TALK:
        for folder in _folders(raw, pattern):
            if not folder.is_dir() or (folder.name == _CALLED and not has_people):
                continue
            if not any(own in names for _, names, _ in os.walk(folder)):
                talk.append(folder)
    noise = [folder for pattern in _NOISE for folder in _folders(raw, pattern)]
    if (pack / "noise").is_dir():
        noise.append(pack / "noise")
    talk = [folder for folder in talk if "noises" not in folder.name and _has_sound(folder)]
    if not talk:
        raise CorpusError(
            f"there is no other speech to train against: neither {pack} nor folders below {raw}; "
            "give some with --negatives DIR, or fetch it with `kws download wake-data`"
        )
    return talk, [folder for folder in noise if folder.is_dir() and _has_sound(folder)]
