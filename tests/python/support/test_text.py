"""Text for people: what others wrote is safe to print, numbers have their nouns."""

import json

import pytest

from kws.support.text import cell_text, count_of, json_text, labelled, shown, table

HOSTILE = [
    ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
    ("a\nb\tc\r\0", "a\\x0ab\\x09c\\x0d\\x00"),
    ("\x7f\x9b2J\x85", "\\x7f\\x9b2J\\x85"),
    ("abc\u202edcba\u2066\u2028", "abc\\u202edcba\\u2066\\u2028"),
    ("caf\udce9.wav", "caf\\xe9.wav"),
    ("\ud800\U000e0001", "\\ud800\\U000e0001"),
]
PLAIN = ["hey cortana", "Köln", "你好\u3000世界", "सम\u200cय", "👩\u200d🚀", "a\\b", ""]


@pytest.mark.parametrize(("text", "expected"), HOSTILE)
def test_what_does_not_print_is_escaped(text, expected):
    assert shown(text) == expected


@pytest.mark.parametrize("text", PLAIN)
def test_letters_of_every_script_stay(text):
    assert shown(text) == text


def test_no_character_that_acts_on_a_terminal_comes_through():
    everything = "".join(map(chr, range(0x110000)))
    left = set(shown(everything))
    acting = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u202a\u202e\u2066\u2069"}
    assert not left & acting
    shown(everything).encode()  # no surrogate either


@pytest.mark.parametrize("text", [text for text, _ in HOSTILE] + PLAIN)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_says_the_same_without_control_characters(text, indent):
    document = {"word": [text, 1.5], text: None}
    written = json_text(document, indent)
    assert json.loads(written) == document
    assert all(shown(line) == line for line in written.split("\n"))
    assert ("\n" in written) == (indent is not None)


def test_cells_of_a_table_are_safe_to_print():
    assert table(("name",), [["\x1b[2Jmic"]]).splitlines()[1] == "\\x1b[2Jmic"


def test_one_is_singular():
    counts = [count_of(number, "false accept") for number in (0, 1, 2, 1234)]
    assert counts == ["0 false accepts", "1 false accept", "2 false accepts", "1,234 false accepts"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(text):
    assert cell_text(text) == f"'{text}"


def test_other_cells_stay():
    assert [cell_text(text) for text in ("a=b", "hey-you", "")] == ["a=b", "hey-you", ""]


def test_a_long_text_goes_on_below_itself_and_a_path_stays_whole():
    assert labelled("features  ", "sample_rate_hz 16000") == "features  sample_rate_hz 16000"
    said = labelled("ok  ", " ".join(["a-b"] * 40)).splitlines()
    assert max(map(len, said)) <= 80 and len(said) == 3 and said[1].startswith("    a-b a-b")
    path = "/a" * 50
    assert labelled("ok  ", f"{path} (1)").splitlines() == [f"ok  {path}", "    (1)"]
    assert labelled("ok  ", "") == "ok  " and "\x1b" not in labelled("", "\x1b[2J")
