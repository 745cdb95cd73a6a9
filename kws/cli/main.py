"""The command line: parse, call, print.  What a command needs is imported when it runs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from kws.cli import bench, board, record, serve, train
from kws.cli import listen as live
from kws.cli.options import (
    AsJson,
    Channel,
    Folders,
    Model,
    Models,
    Noise,
    OutputFolder,
    Seed,
    Split,
    Threshold,
)
from kws.cli.support import CommandGroup, ListCommand, prepare_outputs
from kws.support.text import json_text, shown

app = typer.Typer(
    cls=CommandGroup,
    epilog="Every command has --help, with an example.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.add_typer(train.download_app, name="download", help="Fetch a public corpus.")
app.command()(train.synthesize)
app.command()(record.record)
app.add_typer(
    train.train_app,
    name="train",
    help="Train a model; `kws train RECIPE.toml` takes every setting from one file.",
)
app.add_typer(bench.bench_app, name="bench")
app.command()(board.deploy)
app.command()(board.monitor)
app.command()(serve.serve)
app.command()(live.listen)
app.command()(live.devices)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Wake words in one kilobyte: train, evaluate, listen, export to a microcontroller."""
    if version:
        from kws import __version__

        print(f"kws {__version__}")
        raise typer.Exit


@app.command(cls=ListCommand)
def evaluate(
    model: Model,
    clips: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder of <word>/<clip>.wav.")
    ] = None,
    split: Annotated[
        Split | None,
        typer.Option(help="Take this official part of Speech Commands from --clips."),
    ] = None,
    positives: Annotated[
        Folders | None, typer.Option(metavar="DIR ...", help="Folders with the wake word.")
    ] = None,
    negatives: Annotated[
        Folders | None, typer.Option(metavar="DIR ...", help="Folders without it.")
    ] = None,
    noise: Noise = None,
    snr_db: Annotated[
        float | None,
        typer.Option(metavar="DB", help="Mix --noise into the positives at this ratio."),
    ] = None,
    room: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Play the positives in this room (impulse response)."),
    ] = None,
    gain_db: Annotated[
        float, typer.Option(metavar="DB", help="Play everything louder, or quieter below 0.")
    ] = 0.0,
    threshold: Threshold = None,
    channel: Channel = None,
    seed: Seed = 0,
    held_out: Annotated[
        bool,
        typer.Option("--held-out", help="Take only the recordings that training kept for testing."),
    ] = False,
    list_errors: Annotated[
        bool, typer.Option("--list-errors", help="Name every file that went wrong.")
    ] = False,
    png: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw misses against false accepts (DET curve)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the shipped bytes: clip accuracy, or misses and false accepts in a stream.

    \b
    Example: kws evaluate commands_5k --clips data/raw/speech_commands \\
                 --split validation
    Example: kws evaluate hey_cortana --positives data/raw/mine \\
                 --negatives data/raw/talk data/raw/music \\
                 --snr-db 10 --noise data/raw/noise
    """
    is_stream = bool(positives and negatives)
    if bool(clips) == is_stream or bool(positives) != bool(negatives):
        raise typer.BadParameter("give either --clips, or both --positives and --negatives")
    is_of_streams = bool(noise or snr_db is not None or room or gain_db or png or held_out)
    _refuse_mixed(clips, split, channel, is_of_streams, threshold is not None or list_errors)
    from kws.cli import summaries
    from kws.engine.model_file import find
    from kws.evaluation.clips import evaluate_clips, evaluate_split
    from kws.evaluation.stream import evaluate_stream
    from kws.support.cache import CACHE

    given = [*(positives or ()), *(negatives or ()), *(noise or ()), *([room] if room else ())]
    prepare_outputs(None, png, [find(model), *given])
    options: dict[str, Any] = {
        "threshold": threshold,
        "list_errors": list_errors,
        "channel": channel,
    }
    if clips and split:
        _print(evaluate_split(model, clips, split.value), as_json, summaries.clips)
    elif clips:
        _print(evaluate_clips(model, clips, **options), as_json, summaries.clips)
    else:
        result = evaluate_stream(
            *(model, positives or [], negatives or [], noise or [], snr_db, seed),
            held_out=held_out,
            room=room,
            gain_db=gain_db,
            cache=CACHE,
            **options,
        )
        if png:
            from kws.report.training import detection_curve

            detection_curve({model: result}, png)
        _print(result, as_json, summaries.stream)


def _refuse_mixed(
    clips: Path | None,
    split: Split | None,
    channel: int | None,
    is_of_streams: bool,
    is_of_folders: bool,
) -> None:
    """Refuse what does not go together, and would be left out of the figures without a word."""
    if split and not clips:
        raise typer.BadParameter("--split goes with --clips")
    if split and is_of_folders:
        raise typer.BadParameter(
            "--threshold and --list-errors do not go with --split, where the largest score decides"
        )
    if split and channel is not None:
        raise typer.BadParameter("--channel does not go with --split, whose clips have one channel")
    if clips and is_of_streams:
        which = "--noise, --snr-db, --room, --gain-db, --held-out and --png"
        raise typer.BadParameter(f"{which} go with --positives and --negatives")


@app.command()
def export(
    models: Models,
    to: OutputFolder,
    format: Annotated[
        str,
        typer.Option(
            metavar="FORMAT",
            help="c, arduino, platformio, esp-idf, esphome, zephyr, wasm or onnx.",
        ),
    ],
    second: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The same as a second MODEL.")
    ] = None,
) -> None:
    """Write a model and the engine as a library for your own project, or as a page (wasm).

    Several models share one engine. ONNX (onnx) holds the network in floating point.

    \b
    Example: kws export hey_cortana --to build/arduino --format arduino
    Example: kws export hey_cortana athena --to build/esphome --format esphome
    """
    from kws.device import export

    for path in export.export(models[0], to, format, others=models[1:], second=second):
        print(shown(path))


@app.command()
def inspect(model: Model, as_json: AsJson = False) -> None:
    """Show every field of a model, and account for every byte.

    \b
    Example: kws inspect hey_cortana
    """
    from kws.cli import summaries
    from kws.engine import model_file

    _print(model_file.inspect(model), as_json, summaries.model)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, what is missing, and the command that mends it.

    \b
    Example: kws doctor
    """
    from kws.cli import doctor

    checks = doctor.examine()
    if as_json:
        _print(doctor.to_json(checks), True)
    else:
        print(doctor.to_text(checks))
    if not doctor.is_healthy(checks):
        raise typer.Exit(1)


def _print(result: Any, as_json: bool, to_text: Any = str) -> None:
    print(json_text(result, indent=2) if as_json else to_text(result))


def main() -> None:
    """Run `kws`."""
    app(prog_name="kws")
