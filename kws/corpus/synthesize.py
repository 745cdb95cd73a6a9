"""A phrase, spoken by many voices: the positives of a wake word that nobody has recorded yet."""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio.bandwidth import Spectrum
from kws.audio.files import write_audio
from kws.audio.samples import Samples
from kws.corpus.piper import Piper
from kws.corpus.speech_engines import PARTS, Engine, Espeak, Festival, Flite
from kws.corpus.texts import checked, foreign_letter, plausible_seconds, slug_of
from kws.errors import ConfigError, CorpusError, ToolError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.settings.names import ENGINES
from kws.support.files import make_folder
from kws.support.notices import Notice, tell
from kws.support.progress import progress

_ATTEMPTS = 8
_FRAME = SAMPLE_RATE_HZ // 100
# What a clip is (phrase, engine, part, seed, number), and after it how it was spoken.
_NAME = re.compile(r"(?!\.)(.+_s\d+_\d{5})_")


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """Everything that one clip is made from."""

    text: str
    voice: str
    speed: float
    pitch: float
    peak: float
    """Largest absolute sample of the clip, as a fraction of full scale."""
    margin_ms: tuple[int, int]
    """Kept before and after the speech."""


def synthesize(
    phrase: str | Sequence[str],
    to: Path,
    *,
    clips: int,
    engine: str | Engine = "kokoro",
    seed: int = 0,
    part: str = "all",
    model_dir: Path | None = None,
    suffix: str = ".wav",
) -> list[Path]:
    """Speak a phrase `clips` times into the folder `to`, each time as somebody else.

    Voice, pace, pitch, loudness and intonation are drawn from `seed`.  Several phrases take turns.
    `part` ("train", "validation" or "test") restricts the voices to a share of their own, so that
    no voice is in two parts.  Clips that are there already are kept: an interrupted run goes on
    where it stopped.  Names tell phrase, engine, seed, number, voice, pace and pitch.

    Returns the `clips` paths: 16 kHz mono files of the format that `suffix` names; fewer where an
    engine stumbles over one of several phrases every time, which is told.  Raises
    ConfigError for a bad phrase or number, ToolError for an engine that is not there, CorpusError
    and AudioError for a folder that cannot be written.
    """
    phrases = [checked(text) for text in ([phrase] if isinstance(phrase, str) else phrase)]
    _check(phrases, clips, seed)
    if part not in ("all", *PARTS):
        raise ConfigError(f"part {part!r} is none of all, {', '.join(PARTS)}")
    speaker = open_engine(engine, model_dir) if isinstance(engine, str) else engine
    _refuse_foreign(speaker, phrases)
    voices = part_voices(speaker, part)
    make_folder(to, CorpusError)
    kept = {found[1]: path for path in to.iterdir() if (found := _NAME.match(path.name))}
    paths, unsaid = [], set[str]()
    index: int
    for index in progress(clips, label=f"speaking with {speaker.name}"):
        text = phrases[index % len(phrases)]
        stem = f"{slug_of(text)}_{speaker.name}_{part}_s{seed}_{index:05d}"
        path = kept.get(stem)
        if path is None and text not in unsaid:
            path = _make(speaker, voices, text, seed, index, to / stem, suffix)
            if path is None:
                unsaid.add(text)
                _tell_unsaid(speaker, text, is_last=len(unsaid) == len(set(phrases)))
        if path is not None:
            paths.append(path)
    if not paths:
        raise ToolError(
            f"{speaker.name} could say none of {len(phrases)} texts: use another engine"
        )
    return paths


def _tell_unsaid(engine: Engine, text: str, *, is_last: bool) -> None:
    """Go on without a text that an engine cannot say, unless it is the last of all: ToolError."""
    failed = f"{engine.name} failed to say {text!r} {_ATTEMPTS} times"
    if is_last:
        raise ToolError(f"{failed}: use another engine")
    tell(Notice("unsaid", f"{failed}: it is left out"))


def open_engine(name: str, model_dir: Path | None = None) -> Engine:
    """The engine of that name, ready to speak; ToolError tells how to install a missing one."""
    if name == "kokoro":
        from kws.corpus.kokoro import Kokoro

        return Kokoro(model_dir)
    if name == "piper":
        return Piper(model_dir)
    if name not in ENGINES:
        raise ConfigError(f"engine {name!r} is none of {', '.join(ENGINES)}")
    programs: dict[str, type[Engine]] = {"flite": Flite, "espeak": Espeak, "festival": Festival}
    return programs[name]()


def part_voices(engine: Engine, part: str = "all") -> list[str]:
    """The installed voices of a part, sorted; a ToolError where it has none."""
    installed = engine.voices()
    voices = [name for name in installed if part in ("all", engine.part_of(name))]
    if not voices:
        kind = "" if part == "all" else f"{part} "
        remedy = "use another engine, or all" if installed else engine.remedy
        raise ToolError(f"{engine.name} has no {kind}voice installed: {remedy}")
    return voices


def draw(engine: Engine, voices: Sequence[str], text: str, rng: np.random.Generator) -> Utterance:
    """Choose who says the text, and how."""
    return Utterance(
        text=_intonation(text, rng),
        voice=engine.draw_manner(engine.draw_voice(voices, rng), voices, rng),
        speed=round(float(np.exp(rng.uniform(*np.log(engine.pace)))), 2),
        pitch=round(float(np.exp(rng.uniform(np.log(0.9), np.log(1.12)))), 2),
        peak=round(float(10 ** (rng.uniform(-14, -2) / 20)), 3),
        margin_ms=(int(rng.integers(50, 101)), int(rng.integers(50, 101))),
    )


def render(engine: Engine, utterance: Utterance) -> Samples | None:
    """Speak one utterance: int16 (samples,) at 16 kHz, trimmed and levelled; None if it failed.

    A clip fails when it holds too little or too much speech for its text: synthesisers stumble now
    and then, over short texts above all. It fails, too, when it ends as low as a telephone does:
    some of espeak's voices have no more in a word of vowels, and no microphone hears people so.
    """
    samples = engine.speak(
        utterance.text, utterance.voice, speed=utterance.speed, pitch=utterance.pitch
    )
    edges = speech_edges(samples)
    if edges is None:
        return None
    shortest_s, longest_s = plausible_seconds(utterance.text)
    spoken_s = (edges[1] - edges[0]) / SAMPLE_RATE_HZ * utterance.speed
    if not shortest_s <= spoken_s <= longest_s:
        return None
    before, after = (SAMPLE_RATE_HZ * ms // 1000 for ms in utterance.margin_ms)
    padded = np.pad(samples.astype(np.float32), (before, after))
    clip = padded[edges[0] : edges[1] + before + after]
    ramp = np.linspace(0, 1, _FRAME // 2, dtype=np.float32)
    clip[: len(ramp)] *= ramp
    clip[-len(ramp) :] *= ramp[::-1]
    levelled: Samples = np.rint(clip * (32767 * utterance.peak / np.abs(clip).max())).astype("i2")
    spectrum = Spectrum()
    spectrum.add(levelled)
    return levelled if spectrum.source_hz() is None else None


def speech_edges(samples: Samples) -> tuple[int, int] | None:
    """The first and last sample of the speech in a clip, or None where all is quiet.

    Speech begins with the first and ends with the last 10 ms within 36 dB of the loudest.
    """
    whole = len(samples) // _FRAME * _FRAME
    frames = samples[:whole].reshape(-1, _FRAME).astype(np.float64)
    level = np.sqrt(np.mean(frames**2, axis=1)) if whole else np.zeros(1)
    if level.max() < 100:  # -50 dB of full scale: no engine means to speak that softly
        return None
    loud = np.flatnonzero(level > level.max() * 10 ** (-36 / 20))
    return int(loud[0]) * _FRAME, (int(loud[-1]) + 1) * _FRAME


def _check(phrases: Sequence[str], clips: int, seed: int) -> None:
    if not phrases:
        raise ConfigError("no phrase to speak: give at least one")
    if clips < 1:
        raise ConfigError(f"cannot make {clips} clips: ask for at least 1")
    if seed < 0:
        raise ConfigError(f"seed {seed} is negative: give 0 or more")


def _refuse_foreign(engine: Engine, texts: Sequence[str]) -> None:
    """Raise ToolError for a script that the engine would spell out, or not read at all."""
    for text in texts if engine.is_english else ():
        if letter := foreign_letter(text):
            raise ToolError(
                f"{engine.name} reads English, and not {letter!r} of {text!r}: spell it as it "
                "sounds in English, use piper with a voice of that language, or record it"
            )


def _make(
    engine: Engine,
    voices: Sequence[str],
    text: str,
    seed: int,
    index: int,
    stem: Path,
    suffix: str,
) -> Path | None:
    """Speak one clip into its file, drawing again where the speech failed; None where all did."""
    for utterance in _draws(engine, voices, text, seed, index):
        clip = render(engine, utterance)
        if clip is not None:
            how = f"{voice_slug(utterance.voice)}_x{utterance.speed:.2f}_p{utterance.pitch:.2f}"
            path = stem.with_name(f"{stem.name}_{how}{suffix}")
            write_audio(path, clip, SAMPLE_RATE_HZ)
            return path
    return None


def _draws(
    engine: Engine, voices: Sequence[str], text: str, seed: int, index: int
) -> Iterator[Utterance]:
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([seed, index, attempt, zlib.crc32(text.encode())])
        yield draw(engine, voices, text, rng)


def _intonation(text: str, rng: np.random.Generator) -> str:
    """The text as called out, asked or stated; a text with its own full stop stays as it is."""
    if text[-1] in ".!?":
        return text
    first, space, rest = text.partition(" ")
    if rest and first.lower() in ("hey", "hi", "ok", "okay", "hello") and rng.random() < 0.35:
        text = f"{first},{space}{rest}"
    return text[0].upper() + text[1:] + str(rng.choice(["!", "?", ".", ""]))


def voice_slug(voice: str) -> str:
    """The voice as part of a file name: af-heart60+am-puck40 for a blend.

    What follows a / (Kokoro's intonation and accent) is no part of who speaks, and left out.
    """
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", voice.partition("/")[0].replace("*0.", ""))
