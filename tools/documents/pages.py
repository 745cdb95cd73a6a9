"""Every document that a script writes, with its text."""

from pathlib import Path

from documents import commands, drawing, names
from documents.house import FLOORS, ROOT, purpose

DOCS = ROOT / "docs"
BEGIN, END = "<!-- rooms: written by make docs-renew -->", "<!-- /rooms -->"


def written() -> dict[Path, str]:
    """Path and text of each."""
    architecture = DOCS / "architecture.md"
    return {
        drawing.PICTURE: drawing.draw(),
        architecture: with_rooms(architecture.read_text("utf-8")),
        DOCS / "reference" / "command-line.md": commands.page(),
        DOCS / "reference" / "python.md": names.python_page(),
        DOCS / "reference" / "recipe.md": names.recipe_page(),
    }


def with_rooms(document: str) -> str:
    """The document with a line for each package, from the top floor, between its marks."""
    packages = [package for floor in reversed(FLOORS) for package in sorted(floor)]
    lines = [f"- **{package}**: {lower(purpose(package))}" for package in packages]
    before, _, rest = document.partition(BEGIN)
    rooms = "\n".join(lines)
    return f"{before}{BEGIN}\n\n{rooms}\n\n{END}{rest.partition(END)[2]}"


def lower(sentence: str) -> str:
    """A sentence that goes on behind a colon."""
    return sentence[0].lower() + sentence[1:]
