"""What a speech engine is to say: phrases and lines of a file, looked at before it speaks."""

import re
import unicodedata
import zlib
from pathlib import Path

from kws.errors import ConfigError

LONGEST_TEXT = 300


def checked(text: str) -> str:
    """Return a text with single spaces; ConfigError for one that nobody can say."""
    text = " ".join(text.split())
    if not any(character.isalnum() for character in text):
        raise ConfigError(f"nothing to say in the phrase {text!r}: give some words")
    if len(text) > LONGEST_TEXT:
        raise ConfigError(f"the phrase has {len(text)} letters: give at most {LONGEST_TEXT}")
    if not text.isprintable():
        raise ConfigError(f"the phrase {text!r} holds characters that nobody can say")
    return text


def lines_of(file: Path) -> list[str]:
    """Return the lines of a UTF-8 file that are neither empty nor comments (#).

    ConfigError where the file cannot be read, has none, or has one that nobody can say.
    """
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"cannot read {file}: {reason}; give a text file") from None
    texts = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            texts.append(checked(line))
        except ConfigError as refusal:
            raise ConfigError(f"{file}, line {number}: {refusal}") from None
    if not texts:
        raise ConfigError(f"{file} has no line to speak; write one sentence in each")
    return texts


def foreign_letter(text: str) -> str | None:
    """Return the first letter of a script that no English voice reads; None where there is none.

    Such a voice spells `п` out, as "Cyrillic letter pe", or says nothing at all.
    """
    for letter in text:
        is_letter = unicodedata.category(letter) in ("Lu", "Ll", "Lt", "Lo")
        if is_letter and letter not in "ªºµ" and "LATIN" not in unicodedata.name(letter, ""):
            return letter
    return None


def plausible_seconds(text: str) -> tuple[float, float]:
    """The least and the most speech that a text can be, at its voice's own pace."""
    letters = sum(5 if letter.isdigit() else letter.isalpha() for letter in text)
    pauses = sum(character in ",.;:!?" for character in text)
    return 0.1 + 0.035 * letters, 0.5 + 0.13 * letters + 0.4 * pauses


def slug_of(text: str) -> str:
    """The text as part of a file name; a hash tells texts apart that would share one."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")
    if len(slug) <= 32 and slug.replace("_", " ") == text.lower():
        return slug
    return f"{slug[:24].strip('_')}_{zlib.crc32(text.encode()):08x}".lstrip("_")
