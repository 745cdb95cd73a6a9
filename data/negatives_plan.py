"""Who says what in the pack of negatives: its shares, and from them the plan of every file."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from talks import Talk

from kws.corpus.speech_engines import PARTS, Engine
from kws.corpus.synthesize import part_voices
from kws.errors import ToolError

SENTENCES_A_FILE = 30


@dataclass(frozen=True, kw_only=True)
class Share:
    """What an engine says in a part: so many voices, so many sentences each."""

    part: str
    engine: str
    voices: int
    sentences: int
    skipped: int = 0
    """Sentences that nobody says before it: they were another's, whose files are gone."""


# The voices are in the parts that `kws synthesize --part` has them in.  Festival is kept for
# the test: a make of sound that no training hears. Piper's voice is left out: it was fine-tuned
# from one whose recordings have a licence of their own.  Only ever add rows at the end: they give
# new voices and go on with the sentences, and every file of the rows before stays as it is.
SHARES = (
    Share(part="validation", engine="kokoro", voices=6, sentences=14),
    Share(part="validation", engine="flite", voices=1, sentences=32, skipped=40),
    Share(part="validation", engine="espeak", voices=4, sentences=12),
    Share(part="train", engine="flite", voices=2, sentences=40),
    Share(part="train", engine="espeak", voices=24, sentences=8),
    Share(part="train", engine="kokoro", voices=27, sentences=5),
    Share(part="test", engine="festival", voices=1, sentences=30),
    Share(part="test", engine="flite", voices=1, sentences=30),
    Share(part="test", engine="espeak", voices=4, sentences=8),
    Share(part="test", engine="kokoro", voices=6, sentences=5),
    # The second round is above all for validation, by which thresholds are set.
    Share(part="validation", engine="kokoro", voices=20, sentences=13),
    Share(part="validation", engine="flite", voices=1, sentences=92),
    Share(part="validation", engine="espeak", voices=28, sentences=9),
    Share(part="train", engine="flite", voices=2, sentences=40),
)


def plan(
    shares: Sequence[Share], engines: dict[str, Engine], sentences: int, seed: int
) -> Iterator[Talk]:
    """Who says what, in order: in each part its own sentences, all of them said equally often."""
    queues = {part: _queue(part, sentences, seed) for part in PARTS}
    chosen: Counter[tuple[str, str]] = Counter()  # voices of a part and engine so far
    files: Counter[tuple[str, str, str]] = Counter()  # and files of a voice
    for share in shares:
        part, name = share.part, share.engine
        for _ in range(share.skipped):
            next(queues[part])
        rng = np.random.default_rng([seed, PARTS.index(part), *name.encode()])
        after = chosen[part, name]
        chosen[part, name] += share.voices
        for voice in choose_voices(engines[name], part, share.voices, rng, after=after):
            said = [next(queues[part]) for _ in range(share.sentences)]
            for some in np.array_split(said, -(-len(said) // SENTENCES_A_FILE)):
                files[part, name, voice] += 1
                yield Talk(
                    part=part,
                    engine=name,
                    voice=voice,
                    number=files[part, name, voice],
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


def choose_voices(
    engine: Engine, part: str, count: int, rng: np.random.Generator, *, after: int = 0
) -> list[str]:
    """The next voices of a part, sorted, after those of earlier rounds with the same draws.

    Kokoro's English ones come first, and then blends.  Where an engine has no more voices, its
    first ones speak again.
    """
    names = part_voices(engine, part)
    if engine.name == "kokoro":
        chosen = [name for name in names if name[0] in "ab"][: after + count]
        while len(chosen) < after + count:
            voice = engine.draw_voice(names, rng)
            if "+" in voice and voice not in chosen:
                chosen.append(voice)
        return chosen[after:]
    if len(names) < count:
        raise ToolError(f"{engine.name} has {len(names)} of {count} {part} voices: install more")
    if engine.name == "espeak":  # the variant is the speaker: each once, then in another accent
        names = _by_turns(names, rng)
    return sorted(names[i % len(names)] for i in range(after, after + count))


def _by_turns(names: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Voices of eSpeak in rounds of all speakers, each time with another accent of theirs."""
    by_speaker: dict[str, list[str]] = {}
    for name in names:
        by_speaker.setdefault(name.partition("+")[2], []).append(name)
    speakers = rng.permutation(sorted(by_speaker))
    return [
        by_speaker[who][(i + turn) % len(by_speaker[who])]
        for turn in range(max(map(len, by_speaker.values())))
        for i, who in enumerate(speakers)
    ]
