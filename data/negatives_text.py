"""What the pack of negatives says: its sentences, the rules for them, and what sounds they hold.

python data/negatives_text.py       # with espeak-ng: the phonemes, and whether a rule is broken
"""

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

TEXT = Path(__file__).with_name("negatives_sentences.txt")
WAKE_WORDS = ("hey", "cortana", "alexa", "computer", "jarvis", "athena", "robin")
SHORTEST_WORDS, LONGEST_WORDS = 3, 25
# American English in eSpeak NG's own letters (D as in "then", 3: as in "bird"), and the variants of
# a phoneme that it tells apart.
PHONEMES = (
    *("p", "b", "t", "d", "k", "g", "f", "v", "T", "D", "s", "z", "S", "Z", "h", "tS", "dZ"),
    *("m", "n", "N", "l", "r", "j", "w"),
    *("i:", "I", "E", "a", "A:", "O:", "U", "u:", "V", "@", "3", "3:"),
    *("eI", "aI", "OI", "aU", "oU"),
)
_VARIANTS = {
    **dict.fromkeys(("t#", "t2", "?"), "t"),
    **dict.fromkeys(("i", "I2", "I#"), "I"),
    **dict.fromkeys(("@2", "a#", "@L"), "@"),
    **dict.fromkeys(("0", "A@"), "A:"),
    **dict.fromkeys(("O2", "O@", "o@"), "O:"),
    **{"aa": "a", "e@": "E", "U@": "U", "i@": "I", "i@3": "I", "aI3": "aI", "aI@": "aI", "r-": "3"},
}


def read_sentences() -> list[str]:
    """The sentences in order: line 1 of the file is the first."""
    return TEXT.read_text(encoding="ascii").splitlines()


def words(sentence: str) -> list[str]:
    """The words of a sentence in small letters: `don't` is one."""
    return re.findall(r"[a-z0-9']+", sentence.lower())


def faults(sentences: Sequence[str]) -> list[str]:
    """Every rule that a sentence breaks, in words."""
    found = []
    spoken = Counter(" ".join(words(sentence)) for sentence in sentences)
    found += [f"said {times} times: {text}" for text, times in spoken.items() if times > 1]
    for sentence in sentences:
        said = words(sentence)
        if not SHORTEST_WORDS <= len(said) <= LONGEST_WORDS:
            found.append(f"{len(said)} words: {sentence}")
        if sentence != sentence.strip() or sentence[-1] not in ".!?":
            found.append(f"no end, or spaces around it: {sentence}")
        # Run together too, as "rob in" sounds like "robin"; "hey" would be found in "they".
        joined = "".join(said)
        held = [word for word in WAKE_WORDS if word in said or (word != "hey" and word in joined)]
        found += [f"holds {word!r}: {sentence}" for word in held]
    return found


def phonemes(text: str) -> list[list[str]]:
    """The phonemes of a text by eSpeak NG (en-us), a list for each clause, without stress."""
    done = subprocess.run(
        ["espeak-ng", "-q", "-x", "--sep=_", "-v", "en-us"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    clauses = []
    for line in done.stdout.splitlines():
        sounds = re.split(r"[_\s]+", re.sub(r"[',%]|\(.*?\)", "", line))
        clauses.append([_VARIANTS.get(sound, sound) for sound in sounds if sound])
    return clauses


def coverage(clauses: Sequence[Sequence[str]]) -> dict[str, int]:
    """How often each of PHONEMES is said."""
    counts = Counter(sound for clause in clauses for sound in clause)
    return {sound: counts[sound] for sound in PHONEMES}


def sounding(clauses: Sequence[Sequence[str]]) -> list[str]:
    """The clauses that hold all the phonemes of a wake word in a row, across words or not."""
    found = []
    for word in WAKE_WORDS:
        if word == "hey":  # half of "haste" and "hail"
            continue
        sound = "_" + "_".join(phonemes(word)[0]) + "_"
        lines = ("_" + "_".join(clause) + "_" for clause in clauses)
        found += [f"sounds like {word!r}: {line}" for line in lines if sound in line]
    return found


def main() -> None:
    """Print the phonemes' counts; stop with what breaks a rule."""
    sentences = read_sentences()
    clauses = phonemes("\n\n".join(sentences))
    said = sum(len(words(sentence)) for sentence in sentences)
    print(f"{len(sentences)} sentences, {said} words")
    print(", ".join(f"{sound} {times}" for sound, times in coverage(clauses).items()))
    broken = faults(sentences) + sounding(clauses)
    if broken:
        raise SystemExit("\n".join(broken))


if __name__ == "__main__":
    main()
