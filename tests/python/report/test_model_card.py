"""The model card as text: what others wrote is text too, and each command is one command."""

import re
import shlex

from kws.report.model_card import model_card

HOSTILE = "<script>x</script> [a](http://b) *c* `d` | e\n# f"
AT_DEFAULT = {"threshold": 0.9, "miss_rate": 0.1, "false_accepts_per_hour": 0.5}


def card(name="a", words=("b",), folder="", **metrics):
    config = {"name": name, "words": words, "data": {"positives": [f"x/{name}"]}}
    return model_card(metrics, config, folder)


def commands(text: str) -> list[list[str]]:
    """The words of each command in the card's first block, as a shell splits them."""
    fence = re.search(r"^(`{3,})\n(.*?)\n\1$", text, flags=re.M | re.S)
    assert fence
    return [shlex.split(line) for line in fence[2].splitlines()]


def test_names_words_and_folders_are_no_markup():
    per_class = {HOSTILE: {"clips": 1, "recall": 1.0, "precision": 1.0}}
    evaluation = {"name": HOSTILE, "accuracy": 1.0, "clips": 1, "per_class": per_class}
    text = card(HOSTILE, (HOSTILE,), evaluations=[evaluation])
    plain = re.sub(r"(?s)^(`+)\n.*?\n\1$|(`+) .*? \2", "", text, flags=re.M)  # without code
    assert not re.search(r"(?<!\\)[<*]", plain.replace("**", ""))
    assert not re.search(r"(?<!\\)\[a(?<!\\)\]\(", plain)
    assert "\n# f" not in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (4, 5)


def test_a_command_in_the_card_runs_nothing_else():
    for name in ("a; rm -rf ~", "$(id)", "a`id`", "a\nb", "it's", "a && b", "```"):
        (listen, inspect) = commands(card(name))
        assert listen[:2] == ["kws", "listen"] and len(listen) == 3
        assert inspect[:2] == ["kws", "inspect"] and len(inspect) == 3


def test_a_block_of_commands_is_ended_by_none_of_them():
    text = card(evaluations=[{"command": "kws evaluate\n```\n<b>\n````", "accuracy": 1.0}])
    block = text[text.index("Measure it again with:") :].split("\n\n")[1].splitlines()
    assert block[0] == block[-1] == "`````" and block[1:-1] == [
        "kws evaluate",
        "```",
        "<b>",
        "````",
    ]


def test_phrases_soon_after_a_start_have_their_row():
    held_out = {"name": "held-out clips", "positives": 95, "at_default": AT_DEFAULT}
    said = "| missed within a second of a start | **12 of 95** (95 % interval "
    missed = {"phrases": 95, "missed": 12}
    assert said in card(evaluations=[{**held_out, "soon_after_start": missed}])
    assert "of a start" not in card(evaluations=[held_out])


def test_the_card_names_the_folder_it_lies_in():
    assert commands(card("hey", folder="runs/demo"))[0] == ["kws", "listen", "runs/demo"]
    assert commands(card("hey"))[0] == ["kws", "listen", "models/hey"]
    assert commands(card("hey", folder="my runs/1"))[0] == ["kws", "listen", "my runs/1"]
    assert commands(card("hey", folder="-x"))[0] == ["kws", "listen", "./-x"]


def test_a_test_that_may_share_its_speakers_with_training_says_so():
    held_out = {"name": "held-out clips", "positives": 95, "at_default": AT_DEFAULT}
    said = "The names of 90 of the 95 recordings of the phrase do not say who speaks"
    assert said in card(evaluations=[{**held_out, "unnamed_speakers": 90}])
    assert "who speaks" not in card(evaluations=[{**held_out, "unnamed_speakers": 0}])
    assert "who speaks" not in card(evaluations=[held_out])
