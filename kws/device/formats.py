"""What each export format consists of: the engine's files, the model's, and the templates."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kws.device import esphome, footprint, web
from kws.device.attribution import attribution
from kws.device.engine_sources import ASSEMBLY, amalgamation
from kws.device.identifiers import identifier
from kws.device.onnx_graph import onnx_bytes
from kws.device.parts import Parts, plain


def _c_files(parts: Parts) -> Iterator[tuple[str, str]]:
    yield from parts.two_files()
    yield from parts.templates("c")


def _library_source(parts: Parts) -> Iterator[tuple[str, str]]:
    """src/ of an Arduino or PlatformIO library, which an AVR's assembly comes along with."""
    yield from parts.arrays("src/", "src/")
    fast = all(model.features.sample_rate_hz == 8000 for model in parts.models)
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


def _wasm_files(parts: Parts) -> Iterator[tuple[str, str | bytes]]:
    yield from web.binaries(parts.models)
    yield from parts.templates("wasm", leave="README.md", **web.values(parts.models))


def _onnx_files(parts: Parts) -> Iterator[tuple[str, str | bytes]]:
    for model in parts.models:
        yield f"{identifier(model.name)}.onnx", onnx_bytes(model)
    yield from parts.templates("onnx", leave="README.md")


def _onnx_values(parts: Parts) -> dict[str, str]:
    model = parts.model
    return {
        "FEATURES": str(model.features.n_features),
        "HIDDEN": str(model.hidden),
        "CLASSES": str(len(model.classes)),
    }


ON_AVR = "defined(__AVR__) && defined(__AVR_HAVE_MUL__)"
# GNU C is what puts the tables where the assembly reads them; C++ sees no loop of the engine.
AVR_ASSEMBLY = f"""
/* The assembly of kws_*_avr.S, for this model of 8 kHz. */
#if {ON_AVR} && !defined(__STRICT_ANSI__) && !defined({ASSEMBLY})
#define {ASSEMBLY}
#endif
"""


def _memory(parts: Parts) -> dict[str, str]:
    """Return what the README of a library in C says of its models and the memory they take."""
    source = amalgamation(parts.engine)
    found = {
        chip.name: footprint.measure(chip, parts.engine["kws.h"], source)
        for chip in footprint.CHIPS
    }
    return {
        "MORE": _more(parts),
        "LIMITS": ", ".join(f"`{name}` {value}" for name, value in parts.limits.items()),
        "MEMORY": footprint.table(found, len(parts.model.data)),
    }


def _more(parts: Parts) -> str:
    """Return a paragraph on the models beside the first one."""
    if len(parts.models) == 1:
        return ""
    named = ", ".join(
        f"`{identifier(model.name)}` (hears {plain(', '.join(model.words))})"
        for model in parts.models[1:]
    )
    return f"\n\nThis folder also holds {named}: include its header, for a spotter of its own."


@dataclass(frozen=True)
class Format:
    """What an export writes, and the lines of its README that say what to do with the folder.

    readme: its template, in which `values` are what the templates do not know of themselves.
    """

    files: Callable[[Parts], Iterator[tuple[str, str]] | Iterator[tuple[str, str | bytes]]]
    use: str
    readme: str = "README.md"
    values: Callable[[Parts], Mapping[str, str]] = _memory


FORMATS = {
    "c": Format(
        _c_files,
        "Two plain files, `kws.c` and `kws.h`, and two more with the model: add them to any C99 or "
        "C++11\nproject. `make && ./@NAME@ < samples.raw` tries them on this machine.\n\n"
        "In CMake the target is `@LIBRARY@::@LIBRARY@`, by `add_subdirectory`, by `FetchContent`, "
        "or by\n`find_package(@LIBRARY@)` once it is installed. `conan create .` makes a package.",
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
    "wasm": Format(
        _wasm_files,
        "Serve this folder and open it: `python3 -m http.server`, then http://localhost:8000. As a "
        "package for\nyour own page or program: `npm install ./PATH/TO/THIS/FOLDER`.",
        readme="wasm/README.md",
        values=lambda parts: web.values(parts.models),
    ),
    "esphome": Format(
        esphome.files,
        "The examples need no change but for their pins: `external_components` of a device names "
        "the\nfolder `components`.",
        readme="esphome/README.md",
        values=esphome.values,
    ),
    "onnx": Format(
        _onnx_files,
        "`@NAME@.onnx` runs wherever an ONNX runtime does: `python examples/listen.py "
        "RECORDING.wav` in onnxruntime.",
        readme="onnx/README.md",
        values=_onnx_values,
    ),
}


def readme(parts: Parts, format: str, mark: str) -> str:
    """Return the README.md of a format, which `mark` opens."""
    made = FORMATS[format]
    use = re.sub(r"@([A-Z_]+)@", lambda match: parts.values[match[1]], made.use)
    return parts.template(
        made.readme,
        MARK=mark,
        FORMAT=format,
        USE=use.strip(),
        ATTRIBUTION=attribution(parts.models),
        **made.values(parts),
    )
