"""The commands for boards: put a model on one, and follow what it hears."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kws.cli.options import Csv, Model, Near, OnDetect, Png, SaveClips, Seconds, Threshold
from kws.cli.support import numpy_alone, prepare_outputs
from kws.support.text import shown


def deploy(
    model: Model,
    board: Annotated[
        str, typer.Option(metavar="BOARD", help="pico, uno, nano33ble or microbit_v2.")
    ],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="A folder, or the drive that the board offers.")
    ] = Path("."),
    second: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A second model, to be chosen on the line.")
    ] = None,
    microphone: Annotated[
        str, typer.Option(metavar="KIND", help="analog (MAX4466, MAX9814) or i2s (INMP441).")
    ] = "analog",
) -> None:
    """Write an image with a model for a board, and say how to flash and wire it.

    \b
    Example: kws deploy hey_cortana --board pico
    Example: kws deploy athena --second hey_cortana --board pico --microphone i2s
    """
    from kws.device import deploy

    done = deploy.deploy([model, *([second] if second else [])], board, to, microphone)
    print(shown(done.file))
    print(done.instructions)


def monitor(
    port: Annotated[str, typer.Argument(metavar="PORT", help="/dev/ttyACM0, COM3, ...")],
    threshold: Threshold = None,
    refractory: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, max=255, help="Skip so many frames after a detection."),
    ] = None,
    model: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, max=255, help="Let this model of the flash listen."),
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Keep these settings in the board's flash.")
    ] = False,
    near: Near = 0.5,
    save_clips: SaveClips = None,
    csv: Csv = None,
    png: Png = None,
    seconds: Seconds = None,
    on_detect: OnDetect = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each detection as JSON.")] = False,
) -> None:
    """Show live what a board hears, and change its threshold without flashing it.

    A terminal shows a screen with keys; ? lists them.

    \b
    Example: kws monitor /dev/ttyACM0
    Example: kws monitor /dev/ttyACM0 --threshold 0.97 --save
    Example: kws monitor COM3 --save-clips data/raw/near_misses --near 0.3
    """
    numpy_alone()
    from kws.device import monitor
    from kws.device.line import RATES, BoardLine
    from kws.device.monitor_settings import Settings
    from kws.device.serial_port import SerialPort
    from kws.listening.ending import ended_by_signals
    from kws.listening.timeline import Printer

    prepare_outputs(csv, png, [])
    settings = Settings(
        threshold=threshold,
        refractory_frames=refractory,
        model=model,
        save=save,
        near=near,
        save_clips=save_clips,
        csv=csv,
        png=png,
        seconds=seconds,
        on_detect=on_detect,
    )
    with ended_by_signals(), SerialPort(port, RATES[0]) as serial_port:
        printer = Printer(sys.stdout, as_json=as_json)
        monitor.Monitor(BoardLine(serial_port), settings, printer).run()
