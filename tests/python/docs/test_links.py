"""The documents: every link inside the repository leads to a file and a heading that exist."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[3]
EXPERIMENTS = ROOT / "docs" / "experiments"
INDEX = EXPERIMENTS / "README.md"
# Not kws/templates, whose pages have gaps that an export fills, nor data/raw, which is not ours.
PLACES = (
    "*.md",
    "data/*.md",
    "data/sample/**/*.md",
    "docs/**/*.md",
    "firmware/**/*.md",
    "models/**/*.md",
)
PAGES = sorted({page for place in PLACES for page in ROOT.glob(place)})

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+).+?\1", re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)")
HEADING = re.compile(r"^(#{1,6}) +(.+?)(?: +#+)?$", re.MULTILINE)
LINKED_WORDS = re.compile(r"!?\[([^]]*)\]\([^)]*\)")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def prose(page: Path) -> str:
    """A page without its blocks of code, in which nothing is a link or a heading."""
    return FENCE.sub("", page.read_text("utf-8"))


def links(page: Path) -> list[str]:
    found = LINK.findall(CODE.sub("", prose(page)))
    return [unquote(link) for link in found if not ELSEWHERE.match(link)]


def headings(page: Path) -> list[tuple[int, str]]:
    """Depth and name of every heading, named as GitHub and mkdocs do: the second "x" is "x-1"."""
    found: list[tuple[int, str]] = []
    seen: Counter[str] = Counter()
    for marks, heading in HEADING.findall(prose(page)):
        words = LINKED_WORDS.sub(r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.append((len(marks), f"{name}-{seen[name]}" if seen[name] else name))
        seen[name] += 1
    return found


def fault(page: Path, link: str) -> str | None:
    """What is wrong with a link, or None."""
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.is_relative_to(ROOT):
        return f"{link} leads out of the repository"
    if not target.exists():
        return f"{link}: there is no such file"
    if anchor and anchor not in {name for _, name in headings(target)}:
        return f"{link}: no heading there has this name"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_repository_resolves(page: Path) -> None:
    faults = [what for link in links(page) if (what := fault(page, link))]
    assert not faults


def test_a_broken_link_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    page.write_text(
        "# Here\n[a](other.md) [b](other.md#two-words) [c](#here) [d](https://example.org)\n"
        "[over two\nlines](gone.md) [e](other.md#three) [f](#there) [g](../up.md)\n"
        "`[code](gone.md)`\n```\n[more](gone.md)\n# There\n```\n"
    )
    other.write_text("## Two *words*\n")
    assert [what for link in links(page) if (what := fault(page, link))] == [
        "gone.md: there is no such file",
        "other.md#three: no heading there has this name",
        "#there: no heading there has this name",
        "../up.md leads out of the repository",
    ]


def test_the_index_of_the_experiments_has_every_entry() -> None:
    """An entry that stands in no row of the index is not found again."""
    indexed = {f"docs/experiments/{link}" for link in links(INDEX)}
    entries = {
        f"docs/experiments/{page.name}#{anchor}"
        for page in EXPERIMENTS.glob("*.md")
        if page != INDEX
        for depth, anchor in headings(page)
        if depth > 1
    }
    assert entries - indexed == set()


def test_every_page_of_the_experiments_says_what_holds_today() -> None:
    pages = [page for page in EXPERIMENTS.glob("*.md") if page != INDEX]
    assert [page.name for page in pages if "**Today:**" not in prose(page)] == []
