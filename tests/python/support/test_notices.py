"""Warnings go to the standard error, each once, and what was left out is listed at the end."""

import pytest

from kws.support.notices import LEFT_OUT, Notice, gathered, tell


def test_a_notice_is_one_line_on_the_standard_error(capsys):
    tell(Notice("header", "a.wav: its header\nlies"))
    assert capsys.readouterr() == ("", "kws: warning: a.wav: its header lies\n")


def test_the_same_notice_is_told_once_in_a_command(capsys):
    with gathered():
        for _ in range(3):
            tell(Notice("header", "a.wav: its header lies"))
    assert capsys.readouterr().err.count("lies") == 1


def test_many_of_a_kind_are_counted(capsys):
    with gathered():
        for number in range(1_000):
            tell(Notice("bandwidth", f"{number}.wav holds nothing above 4.0 kHz"))
        tell(Notice("silent", "x.wav is silent"))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in lines] == ["0.wav", "1.wav", "2.wav", "x.wav", "997"]
    assert lines[-1] == "kws: warning: 997 more of the same kind (bandwidth)"


def test_a_block_within_another_joins_it(capsys):
    with gathered() as outer:
        for _ in range(2):
            with gathered() as inner:
                assert inner is outer
                for number in range(5):
                    tell(Notice("bandwidth", f"{number}.wav holds nothing above 4.0 kHz"))
        assert len(capsys.readouterr().err.splitlines()) == 3
    assert capsys.readouterr().err == "kws: warning: 2 more of the same kind (bandwidth)\n"


def test_what_was_left_out_is_listed_at_the_end_by_an_error_too(capsys):
    with pytest.raises(ValueError, match="later"), gathered():
        for number in range(60):
            tell(Notice(LEFT_OUT, f"{number}.wav is empty"))
        raise ValueError("later")
    lines = capsys.readouterr().err.splitlines()
    end = lines.index("kws: warning: 60 recordings left out:")
    assert lines[end + 1] == "  0.wav is empty"
    assert lines[-2:] == ["  49.wav is empty", "  and 10 more"]


def test_a_single_recording_that_was_left_out_is_told_once(capsys):
    with gathered():
        tell(Notice(LEFT_OUT, "a.wav is empty"))
    assert capsys.readouterr().err.splitlines() == [
        "kws: warning: a.wav is empty",
        "kws: warning: 1 recording left out:",
        "  a.wav is empty",
    ]


def test_no_name_of_a_file_rules_the_terminal(capsys):
    with gathered():
        tell(Notice(LEFT_OUT, "a\x1b[31m\a.wav holds no samples"))
    printed = capsys.readouterr().err
    assert printed.count("\\x1b[31m\\x07.wav") == 2 and "\x1b" not in printed
