"""The commands for microphones: listen to one, to a recording or to a pipe, and list them."""

import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.cli.options import (
    AsJson,
    Calibrate,
    Channel,
    Csv,
    Near,
    OnDetect,
    Png,
    SaveClips,
    Seconds,
    Thresholds,
)
from kws.cli.support import numpy_alone, prepare_outputs
from kws.errors import AudioError
from kws.support.text import json_text

if TYPE_CHECKING:
    from kws.cli.calibrate import Calibration
    from kws.listening.hearing import Hearing
    from kws.listening.session import Notes
    from kws.listening.timeline import Printer

STDIN = "-"


def listen(
    models_and_files: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL ... [FILE ... | -]",
            help="Models, then recordings, or - for a pipe of raw int16 at the models' rate.",
        ),
    ],
    device: Annotated[
        str | None, typer.Option(metavar="NUMBER|NAME", help="A microphone of `kws devices`.")
    ] = None,
    threshold: Thresholds = None,
    channel: Channel = None,
    seconds: Seconds = None,
    on_detect: OnDetect = None,
    save_clips: SaveClips = None,
    near: Near = 0.5,
    csv: Csv = None,
    png: Png = None,
    calibrate: Calibrate = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each detection as JSON.")] = False,
) -> None:
    """Detect the wake word in recordings, in a pipe, or live from the microphone.

    On a terminal the microphone gets a screen with level, scores and keys; ? lists them.

    \b
    Example: kws listen hey_cortana
    Example: kws listen hey_cortana athena --on-detect 'notify-send heard'
    Example: kws listen hey_cortana athena --threshold athena=0.97
    Example: kws listen hey_cortana --save-clips heard --near 0.3
    Example: kws listen hey_cortana --calibrate 30m
    Example: kws listen hey_cortana data/sample/stream/held_out.opus
    Example: arecord -t raw -f S16_LE -r 16000 -c 1 \\
                 | kws listen hey_cortana - --json
    """
    numpy_alone()
    from kws.engine.listen import ears_of, models_first
    from kws.engine.model_file import find
    from kws.listening import session, timeline
    from kws.listening.ears import Wishes
    from kws.listening.ending import ended_by_signals
    from kws.listening.hearing import Hearing

    models, files = models_first(models_and_files)
    for_all, for_each = _thresholds(threshold or [])
    _refuse(files, device, channel, bool(csv or png))
    prepare_outputs(csv, png, [*map(find, models), *map(Path, files)])
    wishes = Wishes(
        near=near,
        save_clips=save_clips,
        csv=csv,
        png=png,
        seconds=_seconds(seconds, calibrate),
        calibrates=calibrate is not None,
        on_detect=on_detect,
    )
    notes = session.Notes()
    ending: BaseException | None = None
    with (
        ended_by_signals(),
        closing(Hearing(ears_of(models, for_all, for_each), wishes, notes.tell)) as hearing,
    ):
        calibration = _calibration(hearing)
        try:
            printer = timeline.Printer(sys.stdout, as_json=as_json)
            _hear(hearing, files, printer, notes, device, channel)
        except KeyboardInterrupt as interrupt:  # of a recording or a pipe, which it cut short
            ending = interrupt
        if calibration:
            print(calibration.text(as_json=as_json))
    if ending:
        raise ending
    if hearing.tally.unread:
        raise typer.Exit(1)


def _seconds(seconds: float | None, calibrate: str | None) -> float | None:
    """Return when to stop."""
    if calibrate is None:
        return seconds
    if seconds is not None:
        raise typer.BadParameter("--calibrate says how long it listens: leave --seconds out")
    from kws.cli.calibrate import seconds_of

    return seconds_of(calibrate)


def _calibration(hearing: "Hearing") -> "Calibration | None":
    if not hearing.wishes.calibrates:
        return None
    from kws.cli.calibrate import Calibration  # which loads more than listening does

    return Calibration(hearing)


def _thresholds(texts: list[str]) -> tuple[float | None, dict[str, float]]:
    """Return the threshold of all models, and those of single ones by their names."""
    for_all, for_each = None, {}
    for text in texts:
        model, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise typer.BadParameter(
                f"--threshold {text!r} has no number: give one above 0 and below 1, or MODEL=NUMBER"
            ) from None
        if model:
            for_each[model] = value
        else:
            for_all = value
    return for_all, for_each


def _hear(
    hearing: "Hearing",
    files: list[str],
    printer: "Printer",
    notes: "Notes",
    device: str | None,
    channel: int | None,
) -> None:
    """Hear what was named, or the microphone."""
    from kws.listening import listen, session

    if not files:
        session.listen_to_microphone(hearing, device, printer, notes, channel=channel)
    elif files == [STDIN]:
        if sys.stdin is None:
            raise AudioError("the standard input is closed: pipe raw int16 samples into it")
        listen.listen_to_pipe(hearing, sys.stdin.buffer, printer)
    else:
        listen.listen_to_files(hearing, list(map(Path, files)), printer, channel=channel)


def _refuse(files: list[str], device: str | None, channel: int | None, draws: bool) -> None:
    """Refuse what does not go together."""
    if STDIN in files and len(files) > 1:
        raise typer.BadParameter("- stands alone: it cannot be mixed with files")
    if files and device is not None:
        raise typer.BadParameter("--device goes with the microphone, not with files or -")
    if files == [STDIN] and channel is not None:
        raise typer.BadParameter("--channel goes with files and the microphone: - has one channel")
    if draws and len(files) > 1:
        raise typer.BadParameter("--csv and --png go with one recording, or with the microphone")


def devices(as_json: AsJson = False) -> None:
    """List the microphones.

    \b
    Example: kws devices
    """
    from kws.cli import summaries
    from kws.listening import microphone

    found = microphone.devices()
    if as_json:
        print(json_text([asdict(device) for device in found], indent=2))
    else:
        print(summaries.devices(found))
