"""The screen of `kws monitor`: a board's scores on a terminal, and keys that change the board."""

import sys

import pytest
from emulated_terminal import EmulatedTerminal
from host_board import MODELS, Deaf, speech

from kws.device.board_view import BoardScreen
from kws.device.protocol import Board

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")


def on_terminal(port: str, *arguments: str, columns: int = 80) -> EmulatedTerminal:
    command = [sys.executable, "-m", "kws", "monitor", port, *arguments]
    return EmulatedTerminal(command, columns)


def test_scores_detections_and_keys_are_the_board_s(board, tmp_path):
    clips = tmp_path / "clips"
    with on_terminal(board(speech(), MODELS[:1]), "--save-clips", str(clips)) as terminal:
        assert "threshold 0.940 (+2.8)" in terminal.wait_for("hey cortana")
        terminal.wait_for("1 detection")
        assert "host, 16,000 Hz" in terminal.lines()[0]
        assert "dB" in terminal.lines()[1]  # the sound comes, too
        assert "█" in terminal.text() and "▼" in terminal.text()
        assert "lines left out" in terminal.lines()[-2]
        terminal.press("m")
        terminal.wait_for("saved wrong_")
        terminal.press("s")
        terminal.wait_for("saved saved_")
        terminal.press("+++")
        terminal.wait_for("threshold 0.971 (+3.5)")  # as the board has answered
        terminal.press("w")
        terminal.wait_for("kept in the board's flash")
        terminal.press("?")
        terminal.wait_for("raise or lower the board's threshold")
        terminal.press("q")
        assert terminal.end() == 0
        assert b"now 0.971: keep it with --threshold 0.971 --save" in terminal.raw
    assert {path.parent.name for path in clips.rglob("*.wav")} == {
        *("clips", "false_accepts", "saved")
    }
    with on_terminal(board(speech(), MODELS[:1])) as terminal:  # it was kept: started anew
        assert "threshold 0.971" in terminal.wait_for("hey cortana")


def test_without_sound_the_screen_says_how_to_get_it(board):
    with on_terminal(board(speech(), MODELS[:1])) as terminal:
        terminal.wait_for("level  not known: --save-clips DIR asks for the sound, too")
        for key in "sm":
            terminal.press(key)
            terminal.wait_for("start with --save-clips DIR")
        terminal.press("\x03")
        assert terminal.end() == 0
        assert b"Traceback" not in terminal.raw


def test_a_terminal_too_narrow_for_a_screen_gets_lines(board):
    with on_terminal(board(speech(), MODELS[:1]), "--seconds", "1", columns=30) as terminal:
        terminal.wait_for("Ctrl-C ends")
        assert terminal.end() == 0


def test_what_a_board_lost_is_on_the_screen():
    class Page:
        def size(self):
            return 80, 24

        def paint(self, lines):
            self.text = "\n".join("".join(part for part, _ in spans) for spans in lines)

    class NoKeys:
        def pressed(self):
            return []

    line, page = Deaf(Board(name="uno", classes={0: "hey", 1: "_noise_"}, hop_length=320)), Page()
    line.garbled = 3
    view = BoardScreen(line, None, sys.stdout, page, NoKeys())  # type: ignore[arg-type]
    for text in ("o 256 1", "p 3"):
        assert line.board.take(text)
    assert view.goes_on()
    for wanted in ("lost 256 samples", "1 line left out, 3 garbled", "saturated: turn it down"):
        assert wanted in page.text
