"""Whose recordings a model was trained on, by the folders that its recipe names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kws.support.text import code

UNKNOWN = "licence and origin are for the trainer to state"


class Source(NamedTuple):
    """A corpus that asks for (or deserves) to be named wherever a model was trained on it."""

    marks: tuple[str, ...]  # any of them in a folder's path tells that the corpus was used
    attribution: str
    parents: tuple[str, ...] = ()  # folders that hold it among others

    def is_in(self, folder: str) -> bool:
        """Whether the path of a folder tells that it holds the corpus."""
        path = folder.lower().rstrip("/")
        return path.endswith(self.parents) or any(mark in path for mark in self.marks)


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
        parents=("negative_speech",),
    ),
    Source(
        ("accented_en", "speechocean762"),
        "speechocean762: Junbo Zhang et al., English read with a Mandarin accent, 2021, "
        "arXiv:2104.01378. CC BY 4.0; recordings were cut and augmented.",
        parents=("negative_speech",),
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


def attributions(config: Mapping[str, Any], spoken_by: Mapping[str, Sequence[str]]) -> str:
    """Return the card's section on the data of a recipe; nothing where it names no folders.

    spoken_by: the synthesisers that spoke a folder's clips, of folders with no other clips.
    """
    folders = list(dict.fromkeys(folders_of(config)))
    lines = [f"- {source.attribution}" for source in SOURCES if any(map(source.is_in, folders))]
    for folder in folders:
        if any(source.is_in(folder) for source in SOURCES):
            continue
        engines = ", ".join(spoken_by.get(folder, ()))
        origin = f"spoken by synthesisers ({engines})" if engines else UNKNOWN
        lines.append(f"- {code(folder)}: {origin}.")
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
