"""The commands that make models: fetch a corpus, speak one, train."""

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from kws.cli.options import (
    EngineName,
    MaxBytes,
    Negatives,
    Noise,
    OutputFolder,
    Part,
    PhraseOrNone,
    Positives,
    Seed,
    Seeds,
)
from kws.cli.support import ListCommand, RecipeGroup, prepare_training
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
    from kws.corpus.corpora import download_speech_commands

    print(shown(download_speech_commands(version, to)))


@download_app.command("wake-data")
def download_wake_data(to: OutputFolder = Path("data/raw")) -> None:
    """Fetch what people say besides a wake word: Speech Commands and LibriSpeech (3.1 GB).

    Of LibriSpeech dev-clean and test-clean. `kws train wake` finds them under data/raw.

    \b
    Example: kws download wake-data --to data/raw
    """
    from kws.corpus.corpora import download_wake_data

    print(*map(shown, download_wake_data(to)), sep="\n")


def synthesize(
    to: OutputFolder,
    phrase: Annotated[
        str, typer.Argument(metavar="[PHRASE]", help="The words, such as 'hey cortana'.")
    ] = "",
    file: Annotated[
        Path | None, typer.Option(metavar="TEXT", help="Speak the lines of a file instead.")
    ] = None,
    near_misses: Annotated[
        bool, typer.Option("--near-misses", help="Speak what is nearly the phrase instead.")
    ] = False,
    clips: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many clips; a file's lines take turns.")
    ] = 1000,
    engine: Annotated[
        EngineName | None,
        typer.Option(
            help="The program that speaks, or all that are installed, each its share; unless "
            "given, the first that is."
        ),
    ] = None,
    part: Annotated[Part, typer.Option(help="Only the voices of this part.")] = Part.all,
    seed: Seed = 0,
) -> None:
    """Speak a phrase into clips, in many voices, speeds and pitches.

    \b
    Example: kws synthesize "hey cortana" --to data/raw/hey_cortana \\
                 --clips 2000 --engine all
    Example: kws synthesize "hey cortana" --near-misses --to data/raw/near_misses
    Example: kws synthesize --file sentences.txt --to data/raw/talk
    """
    from kws.corpus.synthesize import synthesize
    from kws.corpus.wake_data import first_engine, speak_with_all, texts_to_speak

    texts = texts_to_speak(phrase, file, near_misses=near_misses)
    if engine is EngineName.all:
        spoken = speak_with_all(texts, to, clips=clips, part=part.value, seed=seed)
    else:
        name = engine.value if engine else first_engine()
        spoken = len(synthesize(texts, to, clips=clips, engine=name, part=part.value, seed=seed))
    print(f"{count_of(spoken, 'clip')} in {shown(to)}")


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
        list[Path] | None, typer.Option(metavar="DIR ...", help="Folders of unknown words.")
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
    Example: kws train commands --data data/raw/speech_commands \\
                 --words yes,no --out runs/yes_no
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
    phrase: PhraseOrNone = None,
    positives: Positives = None,
    negatives: Negatives = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder to write; runs/NAME unless given."),
    ] = None,
    noise: Noise = None,
    sample_rate: Annotated[
        int, typer.Option(metavar="HZ", help="16000, or 8000 for the smallest chips.")
    ] = 16000,
    max_bytes: MaxBytes = 1024,
    seeds: Seeds = 1,
    seed: Seed = 0,
    improve: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Train this one further, on what it heard wrong."),
    ] = None,
    missed: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR ...", help="With --improve: phrases that it missed."),
    ] = None,
    false_accepts: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR ...", help="With --improve: sound that it fired at."),
    ] = None,
) -> None:
    """Train a wake-word model of at most 1,024 bytes, or improve one.

    Without --positives the phrase is spoken by every speech engine that is installed; without
    --negatives it is told from data/negatives and, in data/raw, negative_speech, speech_commands,
    librispeech and wake_phrases. The same command goes on where an interrupted one stopped.

    \b
    Example: kws train wake "hey robin"
    Example: kws train wake "hey robin" --positives data/raw/friends \\
                 --negatives data/negatives data/raw/talk --seeds 3
    Example: kws train wake --improve hey_cortana --missed kws_clips/saved \\
                 --false-accepts kws_clips/false_accepts --out runs/here
    """
    if improve is not None:
        _improve(**locals())
        return
    if phrase is None or missed or false_accepts:
        raise typer.BadParameter(
            "--missed and --false-accepts go with --improve MODEL" if phrase else "give the phrase"
        )
    from kws.training import wake_word

    prepare_training(out, positives, negatives, noise)
    wake_word.train_wake(
        phrase=phrase,
        positives=positives or [],
        negatives=negatives or [],
        noise=noise or [],
        out=out,
        sample_rate_hz=sample_rate,
        max_bytes=max_bytes,
        seeds=seeds,
        seed=seed,
    )


def _improve(
    improve: str, missed: Any, false_accepts: Any, out: Path | None, seed: int, **given: object
) -> None:
    """Improve a model; `given` are the arguments of `train_wake` that the model itself decides."""
    defaults = inspect.signature(train_wake).parameters
    if any(value != defaults[name].default for name, value in given.items()):
        which = "phrase, data, rate and size from the model, and trains one seed"
        raise typer.BadParameter(f"--improve takes {which}: leave them out")
    if out is None:
        raise typer.BadParameter("--improve needs --out DIR: the model itself stays as it is")
    from kws.training.improve import improve as go_on

    go_on(improve, out, missed=missed or [], false_accepts=false_accepts or [], seed=seed)


@train_app.command("recipe", hidden=True)
def train_recipe(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Another folder to write than its own.")
    ] = None,
    seeds: Seeds = 1,
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
