"""Write a model and the engine as source code that builds on its own."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kws import __version__, footprint, model_file
from kws.engine_sources import ASSEMBLY, amalgamation, engine_sources, licence, with_limits
from kws.errors import ConfigError, KwsError
from kws.model_file import Model

BYTES_A_LINE = 16
TEMPLATES = Path(__file__).resolve().parent / "templates"
# Folders whose files are yours once they are written: a second export leaves them as they are.
YOURS = ("main.c", "Makefile", "examples/", "samples/")
# Words that a C or C++ compiler would not take as a variable's name.
RESERVED_WORDS = """
    alignas and asm auto bool break case catch char class compl concept const continue default
    delete do double else enum explicit export extern false float for friend goto if inline int
    kws long main mutable namespace new noexcept not nullptr operator or private protected
    public register requires restrict return short signed sizeof static struct switch template
    this throw true try typedef typeid typename union unsigned using virtual void volatile while
    xor
"""
RESERVED = frozenset(RESERVED_WORDS.split())


def export(model: str | Path | Model, to: Path, format: str) -> list[Path]:
    """Write `model` to the folder `to` in a format, and return the files that were written.

    model: what `model_file.load` takes. The folder must be new, empty, or an earlier export of the
    same model in the same format, of which examples stay as they are, for they may be yours by now.
    All files are written before the first takes its place, so a full disk changes nothing.
    ConfigError on the format or the folder, ModelError on the model, KwsError on the disk.
    """
    check_format(format)
    loaded = model_file.load(model)
    folder = Path(to)
    _check_folder(folder, format, loaded)
    new = {
        name: text
        for name, text in files_of(loaded, format).items()
        if not (name.startswith(YOURS) and (folder / name).exists())
    }
    try:
        return _write(folder, new)
    except OSError as refusal:
        reason = (refusal.strerror or str(refusal)).lower()
        raise KwsError(
            f"cannot save {folder}: {reason}; free some space or choose another place"
        ) from refusal


def check_format(format: str) -> None:
    """Raise ConfigError where `format` is none of FORMATS."""
    if format in FORMATS:
        return
    choice = f"choose {', '.join(sorted(FORMATS)[:-1])} or {max(FORMATS)}."
    if format in PLANNED:
        raise ConfigError(f"kws cannot export to {format} yet: {choice}")
    raise ConfigError(f"There is no export format {format!r}: {choice}")


def files_of(model: Model, format: str) -> dict[str, str]:
    """Return the text of every file of an export by its path in the folder."""
    parts = Parts(model)
    files = dict(FORMATS[format].files(parts))
    files |= {"LICENSE": licence(), "README.md": parts.readme(format)}
    return files


def _mark(format: str, model: Model) -> str:
    return f"kws export --format {format}, model {identifier(model.name)}"


def _check_folder(folder: Path, format: str, model: Model) -> None:
    """Refuse a folder that holds anything but an earlier export of the same."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file: name a folder that is new or empty.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    try:
        found = (folder / "README.md").read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        found = ""
    if found == f"<!-- {_mark(format, model)} -->":
        return
    holds = re.fullmatch(r"<!-- kws export --format ([\w-]+), model (\w+) -->", found)
    what = f"holds {holds[2]} for {holds[1]}" if holds else "holds other files"
    raise ConfigError(
        f"{folder} {what}: export {model.name} for {format} to a folder that is new or empty."
    )


def _write(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write the files beside their places, then rename them into these."""
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / f".{os.getpid()}.{secrets.token_hex(4)}.part"
    done = False
    try:
        for name, text in files.items():
            file = staged / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as stream:
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / name, folder / name)
        done = True
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        if is_new and not done:
            with contextlib.suppress(OSError):
                folder.rmdir()
    return [folder / name for name in files]


def identifier(name: str) -> str:
    """Return a model's name as a C and C++ identifier: hey-cortana 2 becomes hey_cortana_2."""
    plain = re.sub(r"[^0-9a-zA-Z]+", "_", name).strip("_").lower() or "model"
    return f"model_{plain}" if plain[0].isdigit() or plain in RESERVED else plain


def _plain(text: str) -> str:
    """Return text that ends no comment and no string, and continues no line."""
    return re.sub(r"[^\w .,'()-]", "_", text)


def c_array(model: Model) -> tuple[str, str]:
    """Return header and source of a model as a constant byte array, in C and C++ alike.

    On an AVR it lies in flash, as kws.h asks for, where the source is compiled as GNU C.
    """
    name = identifier(model.name)
    lines = [
        "    " + ", ".join(f"0x{byte:02x}" for byte in model.data[at : at + BYTES_A_LINE]) + ","
        for at in range(0, len(model.data), BYTES_A_LINE)
    ]
    guard = f"KWS_MODEL_{name.upper()}_H"
    banner = f"/* Generated by `kws export` from {_plain(model.name)}.kws; do not edit. */\n"
    header = (
        f'{banner}#ifndef {guard}\n#define {guard}\n\n#include "kws.h"\n\n'
        '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        f"/* Hears: {_plain(', '.join(model.words))}. {len(model.data)} bytes, read in place. */\n"
        f"extern const KWS_FLASH unsigned char {name}[];\n"
        f"extern const unsigned int {name}_size;\n\n"
        "#ifdef __cplusplus\n}\n#endif\n#endif\n"
    )
    source = (
        f'{banner}#include "{name}.h"\n\n'
        f"const KWS_FLASH unsigned char {name}[{len(model.data)}] = {{\n"
        + "\n".join(lines)
        + f"\n}};\nconst unsigned int {name}_size = {len(model.data)};\n"
    )
    return header, source


class Parts:
    """What the formats put together: the model's, the engine's and the templates' texts."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.name = identifier(model.name)
        self.limits = footprint.limits_of(model)
        self.engine = dict(engine_sources())
        self.engine["kws.h"] = with_limits(self.engine["kws.h"], self.limits)
        features = model.features
        self.values = {
            "NAME": self.name,
            "LIBRARY": f"kws_{self.name}",
            "VERSION": __version__,
            "WORDS": _plain(", ".join(model.words)),
            "BYTES": f"{len(model.data):,}",
            "RATE_HZ": str(features.sample_rate_hz),
            "RATE_KHZ": str(features.sample_rate_hz // 1000),
            "HOP": str(features.hop_length),
            "HOP_MS": str(features.hop_ms),
            "HOP_BYTES": str(2 * features.hop_length),
        }

    def template(self, file: str, **values: str) -> str:
        """Return a template's text with every @NAME@ replaced."""
        known = self.values | values
        text = (TEMPLATES / file).read_text(encoding="utf-8")
        return re.sub(r"@([A-Z_]+)@", lambda match: known[match[1]], text)

    def templates(self, folder: str, leave: str = "") -> Iterator[tuple[str, str]]:
        """Give the path and text of every template in a folder, but of those below `leave`."""
        for file in sorted((TEMPLATES / folder).rglob("*")):
            name = file.relative_to(TEMPLATES / folder).as_posix()
            if file.is_file() and not (leave and name.startswith(leave)):
                yield name, self.template(f"{folder}/{name}")

    def two_files(self, headers: str = "", sources: str = "") -> Iterator[tuple[str, str]]:
        """Give engine and model as two files each, in folders for headers and for sources."""
        header, source = c_array(self.model)
        yield f"{headers}{self.name}.h", header
        yield f"{sources}{self.name}.c", source
        yield f"{headers}kws.h", self.engine["kws.h"]
        yield f"{sources}kws.c", amalgamation(self.engine)

    def readme(self, format: str) -> str:
        """Return the README.md, with the memory that this model takes."""
        source = amalgamation(self.engine)
        found = {
            chip.name: footprint.measure(chip, self.engine["kws.h"], source)
            for chip in footprint.CHIPS
        }
        return self.template(
            "README.md",
            MARK=_mark(format, self.model),
            FORMAT=format,
            USE=re.sub(
                r"@([A-Z_]+)@", lambda match: self.values[match[1]], FORMATS[format].use
            ).strip(),
            LIMITS=", ".join(f"`{name}` {value}" for name, value in self.limits.items()),
            MEMORY=footprint.table(found, len(self.model.data)),
            ATTRIBUTION=attribution(self.model),
        )


def attribution(model: Model) -> str:
    """Return what the model's card says of the data that it was trained on."""
    card = model.path.with_name("README.md") if model.path else None
    text = card.read_text(encoding="utf-8") if card and card.is_file() else ""
    found = re.search(r"^## Data\n+((?:- .*\n)+)", text, flags=re.M)
    if text.startswith(f"# {model.name}\n") and found:
        return f"The model's card names what it was trained on:\n\n{found[1].strip()}"
    return (
        "No model card lies beside the model: name here whoever's recordings it was trained on, "
        "where their licence asks for it."
    )


def _c_files(parts: Parts) -> Iterator[tuple[str, str]]:
    yield from parts.two_files()
    yield from parts.templates("c")


def _library_source(parts: Parts) -> Iterator[tuple[str, str]]:
    """src/ of an Arduino or PlatformIO library, which an AVR's assembly comes along with."""
    header, source = c_array(parts.model)
    yield f"src/{parts.name}.h", header
    yield f"src/{parts.name}.c", source
    fast = parts.model.features.sample_rate_hz == 8000
    for name, text in parts.engine.items():
        if name == "kws.h" and fast:
            text = text.replace("\n/* Limits.", f"{AVR_ASSEMBLY}\n/* Limits.", 1)
        elif name.endswith(".S"):
            text = f"#if {ON_AVR}\n{text}#endif\n"
        if fast or not name.endswith((".S", ".inc")):
            yield f"src/{name}", text
    yield from parts.templates("arduino", leave=_unfit(parts) or "library.properties")


def _unfit(parts: Parts) -> str:
    """The example that this model cannot be used in: the PDM library gives 16 kHz alone."""
    return "examples/Pdm" if parts.model.features.sample_rate_hz == 8000 else ""


def _arduino_files(parts: Parts) -> Iterator[tuple[str, str]]:
    yield from _library_source(parts)
    yield "library.properties", parts.template("arduino/library.properties")


def _platformio_files(parts: Parts) -> Iterator[tuple[str, str]]:
    files = {n: t for n, t in _library_source(parts) if n != "library.properties"}
    yield from files.items()
    sketches = [Path(name) for name in files if name.endswith(".ino")]
    examples = ",\n".join(
        f'    {{"name": "{sketch.stem}", "base": "{sketch.parent.as_posix()}", '
        f'"files": ["{sketch.name}"]}}'
        for sketch in sketches
    )
    yield "library.json", parts.template("platformio/library.json", EXAMPLES=examples)


def _component_files(folder: str) -> Callable[[Parts], Iterator[tuple[str, str]]]:
    def files(parts: Parts) -> Iterator[tuple[str, str]]:
        yield from parts.two_files("include/", "src/")
        yield from parts.templates(folder)

    return files


ON_AVR = "defined(__AVR__) && defined(__AVR_HAVE_MUL__)"
# GNU C is what puts the tables where the assembly reads them; C++ sees no loop of the engine.
AVR_ASSEMBLY = f"""
/* The assembly of kws_*_avr.S, for this model of 8 kHz. */
#if {ON_AVR} && !defined(__STRICT_ANSI__) && !defined({ASSEMBLY})
#define {ASSEMBLY}
#endif
"""


@dataclass(frozen=True)
class Format:
    """What an export writes, and the lines of its README that say what to do with the folder."""

    files: Callable[[Parts], Iterator[tuple[str, str]]]
    use: str


PLANNED = ("onnx", "wasm")
FORMATS = {
    "c": Format(
        _c_files,
        "Two plain files, `kws.c` and `kws.h`, and two more with the model: add them to any C99 or "
        "C++11\nproject. `make && ./@NAME@ < samples.raw` tries them on this machine.",
    ),
    "arduino": Format(
        _arduino_files,
        "Copy this folder to `libraries/@LIBRARY@` in your sketchbook, or zip it and add it with "
        "Sketch > Include\nLibrary > Add .ZIP Library; then open File > Examples > @LIBRARY@.",
    ),
    "platformio": Format(
        _platformio_files,
        "Copy this folder to `lib/@LIBRARY@` of your project, or add its path to `lib_deps` as "
        "`symlink://PATH`.",
    ),
    "esp-idf": Format(
        _component_files("esp-idf"),
        "Copy this folder to `components/@LIBRARY@` of your project; its name is the component's "
        "name.\n`idf.py build` in `examples/i2s_microphone` builds the example. For ESP-IDF 5.0 or "
        "later.",
    ),
    "zephyr": Format(
        _component_files("zephyr"),
        "Add this folder to `EXTRA_ZEPHYR_MODULES` (or to your west manifest) and set "
        "`CONFIG_KWS=y`.\n`west build -b BOARD samples/dmic` builds the sample. For Zephyr 3.5 or "
        "later.",
    ),
}
