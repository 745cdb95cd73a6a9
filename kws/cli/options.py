"""The arguments and options that several commands share."""

import math
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

Folders = list[Path]

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A .kws file, a folder that holds one, or a name under models/."
    ),
]
PhraseOrNone = Annotated[
    str | None, typer.Argument(metavar="PHRASE", help="The words, such as 'hey cortana'.")
]
Models = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL...", help="A .kws file, a folder that holds one, or a name under models/."
    ),
]
Phrase = Annotated[str, typer.Argument(metavar="PHRASE", help="The words, such as 'hey cortana'.")]
OutputFolder = Annotated[Path, typer.Option(metavar="DIR", help="The folder to write.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="The same seed gives the same result.")]
MaxBytes = Annotated[int, typer.Option(metavar="N", help="The largest model file to accept.")]
Threshold = Annotated[
    float | None,
    typer.Option(metavar="P", help="A posterior above 0 and below 1, in place of the model's own."),
]
Thresholds = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="[MODEL=]P",
        help="A posterior above 0 and below 1, in place of the models' own, or of this model's; "
        "may be repeated.",
    ),
]
Channel = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="Of several channels only this one; the first is 0."),
]
Near = Annotated[
    float, typer.Option(metavar="P", help="The least peak that counts as a near miss.")
]
SaveClips = Annotated[
    Path | None,
    typer.Option(
        "--save-clips",
        "--clips",
        metavar="DIR",
        help="Save the sound of detections and near misses as WAV.",
    ),
]
Csv = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the scores of every frame.")]
Png = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the scores.")]


def _positive(seconds: float | None) -> float | None:
    if seconds is not None and not 0 < seconds < math.inf:
        raise typer.BadParameter(f"{seconds:g} is no time to stop after: give one above 0")
    return seconds


Seconds = Annotated[
    float | None,
    typer.Option(metavar="S", callback=_positive, help="Stop after this time, not at Ctrl-C."),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Hear the room for 30m, 2h or 90s, in which nobody says the word, and propose "
        "thresholds for it.",
    ),
]
OnDetect = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help="Run this at each detection, without a shell: KWS_WORD, KWS_SCORE, KWS_TIME_S are in "
        "its environment.",
    ),
]
Positives = Annotated[
    Folders | None, typer.Option(metavar="DIR ...", help="Folders with the wake word.")
]
Negatives = Annotated[Folders | None, typer.Option(metavar="DIR ...", help="Folders without it.")]
Seeds = Annotated[
    int, typer.Option(metavar="N", min=1, help="Train N seeds and keep the best on validation.")
]
Noise = Annotated[
    Folders | None, typer.Option(metavar="DIR ...", help="Folders of noise to mix in.")
]


class EngineName(str, Enum):
    """The speech synthesisers, or all of them that are installed."""

    all = "all"
    piper = "piper"
    kokoro = "kokoro"
    flite = "flite"
    espeak = "espeak"
    festival = "festival"


class Part(str, Enum):
    """The parts that the synthesisers' voices are divided into."""

    all = "all"
    train = "train"
    validation = "validation"
    test = "test"


class Split(str, Enum):
    """The official parts of Speech Commands that a model is measured on."""

    validation = "validation"
    testing = "testing"
