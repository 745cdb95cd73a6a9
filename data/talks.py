"""One file of the pack of negatives: a voice that says sentences in a room, with pauses."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from noises import coloured

from kws.audio.samples import Samples
from kws.corpus.speech_engines import Engine
from kws.corpus.synthesize import Utterance, render, voice_slug
from kws.settings.front_end import SAMPLE_RATE_HZ

PAUSE_S = (0.2, 1.0)
FLOOR_DB = (-50.0, -32.0)  # the room's noise below the speech
ATTEMPTS = 4
# eSpeak, flite, Piper and Festival speak faster than people do, so they are slowed.
SPEEDS = {"kokoro": (0.85, 1.15)}
SLOWED = (0.75, 1.05)


@dataclass(frozen=True, kw_only=True)
class Talk:
    """One file: a voice that says some sentences, by their line numbers from 1 on."""

    part: str
    engine: str
    voice: str
    number: int
    sentences: tuple[int, ...]

    @property
    def name(self) -> str:
        """The file's place without a suffix: train/kokoro_af-heart/1."""
        return f"{self.part}/{self.engine}_{voice_slug(self.voice)}/{self.number}"


def speak(
    engine: Engine, talk: Talk, sentences: Sequence[str], seed: int
) -> tuple[Samples, list[tuple[int, float]]]:
    """Say a file's sentences with pauses over a room's noise: samples, (number, start in s).

    Pitch and pace are the speaker's, and vary a little from sentence to sentence.  A sentence that
    the engine fails to say is left out.
    """
    rng = np.random.default_rng([seed, 5, *talk.name.encode()])
    manner = Utterance(
        text="",
        voice=talk.voice,
        speed=float(rng.uniform(*SPEEDS.get(talk.engine, SLOWED))),
        pitch=round(float(rng.uniform(0.93, 1.09)), 2),
        peak=float(10 ** (rng.uniform(-14, -5) / 20)),
        margin_ms=(50, 80),
    )
    pieces: list[Samples] = [_pause(rng)]
    starts: list[tuple[int, float]] = []
    for number in talk.sentences:
        clip = _say(engine, replace(manner, text=sentences[number - 1]), rng)
        if clip is None:
            print(f"{talk.name}: left out {sentences[number - 1]!r}", file=sys.stderr, flush=True)
            continue
        starts.append((number, round(sum(map(len, pieces)) / SAMPLE_RATE_HZ, 2)))
        pieces += [clip, _pause(rng)]
    speech = np.concatenate(pieces).astype(np.float64)
    room = coloured(rng, len(speech), rng.uniform(0.4, 1.0))
    level = speech[speech != 0].std() * 10 ** (rng.uniform(*FLOOR_DB) / 20)
    noisy = speech + room * (level / room.std())
    return np.clip(np.rint(noisy), -32768, 32767).astype(np.int16), starts


def _pause(rng: np.random.Generator) -> Samples:
    return np.zeros(round(rng.uniform(*PAUSE_S) * SAMPLE_RATE_HZ), np.int16)


def _say(engine: Engine, utterance: Utterance, rng: np.random.Generator) -> Samples | None:
    """One sentence, tried again at another pace and level where the speech failed."""
    for _ in range(ATTEMPTS):
        speed = round(utterance.speed * float(rng.uniform(0.94, 1.06)), 2)
        peak = utterance.peak * float(10 ** (rng.uniform(-3, 3) / 20))
        clip = render(engine, replace(utterance, speed=speed, peak=peak))
        if clip is not None:
            return clip
    return None
