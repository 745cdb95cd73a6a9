"""The command `kws serve`: wake words for the smart home."""

from pathlib import Path
from typing import Annotated

import typer

from kws.cli.options import Threshold
from kws.cli.support import numpy_alone
from kws.serving.address import URI


def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL ...]",
            help="Models to serve; without any, those of models/ and those that ship.",
        ),
    ] = None,
    uri: Annotated[
        str, typer.Option(metavar="URI", help="tcp://HOST:PORT, or unix:///PATH.")
    ] = URI,
    folder: Annotated[
        Path | None,
        typer.Option("--models", metavar="DIR", help="Serve the .kws files below it, too."),
    ] = None,
    threshold: Threshold = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS", help="Serve this address or network alone; may be repeated."
        ),
    ] = None,
    zeroconf: Annotated[
        bool, typer.Option("--zeroconf", help="Announce the service, for Home Assistant to find.")
    ] = False,
    max_clients: Annotated[
        int, typer.Option(metavar="N", min=1, help="Refuse more clients than this at once.")
    ] = 256,
    as_json: Annotated[bool, typer.Option("--json", help="Print each detection as JSON.")] = False,
) -> None:
    """Serve wake words by the Wyoming protocol: to Home Assistant and its satellites.

    \b
    Example: kws serve
    Example: kws serve hey_cortana athena --threshold 0.9
    Example: kws serve --models my_models --uri tcp://0.0.0.0:10400 \\
                 --allow 192.168.1.0/24 --zeroconf
    """
    numpy_alone()
    import asyncio

    from kws.engine import model_file
    from kws.serving import server
    from kws.serving.address import parse_networks
    from kws.serving.catalogue import Catalogue, find_models
    from kws.support.refusals import each

    served = each(model_file.load, models or ())
    served += find_models(folder, installed=not served, named=served)
    settings = server.Settings(
        uri=uri,
        threshold=threshold,
        allow=parse_networks(allow or ()),
        max_clients=max_clients,
        zeroconf=zeroconf,
    )
    asyncio.run(server.run(Catalogue(served), settings, as_json=as_json))
