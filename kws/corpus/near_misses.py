"""What is nearly the phrase: its parts, and words that differ from it by one sound."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from itertools import product

ONSETS = (
    "b",
    "ch",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "sh",
    "t",
    "v",
    "w",
)
VOWELS = ("a", "ee", "o", "oo")
_LETTERS = "aeiouy"
# Stress, length, and vowels that nobody tells apart where they are not stressed.
_UNHEARD, _REDUCED = re.compile("[ˈˌː‿ ]"), re.compile("[əɐɪᵻʌɚɛ]")


def near_misses(phrase: str) -> list[str]:
    """Return texts that a detector of the phrase must not take for it, sorted.

    They are spelt as English would be, for a synthesiser to say: the phrase's own words and
    beginnings, and the phrase with the onset or a vowel of one word exchanged. Never the
    phrase itself, nor, where espeak-ng is there to ask, what sounds like it.
    """
    words = phrase.lower().split()
    texts = {" ".join(words[:count]) for count in range(1, len(words))}
    texts |= set(words) if len(words) > 1 else set()
    for place, word in enumerate(words):
        for other in _exchanged(word):
            texts.add(" ".join([*words[:place], other, *words[place + 1 :]]))
        if len(word) > 4:
            texts.add(" ".join([*words[:place], word[: (len(word) + 1) // 2]]))
    return _unlike(" ".join(words), sorted(texts - {" ".join(words), ""}))


def _unlike(phrase: str, texts: list[str]) -> list[str]:
    """Leave out what is said as the phrase is: `komputer` is no near miss of `computer`."""
    own, *others = _phonemes([phrase, *texts])
    return [
        text
        for text, said in zip(texts, others, strict=True)
        if said != own and _spelt(text) != _spelt(phrase)
    ]


def _spelt(text: str) -> str:
    return text.replace("ck", "k").replace("c", "k")


def _phonemes(texts: Sequence[str]) -> list[str]:
    """How each text is said, without what is hard to hear; its letters without espeak-ng."""
    if shutil.which("espeak-ng"):
        asked = ["espeak-ng", "-q", "--ipa", "-v", "en-us", "--stdin"]
        lines = "".join(f"{text}.\n" for text in texts)
        done = subprocess.run(asked, input=lines, capture_output=True, text=True, check=False)
        said = done.stdout.splitlines()
        if len(said) == len(texts):
            return [_REDUCED.sub("ə", _UNHEARD.sub("", one)) for one in said]
    return list(map(_spelt, texts))


def _exchanged(word: str) -> set[str]:
    """The word with another onset, or with another vowel in one place."""
    start = next((at for at, letter in enumerate(word) if letter in _LETTERS), 0)
    made = {onset + word[start:] for onset in ONSETS}
    spans = _vowels(word)
    return made | {
        word[:first] + vowel + word[end:] for (first, end), vowel in product(spans, VOWELS)
    }


def _vowels(word: str) -> list[tuple[int, int]]:
    """From where to where each run of vowels goes."""
    spans: list[tuple[int, int]] = []
    for at, letter in enumerate(word):
        if letter not in _LETTERS:
            continue
        if spans and spans[-1][1] == at:
            spans[-1] = (spans[-1][0], at + 1)
        else:
            spans.append((at, at + 1))
    return spans
