"""The command `kws bench`."""

import json
from enum import Enum
from typing import Annotated

import typer

from kws.cli_options import AsJson


class Benchmark(str, Enum):
    """What can be measured."""

    engine = "engine"
    mfcc = "mfcc"
    listen = "listen"
    training = "training"
    batch = "batch"


def bench(
    only: Annotated[
        list[Benchmark] | None, typer.Option(metavar="NAME", help="Measure this one; may repeat.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="In place of the shipped wake word.")
    ] = None,
    peers: Annotated[
        str, typer.Option(metavar="PYTHON", help="A Python that has other detectors installed.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Measure the speed of the engine, the front end, listening and training on this machine.

    The names are engine, mfcc, listen, training and batch; all of them take some minutes.

    \b
    Example: kws bench
    Example: kws bench --only engine --only training --json
    """
    from kws import bench

    result = bench.run([name.value for name in only or ()], model=model, peers=peers)
    print(json.dumps(result, indent=2) if as_json else bench.to_text(result))
