"""Lines fit beside each other on one screen: 100 columns of code, 120 of everything else."""

import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from documents.house import ROOT

CODE, PAGE = 100, 120
WIDTHS = {".py": CODE, ".c": CODE, ".h": CODE, ".md": PAGE, ".mk": PAGE, ".toml": PAGE}
WIDTHS |= {".yml": PAGE, ".yaml": PAGE, "Makefile": PAGE}
EXEMPT = {
    "models/*/README.md": "cards, which training writes with a paragraph a line",
    "docs/reference/*": "written from docstrings and from --help",
    "firmware/docs/BILL.md": "measured and written by `make size-renew`",
    "firmware/src/kws_tables.*": "numbers, which generate_tables.py packs",
    "tests/c/engine/vectors.*": "numbers, which make_vectors.py packs",
    "kws/device/templates/*": "exported as they are, in the style of their platforms",
}


def checked_files() -> dict[str, int]:
    """Every tracked file with a width, without those that are exempt."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    widths = {}
    for name in filter(None, listed.stdout.split("\0")):
        width = WIDTHS.get(Path(name).suffix or Path(name).name)
        if width and not any(fnmatch(name, pattern) for pattern in EXEMPT):
            widths[name] = width
    return widths


def too_wide(text: str, width: int, *, markdown: bool = False) -> Iterator[int]:
    """Numbers of the lines that are too wide.

    A table or a fence of Markdown cannot be wrapped, and the target of a link is not read.
    """
    is_fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if markdown:
            if line.lstrip().startswith("```"):
                is_fenced = not is_fenced
            if is_fenced or line.lstrip().startswith("|"):
                continue
            line = re.sub(r"\]\([^)]*\)", "]", line)
        if len(line) > width:
            yield number


def test_every_line_is_within_its_width():
    found = []
    for name, width in checked_files().items():
        path = ROOT / name
        if path.exists():  # a file may be deleted and not yet committed
            text = path.read_text(encoding="utf-8")
            wide = too_wide(text, width, markdown=path.suffix == ".md")
            found += [f"{name}:{number}" for number in wide]
    assert not found, "wrap these lines"


def test_code_pages_and_the_makefile_are_checked():
    checked = checked_files()
    for name in ("kws/errors.py", "firmware/src/kws_detector.c", "README.md", "Makefile"):
        assert name in checked
    assert not any(name.startswith("docs/reference/") for name in checked)


@pytest.mark.parametrize("pattern", EXEMPT)
def test_what_is_exempt_is_there(pattern):
    assert list(ROOT.glob(pattern)), "drop it from EXEMPT"


def test_prose_is_counted_and_tables_fences_and_targets_are_not():
    wide = "x" * 30
    page = f"{wide}\n| {wide} |\n```\n{wide}\n```\n[short]({wide})\n- {wide}\n"
    assert list(too_wide(page, 20, markdown=True)) == [1, 7]
    assert list(too_wide(page, 20)) == [1, 2, 4, 6, 7]
    assert not list(too_wide("x" * 20, 20))
