"""The glossary: every name that it gives for a word stands in the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
ENTRY = re.compile(r"^- \*\*(.+?)\*\*.*?(?=^- |^#|\Z)", re.MULTILINE | re.DOTALL)
LANGUAGES = {"Python": ROOT / "kws", "C": ROOT / "firmware"}
NAME = re.compile(r"[A-Za-z]\w*")


def entries() -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    return [(match[1], " ".join(match[0].split())) for match in ENTRY.finditer(text)]


def names(entry: str, language: str) -> set[str]:
    """The names in backticks behind "Python:" or "C:", up to the end of the sentence."""
    said = re.search(rf"\b{language}: (.*?)(?:\. |\.$|$)", entry)
    quoted = re.findall(r"`([^`]+)`", said[1]) if said else []
    return {name for name in quoted if NAME.fullmatch(name)}


def test_every_name_in_the_glossary_stands_in_the_code() -> None:
    strange = []
    for language, folder in LANGUAGES.items():
        files = [path for path in folder.rglob("*") if path.suffix in (".py", ".c", ".h")]
        known = set(re.findall(r"\w+", "\n".join(path.read_text("utf-8") for path in files)))
        strange += [
            (word, name) for word, entry in entries() for name in names(entry, language) - known
        ]
    assert strange == []


def test_names_are_found_in_an_entry() -> None:
    entry = "- **hop**: a step. Python: `hop_length`, `hop_ms` of `kws x`. C: `KWS_MIN_HOP` (why)."
    assert names(entry, "Python") == {"hop_length", "hop_ms"}
    assert names(entry, "C") == {"KWS_MIN_HOP"}
    assert len(entries()) > 50
