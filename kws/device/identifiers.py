"""A model's name as what C, C++, file systems and Arduino's library manager all take."""

import re
import unicodedata
import zlib
from functools import cache
from pathlib import Path

LONGEST = 59  # kws_ comes before it, and the name of an Arduino library has at most 63 characters
# Words that a C or C++ compiler would not take as a variable's name, or not in every place.
RESERVED_WORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t
    char8_t class co_await co_return co_yield compl complex concept const const_cast consteval
    constexpr constinit continue contract_assert decltype default delete do double dynamic_cast
    else enum explicit export extern false final float for friend goto if imaginary import inline
    int kws long main module mutable namespace new noexcept noreturn not not_eq nullptr operator or
    or_eq override private protected public register reinterpret_cast requires restrict return
    short signed sizeof static static_assert static_cast std struct switch template this
    thread_local throw true try typedef typeid typename typeof typeof_unqual union unsigned using
    virtual void volatile wchar_t while xor xor_eq
"""
# The names in the examples, and headers that a file of that name would hide.
TAKEN_WORDS = """
    app_main arduino pdm
    blocks heard_ms head lost loop microphone name_of on_samples read_microphone ring
    sample_of samples setup show slots spotter start_microphone stop tail take_lost taken waiting
    written
"""


def identifier(name: str) -> str:
    """Return a model's name as a C and C++ identifier: hey-cortana 2 becomes hey_cortana_2.

    Names that differ in more than their case and punctuation stay different: what ASCII cannot
    say, and what is cut off, is told apart by a checksum of the name.
    """
    plain = re.sub(r"[^0-9a-zA-Z]+", "_", _ascii(name)).strip("_").lower()
    if plain[:1].isdigit() or plain in reserved() or plain.startswith("kws_"):
        plain = f"model_{plain}"
    is_said = name.isascii() and plain != ""
    plain = plain or "model"
    if is_said and len(plain) <= LONGEST:
        return plain
    return f"{plain[: LONGEST - 9].strip('_')}_{checksum(name)}"


def file_stem(name: str) -> str:
    """Return a model's name as the start of a file's name that no other model has.

    Hey-Cortana and hey_cortana are one identifier, and on many disks one file: unless a name is of
    small letters, digits, - and _, its checksum stands behind its identifier.
    """
    if re.fullmatch(r"[a-z0-9_][a-z0-9_-]*", name) and len(name) <= LONGEST:
        return name
    plain, told = identifier(name), f"_{checksum(name)}"
    return plain if plain.endswith(told) else plain[: LONGEST - len(told)].strip("_") + told


def checksum(name: str) -> str:
    """Return eight digits that stand for a name, in whichever form its accents are written."""
    composed = unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape")
    return f"{zlib.crc32(composed):08x}"


def _ascii(name: str) -> str:
    """Letters without their accents."""
    apart = unicodedata.normalize("NFKD", name)
    return "".join(char for char in apart if not unicodedata.combining(char))


@cache
def reserved() -> frozenset[str]:
    """Return the names that a model must not have: of languages, libraries and systems."""
    # Made by firmware/list_taken_names.py.
    libraries = Path(__file__).with_name("taken_names.txt").read_text("ascii")
    return frozenset((RESERVED_WORDS + TAKEN_WORDS + libraries).split())
