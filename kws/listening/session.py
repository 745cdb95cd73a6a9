"""One session with a microphone: a screen on a terminal, plain lines everywhere else."""

import sys
import time

from kws.listening.hearing import Hearing
from kws.listening.lasting import LastingMicrophone
from kws.listening.live import Live, steps
from kws.listening.terminal import is_screen, screen
from kws.listening.timeline import Meter, Printer, Tally
from kws.support.text import count_of, shown

LOSS_TOLD_S = 10.0  # between two notes on what was lost


class Notes:
    """Sentences for the person who listens: on the screen while there is one, else a line each."""

    def __init__(self) -> None:
        self.live: Live | None = None
        self.meter: Meter | None = None

    def tell(self, text: str) -> None:
        """Tell one; any thread may."""
        if self.live:
            self.live.picture.say(text)
            return
        if self.meter:
            self.meter.clear()
        print(f"kws: {shown(text)}", file=sys.stderr, flush=True)


def listen_to_microphone(
    hearing: Hearing,
    device: int | str | None,
    printer: Printer,
    notes: Notes,
    *,
    channel: int | None = None,
) -> Tally:
    """Show what the microphone hears until Ctrl-C or `--seconds`: live on a terminal, else lines.

    One that goes away is waited for. Raises MicrophoneError where there is none at the start.
    """
    rate_hz = hearing.rate_hz
    with LastingMicrophone(device, rate_hz, channel=channel, tell=notes.tell) as microphone:
        shows_screen = not printer.as_json and is_screen(printer.out)
        follow = _on_screen if shows_screen else _in_lines
        follow(hearing, microphone, printer, notes)
    printer.summary(hearing.tally)
    if microphone.lost_samples:
        notes.tell(_loss(microphone.lost_samples, rate_hz))
    return hearing.tally


def _loss(samples: int, rate_hz: int) -> str:
    return (
        f"lost {count_of(samples, 'sample')} ({samples / rate_hz:.1f} s), since the computer was "
        "busy with something else"
    )


def _on_screen(
    hearing: Hearing, microphone: LastingMicrophone, printer: Printer, notes: Notes
) -> None:
    live = Live(hearing, microphone, printer.out)
    with screen(printer.out) as (painter, keys):
        notes.live = live
        try:
            live.run(painter, keys)
        except KeyboardInterrupt:
            pass  # a way in which a person ends it
        finally:
            notes.live = None
    printer.detections(live.picture.detections, live.picture.unlisted)
    for sentence in live.kept():
        notes.tell(sentence)


def _in_lines(
    hearing: Hearing, microphone: LastingMicrophone, printer: Printer, notes: Notes
) -> None:
    notes.meter = meter = Meter(sys.stderr, hearing.rate_hz)
    told, told_at = 0, float("-inf")
    try:
        for chunk, found in steps(microphone, hearing):
            if chunk is None:
                continue
            if hearing.tally.samples == len(chunk):  # the first
                name = shown(microphone.device.name)
                print(f"Listening to {name}; Ctrl-C ends.", file=sys.stderr)
            for heard in found:
                meter.clear()
                printer.detection(heard)
            meter.update(chunk, max(ear.listener.score for ear in hearing.ears))
            if microphone.lost_samples > told and time.monotonic() - told_at > LOSS_TOLD_S:
                told, told_at = microphone.lost_samples, time.monotonic()
                notes.tell(_loss(told, hearing.rate_hz))
    except KeyboardInterrupt:
        pass  # the way in which a person ends it
    finally:
        notes.meter = None
        meter.clear()
