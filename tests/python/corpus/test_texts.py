"""What is to be spoken: a text that no voice can say is named before anything is written."""

from pathlib import Path

import pytest

from kws.corpus.piper import Piper
from kws.corpus.speech_engines import Espeak, Flite
from kws.corpus.synthesize import synthesize
from kws.corpus.texts import foreign_letter, lines_of
from kws.corpus.wake_data import texts_to_speak
from kws.errors import ConfigError, ToolError


def test_lines_come_without_marks_of_their_editor_empty_ones_and_comments(tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_bytes(b"\xef\xbb\xbfhello  there\r\n\r\n   \r\n# a comment\r\ngood morning\r\n")
    assert lines_of(file) == ["hello there", "good morning"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("---", "nothing to say in the phrase '---'"),
        ("la " * 200, "the phrase has 599 letters"),
        ("\x07bell", r"the phrase '\\x07bell' holds characters"),
    ],
)
def test_a_line_that_nobody_can_say_is_told_with_its_number(
    tmp_path: Path, line: str, said: str
) -> None:
    file = tmp_path / "lines.txt"
    file.write_text(f"hello\n\n{line}\nbye\n")
    with pytest.raises(ConfigError, match=rf"lines\.txt, line 3: {said}"):
        lines_of(file)


def test_nothing_has_no_near_misses() -> None:
    with pytest.raises(ConfigError, match=r"nothing to say in the phrase '\.\.\.'"):
        texts_to_speak("...", None, near_misses=True)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("привет", "п"),
        ("hey 你好", "你"),
        ("مرحبا", "م"),
        ("नमस्ते", "न"),
        ("한국", "한"),
        ("Größe, café, Łódź", None),
        ("route 66, 1ª vez", None),
    ],
)
def test_letters_that_english_voices_do_not_read_are_known(text: str, letter: str | None) -> None:
    assert foreign_letter(text) == letter


@pytest.mark.parametrize("engine", [Espeak(), Flite()])
def test_a_phrase_in_another_script_is_refused_and_nothing_is_made(
    tmp_path: Path, engine: Espeak | Flite
) -> None:
    with pytest.raises(ToolError, match=f"{engine.name} reads English, and not 'п' of 'привет'"):
        synthesize("привет", tmp_path / "new", clips=1, engine=engine)
    assert not (tmp_path / "new").exists()
    assert not Piper.is_english
