"""The commands that make models: fetch a corpus, speak one, train."""

from pathlib import Path
from typing import Annotated

import typer

from kws.cli.options import (
    EngineName,
    MaxBytes,
    Negatives,
    Noise,
    OutputFolder,
    Part,
    Phrase,
    Positives,
    Seed,
)
from kws.cli.support import ListCommand, RecipeGroup
from kws.support.text import count_of, shown

download_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
train_app = typer.Typer(cls=RecipeGroup, no_args_is_help=True, rich_markup_mode=None)


@download_app.command("speech-commands")
def download_speech_commands(
    version: Annotated[str, typer.Option(metavar="VERSION", help="v0.01 or v0.02.")] = "v0.02",
    to: OutputFolder = Path("data/raw"),
) -> None:
    """Fetch Google Speech Commands (2.4 GB), or go on with an interrupted download.

    \b
    Example: kws download speech-commands --to data/raw
    """
    from kws.corpus.download import download_speech_commands

    print(shown(download_speech_commands(version, to)))


def synthesize(
    phrase: Phrase,
    to: OutputFolder,
    clips: Annotated[int, typer.Option(metavar="N", min=1, help="How many clips.")] = 1000,
    engine: Annotated[
        EngineName, typer.Option(help="The program that speaks.")
    ] = EngineName.kokoro,
    part: Annotated[Part, typer.Option(help="Only the voices of this part.")] = Part.all,
    seed: Seed = 0,
) -> None:
    """Speak a phrase into clips, in many voices, speeds and pitches.

    \b
    Example: kws synthesize "hey cortana" --to data/raw/hey_cortana --clips 2000 --engine kokoro
    """
    from kws.corpus.synthesize import synthesize

    name, voices = engine.value, part.value
    paths = synthesize(phrase, to, clips=clips, engine=name, part=voices, seed=seed)
    print(f"{count_of(len(paths), 'clip')} in {shown(to)}")


@train_app.command("commands", cls=ListCommand)
def train_commands(
    data: Annotated[Path, typer.Option(metavar="DIR", help="The Speech Commands folder.")],
    out: OutputFolder,
    words: Annotated[
        str,
        typer.Option(
            metavar="A,B,...", help="The words, `all` of them, or by default the ten standard ones."
        ),
    ] = "",
    negatives: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Folders of unknown words.")
    ] = None,
    noise: Noise = None,
    max_bytes: MaxBytes = 5632,
    teachers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=16,
            help="How many larger FastGRNNs to train first as teachers, and half as many DS-CNNs. "
            "By default models/commands_teacher teaches the words that it knows; for others there "
            "are 4, or none up to 1.5 KB.",
        ),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Train a model that tells command words apart.

    \b
    Example: kws train commands --data data/raw/speech_commands --words yes,no --out runs/yes_no
    """
    from kws.training import train

    names = [word.strip() for word in words.split(",") if word.strip()]
    train.train_commands(
        data=data,
        words=names or None,
        negatives=negatives or [],
        noise=noise or [],
        out=out,
        max_bytes=max_bytes,
        teachers=teachers,
        seed=seed,
    )


@train_app.command("wake", cls=ListCommand)
def train_wake(
    phrase: Phrase,
    positives: Positives,
    negatives: Negatives,
    out: OutputFolder,
    noise: Noise = None,
    max_bytes: MaxBytes = 1024,
    seed: Seed = 0,
) -> None:
    """Train a wake-word model of at most 1,024 bytes.

    \b
    Example: kws train wake "hey cortana" --positives data/raw/hey_cortana \\
                 --negatives data/raw/talk data/raw/near_misses --out runs/hey_cortana
    """
    from kws.training import train

    train.train_wake(
        phrase=phrase,
        positives=positives,
        negatives=negatives,
        noise=noise or [],
        out=out,
        max_bytes=max_bytes,
        seed=seed,
    )


@train_app.command("recipe", hidden=True)
def train_recipe(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Another folder to write than its own.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", help="Train N seeds and keep the best on validation.")
    ] = 1,
) -> None:
    """Train what a recipe describes.

    \b
    Example: kws train models/hey_cortana/config.toml --out runs/hey_cortana
    """
    if seeds == 1:
        from kws.training import train

        train.train_recipe(recipe, out)
    else:
        from kws.training.seeds import train_seeds

        train_seeds(recipe, seeds, out)
