"""Whose recordings a model was trained on, by the folders that its recipe names."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kws.support.text import code


class Source(NamedTuple):
    """A corpus that asks for (or deserves) to be named wherever a model was trained on it."""

    marks: tuple[str, ...]  # any of them in a folder's path tells that the corpus was used
    attribution: str


SOURCES = (
    Source(
        ("speech_commands", "speech-commands"),
        'Google Speech Commands: Pete Warden, "Speech Commands: A Dataset for Limited-Vocabulary '
        'Speech Recognition", 2018, arXiv:1804.03209. CC BY 4.0; clips were augmented.',
    ),
    Source(
        ("librispeech",),
        'LibriSpeech: Vassil Panayotov et al., "LibriSpeech: an ASR corpus based on public domain '
        'audio books", 2015. CC BY 4.0; recordings were cut and augmented.',
    ),
    Source(
        ("common_voice", "common-voice", "negative_speech/languages"),
        "Mozilla Common Voice, sentences read by volunteers. CC0 1.0.",
    ),
    Source(
        ("accented_en", "speechocean762"),
        "speechocean762: Junbo Zhang et al., English read with a Mandarin accent, 2021, "
        "arXiv:2104.01378. CC BY 4.0; recordings were cut and augmented.",
    ),
    Source(
        ("data/negatives",),
        "Sentences spoken by synthesisers and computed noises, made for this project; see "
        "data/negatives/README.md.",
    ),
    Source(
        ("wake_phrases", "wake-words"),
        "OpenVoiceOS community recordings of wake phrases. Dedicated to the public domain.",
    ),
    Source(
        ("esc10", "esc-10"),
        "ESC-10: Karol J. Piczak, environmental sounds from freesound.org. CC BY 3.0.",
    ),
    Source(
        ("data/sample", "data/raw/hey_cortana", "synthetic"),
        "Speech synthesised by data/make_sample.py for this project, and noise made by it; see "
        "data/sample/README.md.",
    ),
)


def attributions(config: Mapping[str, Any]) -> str:
    """Return the card's section on the data of a recipe; nothing where it names no folders."""
    folders = list(dict.fromkeys(folders_of(config)))
    known = [
        source.attribution
        for source in SOURCES
        if any(mark in folder.lower() for mark in source.marks for folder in folders)
    ]
    marks = [mark for source in SOURCES for mark in source.marks]
    others = [folder for folder in folders if not any(mark in folder.lower() for mark in marks)]
    lines = [f"- {text}" for text in known]
    lines += [
        f"- {code(folder)}: licence and origin are for the trainer to state." for folder in others
    ]
    return "\n".join(["## Data", "", *lines]) if lines else ""


def folders_of(value: Any) -> Iterator[str]:
    """Yield every string that looks like a path, wherever it stands in the settings."""
    if isinstance(value, str):
        if "/" in value or "\\" in value:
            yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from folders_of(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from folders_of(each)
