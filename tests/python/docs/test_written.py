"""The documents that scripts write are those that the scripts would write now."""

import re
from pathlib import Path

import pytest
from command_line import run
from documents import commands, drawing, pages
from documents.house import FLOORS, ROOT, module_graph, package_graph
from documents.layout import Stop, layered, order, without_detours

DOCS = ROOT / "docs"
RENEW = "make docs-renew writes them anew"
Uses = dict[str, set[str]]


def reached(uses: Uses, start: str) -> set[str]:
    return {end for used in uses[start] for end in {used, *reached(uses, used)}}


def test_the_written_documents_are_current() -> None:
    written = pages.written()
    assert {path.suffix for path in written} == {".md", ".svg"}
    old = [str(path) for path, text in written.items() if path.read_text("utf-8") != text]
    assert not old, RENEW


def test_the_drawing_has_every_room_and_arrow() -> None:
    picture = drawing.draw()
    uses = without_detours(package_graph(module_graph()))
    for floor in FLOORS:
        for package in floor:
            assert f">{package}</text>" in picture
    assert len(re.findall(r"marker-end", picture)) == sum(map(len, uses.values()))


def test_an_arrow_that_is_left_out_follows_from_others() -> None:
    uses: Uses = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert without_detours(uses) == {"a": {"b"}, "b": {"c"}, "c": set()}
    house = package_graph(module_graph())
    drawn = without_detours(house)
    assert sum(map(len, drawn.values())) < sum(map(len, house.values()))
    for package in house:
        assert reached(drawn, package) == reached(house, package)


def test_a_long_arrow_stops_on_each_floor_that_it_passes() -> None:
    rows, links = layered(({"c"}, {"b"}, {"a"}), {"a": {"b", "c"}, "b": {"c"}, "c": set()})
    stop = Stop("a", "c", 1)
    assert rows == [["a"], ["b", stop], ["c"]]
    assert links == [("a", "b"), ("a", stop), (stop, "c"), ("b", "c")]


def test_rows_are_put_in_the_order_without_crossings() -> None:
    uses: Uses = {"a": {"d"}, "b": {"c"}, "c": set(), "d": set()}
    rows, links = layered(({"c", "d"}, {"a", "b"}), uses)
    top, bottom = order(rows, links)
    assert (top[0], bottom[0]) in links and (top[1], bottom[1]) in links


def test_every_command_and_option_is_in_the_reference() -> None:
    page = (DOCS / "reference" / "command-line.md").read_text("utf-8")
    sections = {part.partition("\n")[0]: part for part in re.split(r"^## ", page, flags=re.M)}
    found = dict(commands.commands())
    assert set(found) == set(sections) - {page.partition("\n## ")[0].partition("\n")[0]}
    assert len(found) > 15
    for path, command in found.items():
        for option in command.params:
            if option.param_type_name == "option":
                assert option.opts[0] in sections[path]


def test_an_optional_part_of_a_value_keeps_its_brackets() -> None:
    page = commands.page()
    assert "`--threshold [MODEL=]P`" in page
    assert "`--engine all|piper|" in page  # whatever a release of typer puts around a choice


def test_every_help_fits_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for path, _ in commands.commands():
        lines = run(*path.split()[1:], "--help").output.splitlines()
        assert lines[0].startswith("Usage: kws")
        assert not [line for line in lines if len(line) > 80], path


def test_the_site_lists_every_page() -> None:
    """A page that stands in no list is not found; a strict build would fail on it, too."""
    listed = re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    there = {path.relative_to(DOCS).as_posix() for path in Path(DOCS).rglob("*.md")}
    assert len(listed) == len(set(listed))
    assert set(listed) == there
