"""What a person sees of `kws record`: the countdown, the level, and a question after each take."""

import io
import sys

import numpy as np
import pytest

from kws.cli.record import Enough, Screen
from kws.errors import MicrophoneError
from kws.listening import loudspeaker


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def played(monkeypatch):
    played: list[np.ndarray] = []
    monkeypatch.setattr(loudspeaker, "play", played.append)
    return played


def test_a_take_is_played_and_the_person_decides(monkeypatch, played):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\nr\nR \nyes\nq\n"))
    screen, take = Screen(Terminal(), is_asked=True), np.ones(5, np.int16)
    assert [screen.accepts(take) for _ in range(4)] == [True, False, False, True]
    with pytest.raises(Enough):
        screen.accepts(take)
    with pytest.raises(Enough):
        screen.accepts(take)  # the terminal is closed
    assert len(played) == 6 and played[0] is take


def test_without_a_loudspeaker_takes_are_kept_and_that_is_said_once(monkeypatch):
    def refuse(take):
        raise MicrophoneError("the loudspeaker does not play (busy): leave it out")

    monkeypatch.setattr(loudspeaker, "play", refuse)
    terminal = Terminal()
    screen = Screen(terminal, is_asked=True)
    assert [screen.accepts(np.ones(5, np.int16)) for _ in range(2)] == [True, True]
    assert terminal.getvalue().count("does not play (busy)") == 1


def test_the_line_that_changes_is_wiped_and_shows_the_level(played):
    terminal = Terminal()
    screen = Screen(terminal, is_asked=False)
    screen.count(1)
    screen.count(0)
    screen.level(np.full(1280, 3277, np.int16))
    screen.say("Kept as a\x1b[31m.wav.")
    shown = terminal.getvalue()
    assert "\r1\x1b[K\rnow\x1b[K\rnow  level " in shown and " -20 dB\x1b[K" in shown
    assert shown.endswith("\r\x1b[KKept as a\\x1b[31m.wav.\n")
    assert max(len(line) for line in shown.replace("\x1b[K", "").split("\r")) < 80


def test_where_lines_cannot_change_only_the_end_of_the_countdown_is_said():
    pipe = io.StringIO()
    screen = Screen(pipe, is_asked=False)
    for number in (3, 2, 1, 0):
        screen.count(number)
    screen.level(np.ones(1280, np.int16))
    assert screen.accepts(np.ones(5, np.int16)) and pipe.getvalue() == "now\n"
