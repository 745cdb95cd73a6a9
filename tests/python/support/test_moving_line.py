"""A line that is written over and over stays one line, however narrow the terminal is."""

import io

import pytest

from kws.support import moving_line
from kws.support.moving_line import MovingLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [20, 60, 200])
def test_it_is_cut_to_the_terminal_as_it_is_now(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", "80")  # of another stream, or of before
    monkeypatch.setattr(moving_line, "size_of", lambda out: (columns, 24))
    terminal = Terminal()
    line = MovingLine(terminal)
    line.show("x" * 70)
    assert terminal.getvalue() == f"\r{'x' * min(70, columns - 1)}\x1b[K"


def test_it_is_wiped_once_and_where_nothing_is_shown_not_at_all():
    terminal, pipe = Terminal(), io.StringIO()
    for out in (terminal, pipe):
        line = MovingLine(out)
        line.wipe()
        line.show("heard")
        line.wipe()
        line.wipe()
    assert terminal.getvalue() == "\rheard\x1b[K\r\x1b[K"
    assert pipe.getvalue() == ""


def test_a_stream_that_knows_no_size_has_the_usual_one():
    assert moving_line.size_of(io.StringIO()) == (80, 24)
