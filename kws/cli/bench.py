"""The command `kws bench`, and below it the comparisons of accuracy, which train."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from kws.cli.options import AsJson, Negatives, OutputFolder, Positives, Seed
from kws.cli.support import ListCommand
from kws.support.text import json_text, shown

bench_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


class Benchmark(str, Enum):
    """What can be measured."""

    engine = "engine"
    mfcc = "mfcc"
    listen = "listen"
    serve = "serve"
    training = "training"
    batch = "batch"


class Task(str, Enum):
    """The tasks of the paper, and the one of the recordings that lack "on" and "off"."""

    commands10 = "commands10"
    google12 = "google12"
    google30 = "google30"


class Readout(str, Enum):
    """Which frame's logits are a clip's."""

    last = "last"
    max = "max"


Data = Annotated[Path, typer.Option(metavar="DIR", help="The Speech Commands folder.")]
Scale = Annotated[
    float, typer.Option(metavar="X", help="Train this many times the usual number of epochs.")
]
Seeds = Annotated[int, typer.Option(metavar="N", min=1, help="Train each network so many times.")]


@bench_app.callback()
def bench(
    context: typer.Context,
    only: Annotated[
        list[Benchmark] | None, typer.Option(metavar="NAME", help="Measure only this; may repeat.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Measure this, not the first wake word that ships."),
    ] = None,
    peers: Annotated[
        str,
        typer.Option(
            metavar="PYTHON",
            help="A Python that has pymicro-wakeword, pyopen-wakeword or wyoming-openwakeword.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Measure the speed of the engine, the front end, listening and training on this machine.

    It measures engine, mfcc, listen, serve, training and batch, which takes some minutes. The
    commands below train networks and compare their accuracy.

    \b
    Example: kws bench
    Example: kws bench --only engine --only training --json
    """
    if context.invoked_subcommand:
        return
    from kws.bench import suite

    result = suite.run([name.value for name in only or ()], model=model, peers=peers)
    print(json_text(result, indent=2) if as_json else suite.to_text(result))


@bench_app.command("peers", cls=ListCommand)
def peers(
    positives: Positives = None,
    negatives: Negatives = None,
    word: Annotated[
        str, typer.Option(metavar="NAME", help="The detectors' own model, as hey_jarvis.")
    ] = "",
    python: Annotated[
        str,
        typer.Option(
            metavar="PYTHON", help="The Python that has the detectors installed, if not this one."
        ),
    ] = "",
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="A model of ours.")] = None,
    held_out: Annotated[
        bool,
        typer.Option("--held-out", help="Take only the recordings that training kept for testing."),
    ] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Play your recordings to other detectors and a model of ours, and compare what they hear.

    The detectors are pymicro-wakeword (microWakeWord's models) and pyopen-wakeword
    (openWakeWord's), which pip installs into a Python of their own.

    \b
    Example: kws bench peers --word alexa --python peers/bin/python \\
                 --model runs/alexa --positives data/raw/alexa/positives \\
                 --negatives data/raw/librispeech
    """
    if not (positives and negatives):
        raise typer.BadParameter("give both --positives and --negatives")
    from kws.bench import peers
    from kws.support.cache import CACHE

    result = peers.compare(
        positives or [],
        negatives or [],
        python=python or sys.executable,
        word=word,
        model=model,
        held_out=held_out,
        seed=seed,
        cache=CACHE,
    )
    print(json_text(result, indent=2) if as_json else peers.to_text(result))


@bench_app.command("paper")
def paper(
    data: Data,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Train only this network; may repeat."),
    ] = None,
    task: Annotated[Task, typer.Option(help="Which words.")] = Task.commands10,
    epochs_scale: Scale = 1.0,
    seeds: Seeds = 1,
    readout: Annotated[
        Readout, typer.Option(help="Judge a clip by its last frame, or the maximum.")
    ] = Readout.last,
    augment: Annotated[
        bool, typer.Option("--augment", help="Vary the training clips; the paper does not.")
    ] = False,
    to: OutputFolder = Path("runs/paper"),
    as_json: AsJson = False,
) -> None:
    """Train the networks of the FastGRNN paper by its recipe, and print its table beside ours.

    The names are rnn, fastrnn, fastgrnn, fastgrnn-l, fastgrnn-ls, fastgrnn-lsq, gru and lstm. A
    run that was killed goes on, and a finished one is not repeated. Tables go to DIR/<task>/.

    \b
    Example: kws bench paper --data data/raw/speech_commands --epochs-scale 0.2
    Example: kws bench paper --data data/raw/speech_commands --task google12 \\
                 --seeds 3
    """
    from kws.studies import paper, paper_report

    setting = paper.Setting(
        data=data,
        task=task.value,
        epochs_scale=epochs_scale,
        readout=readout.value,
        augmented=augment,
    )
    runs = paper.run(setting, to, only=only or (), seeds=seeds, say=_say)
    result = paper_report.results(setting, runs)
    paper_report.write(result, to / setting.task)
    print(json_text(result, indent=1) if as_json else paper_report.to_text(result))


def _say(line: str) -> None:
    typer.echo(shown(line), err=True)  # the result alone goes to stdout


@bench_app.command("frontier")
def frontier(
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The Speech Commands folder: train what is missing."),
    ] = None,
    recipe: Annotated[
        Path, typer.Option(metavar="TOML", help="The recipe whose clips and features all share.")
    ] = Path("models/commands_5k/config.toml"),
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Train this one, as ours-1024 or gru; may repeat."),
    ] = None,
    epochs_scale: Scale = 1.0,
    seeds: Seeds = 1,
    to: OutputFolder = Path("runs/frontier"),
    runs: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="More finished runs, DIR/<name>/seed<N>; may repeat."),
    ] = None,
    models: Annotated[
        Path, typer.Option(metavar="DIR", help="Shipped models; frontier.json and .png go here.")
    ] = Path("models"),
    as_json: AsJson = False,
) -> None:
    """Draw accuracy against bytes: ours at eight sizes, peers on the same clips, published figures.

    Finished runs and shipped models are added to DIR/frontier.json, which keeps those of before;
    frontier.png is drawn from it, and the table in docs/results/accuracy-per-byte.md is written.

    \b
    Example: kws bench frontier
    Example: kws bench frontier --data data/raw/speech_commands \\
                 --only ours-512 --only gru --seeds 3
    """
    if only and data is None:
        raise typer.BadParameter("--only chooses what is trained: give the words with --data DIR")
    from kws.studies import frontier, frontier_picture, frontier_points

    if data is not None:
        template = frontier.template_of(recipe, data)
        frontier.train_missing(
            template, to, only=only or (), seeds=seeds, epochs_scale=epochs_scale, say=_say
        )
    kept = frontier_points.load(models / "frontier.json")
    found = frontier.gather([to, *(runs or [])], models)
    points = frontier_points.merge(kept, [*found, *frontier_points.published()])
    text = frontier_picture.to_markdown(points)
    frontier_points.save(models / "frontier.json", points)
    frontier_picture.draw(points, models / "frontier.png")
    frontier_picture.update(models.parent / frontier_picture.PAGE, text)
    print((models / "frontier.json").read_text("utf-8") if as_json else text)
