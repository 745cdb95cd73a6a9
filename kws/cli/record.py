"""The command `kws record`: it guides a person through recordings of a phrase."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from kws.cli.options import AsJson, Channel, OutputFolder, Phrase
from kws.support.moving_line import MovingLine
from kws.support.text import bar, bar_characters, count_of, json_text, shown

if TYPE_CHECKING:
    from kws.audio.samples import Samples


def record(
    phrase: Phrase,
    to: OutputFolder,
    clips: Annotated[int, typer.Option(metavar="N", min=1, help="How many clips to keep.")] = 20,
    speaker: Annotated[
        str, typer.Option(metavar="N", help="A number or letter for whoever speaks.")
    ] = "",
    device: Annotated[
        str | None, typer.Option(metavar="NUMBER|NAME", help="A microphone of `kws devices`.")
    ] = None,
    channel: Channel = None,
    playback: Annotated[
        bool, typer.Option(help="Play each take back, and ask whether it is kept.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Record a phrase yourself, one clip after the other: counted in, checked and trimmed.

    A take that is silent, clipped or cut off is refused and made again. What is kept lies in DIR as
    WAV, for `kws train wake --positives DIR`. Ctrl-C ends it, and so does q; the clips stay.

    \b
    Example: kws record "hey robin" --to data/raw/mine
    Example: kws record "hey robin" --to data/raw/friends --speaker 2 --clips 10
    """
    from kws.corpus import record as takes
    from kws.listening.microphone import Microphone

    @contextmanager
    def source() -> Iterator[Microphone]:
        with Microphone(device, channel=channel) as opened:
            yield opened

    order = takes.Order(phrase=phrase, to=to, clips=clips, speaker=speaker)
    is_asked = playback and sys.stdin is not None and sys.stdin.isatty()
    screen = Screen(sys.stderr, is_asked=is_asked)
    kept: list[Path] = []
    try:
        for path in takes.record(order, source, screen):
            kept.append(path)
            screen.say(f"Kept as {path}.")
    except (Enough, KeyboardInterrupt):
        pass  # the ways in which a person ends it
    finally:
        screen.clear()
    if as_json:
        print(json_text({"files": [str(path) for path in kept]}, indent=2))
    else:
        print(f"{count_of(len(kept), 'clip')} in {shown(to)}")


class Enough(Exception):
    """The person has recorded enough."""


class Screen:
    """Lines on a terminal, and one that changes: the countdown and the microphone's level."""

    def __init__(self, terminal: TextIO, *, is_asked: bool) -> None:
        """is_asked: whether the person hears each take and is asked whether it is kept."""
        self._terminal, self._is_asked = terminal, is_asked
        self._line = MovingLine(terminal)
        self._bar = bar_characters(terminal)
        self._text = ""

    def say(self, line: str) -> None:
        """Show a line that stays."""
        self.clear()
        print(shown(line), file=self._terminal, flush=True)

    def count(self, number: int) -> None:
        """Show where the countdown is; its end alone where lines cannot change."""
        self._text = str(number or "now")
        self._line.show(self._text)
        if not self._line.is_shown and number == 0:
            self.say(self._text)

    def level(self, samples: "Samples") -> None:
        """Show how loud these samples are."""
        import numpy as np

        peak = int(np.abs(samples.astype(np.int32)).max(initial=0))
        level_db = 20 * np.log10(max(peak, 1) / 32768)
        self._line.show(
            f"{self._text}  level {bar(1 + level_db / 60, 30, *self._bar)} {level_db:4.0f} dB"
        )

    def accepts(self, take: "Samples") -> bool:
        """Play a take and ask; without a person who could answer it is kept."""
        if not self._is_asked:
            return True
        from kws.errors import MicrophoneError
        from kws.listening import loudspeaker

        self._line.show("you said")
        try:
            loudspeaker.play(take)
        except MicrophoneError as refusal:
            self.say(f"It cannot be played: {refusal}.")
            self._is_asked = False
            return True
        self.clear()
        print(
            "Enter keeps it, r records it again, q ends: ", end="", file=self._terminal, flush=True
        )
        answer = sys.stdin.readline()
        if not answer or answer.strip().lower() == "q":
            raise Enough
        return answer.strip().lower() != "r"

    def clear(self) -> None:
        """Wipe the line that changes."""
        self._line.wipe()
