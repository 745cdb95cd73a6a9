"""The C engine's source files as text: as they are, with a model's limits, or as one file."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from kws.errors import ToolError

ASSEMBLY = "KWS_AVR_ASSEMBLY"
SUFFIXES = (".h", ".c", ".S", ".inc")
INCLUDE = re.compile(r'#include "(kws_?\w*\.[ch])"\n')
IN_A_FOLDER = re.compile(r'(#include ")(?:\w+/|\.\./)(kws_\w+\.\w+")')


def engine_sources() -> Iterator[tuple[str, str]]:
    """Give name and text of each file of the C engine: kws.h, then kws_*.{h,c}, then an AVR's.

    A checkout has them in firmware/, an installed package beside this module. The chips' folders
    are left out of the names, and of the lines that include one file in another.
    """
    root = engine_root()
    files = [file for file in (root / "src").rglob("kws_*.*") if file.suffix in SUFFIXES]
    files.sort(key=lambda file: (file.suffix in (".S", ".inc"), file.name))
    for file in (root / "include" / "kws.h", *files):
        yield file.name, IN_A_FOLDER.sub(r"\1\2", file.read_text(encoding="utf-8"))


def engine_root() -> Path:
    """Return the folder that holds the engine's include/ and src/."""
    here = Path(__file__).resolve().parents[1]
    for root in (here / "firmware", here.parent / "firmware"):
        if (root / "include" / "kws.h").is_file() and any((root / "src").glob("kws_*.c")):
            return root
    raise ToolError(f"The engine's C sources are not beside {here}: install kws again.")


def licence() -> str:
    """Return the text of the licence that the engine is under."""
    root = engine_root()
    for file in (root / "LICENSE", root.parent / "LICENSE"):
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise ToolError(f"The engine's LICENSE is not in {root}: install kws again.")


def with_limits(header: str, limits: Mapping[str, int]) -> str:
    """Return kws.h with other defaults for its limits; a compiler's -D still overrides them."""
    for name, value in limits.items():
        header, found = re.subn(
            rf"^(#ifndef {name}\n(?:/\*.*\*/\n)?#define {name} )(?:\(.*?\)|\w+)(?=\s|$)",
            rf"\g<1>{value}",
            header,
            flags=re.M,
        )
        if found != 1:
            raise ToolError(f"kws.h has no limit {name}: install kws again.")
    return header


def without(text: str, macro: str) -> str:
    """Return C source as the preprocessor would leave it where `macro` is not defined.

    Of all conditions only `#ifdef macro`, `#ifndef macro` and `#if defined(macro)` are resolved.
    """
    kept: list[str] = []
    conditions: list[bool | None] = []  # is this branch in? None: another condition, left alone
    for line in text.splitlines(keepends=True):
        words = line.split()
        if re.match(r"#\s*if", line):
            tested = f"#if defined({macro})" == line.strip() or words[:2] == ["#ifdef", macro]
            if tested or words[:2] == ["#ifndef", macro]:
                conditions.append(not tested)
                continue
            conditions.append(None)
        elif line.startswith("#else") and conditions[-1] is not None:
            conditions[-1] = not conditions[-1]
            continue
        elif line.startswith("#endif") and conditions.pop() is not None:
            continue
        if False not in conditions:
            kept.append(line)
    return "".join(kept)


def amalgamation(sources: Mapping[str, str]) -> str:
    """Return the engine as one C file that includes nothing but kws.h and libc's headers.

    It compiles as C99 and as C++11, and holds the C of every chip; an AVR's assembly stays apart.
    """
    included = {"kws.h"}  # stays apart

    def expand(name: str) -> str:
        if name in included:
            return ""
        included.add(name)
        text = without(sources[name], ASSEMBLY)
        whole = INCLUDE.sub(lambda match: expand(match[1]), text)
        if not name.endswith(".c"):
            return whole
        own = dict.fromkeys(re.findall(r"^#define (\w+)", text, flags=re.M))
        undefined = "".join(f"#undef {macro}\n" for macro in own)
        return f"/* ---- {name} ---- */\n\n{whole}\n{undefined}\n"

    parts = [ONE_FILE, *(expand(name) for name in sources if name.endswith(".c"))]
    return re.sub(r"\n{3,}", "\n\n", "".join(parts))


ONE_FILE = """\
/* kws: the engine in one file, made of firmware/src by `kws export`; do not edit.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kws.h"

#ifdef __cplusplus
#define restrict /* no keyword of C++ */
#endif

"""
