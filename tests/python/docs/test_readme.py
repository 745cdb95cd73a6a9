"""The README: short, and its figures are those of docs/results."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text("utf-8")
FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?(?: %| ms| bytes| h\b)")
MOST_WORDS = 900


def figures(text: str) -> set[str]:
    """Numbers with their unit."""
    return set(FIGURE.findall(text))


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d[\d,]*(?:\.\d+)?", text))


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= MOST_WORDS


def test_every_figure_of_the_readmes_table_stands_in_the_results() -> None:
    """A figure has one home; a copy that is not there any more is out of date."""
    table = README.split("## What it reaches")[1].split("\n## ")[0]
    results = "\n".join(p.read_text("utf-8") for p in (ROOT / "docs" / "results").glob("*.md"))
    quoted = figures(table)
    assert len(quoted) > 10
    assert {figure.split()[0] for figure in quoted} - numbers(results) == set()


def test_figures_are_found_with_their_units() -> None:
    text = "3 of 12 classes: 93.71 % in 1,018 bytes, 0.26 ms, 2 in 1.36 h of it"
    assert figures(text) == {"93.71 %", "1,018 bytes", "0.26 ms", "1.36 h"}
