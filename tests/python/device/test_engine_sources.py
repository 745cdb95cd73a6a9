"""The engine as two plain files: one C file and its header, the same words heard."""

import subprocess
from pathlib import Path

import pytest
from exported import CROSS, ROOT, STRICT, build, heard, needs, run, said
from random_models import ALL, LARGE

from kws.audio.files import read_audio
from kws.device import footprint
from kws.device.engine_sources import amalgamation, engine_sources, with_limits, without
from kws.device.export import export
from kws.device.parts import c_array
from kws.engine import model_file
from kws.engine.model_file import Model
from kws.errors import ToolError

SPEECH = ROOT / "data" / "sample" / "stream" / "held_out.opus"
PROGRAM = """
#include <stdio.h>
#include "hey_cortana.h"
int main(void) {
    static kws_spotter spotter;
    static int16_t samples[777]; /* more than two hops: detections may end a call early */
    if (kws_spotter_init(&spotter, hey_cortana, hey_cortana_size) != KWS_OK) return 1;
    for (size_t count; (count = fread(samples, sizeof samples[0], 777, stdin)) > 0;) {
        kws_detection found;
        for (size_t at = 0; at < count;) {
            at += kws_spotter_process(&spotter, samples + at, count - at, &found);
            if (found.word == KWS_NO_WORD) continue;
            printf("%s in ", kws_spotter_word(&spotter, found.word));
            printf("frame %u\\n", (unsigned)found.frame);
        }
    }
    return 0;
}
"""


def write_two_files(model: Model, folder: Path) -> None:
    sources = dict(engine_sources())
    header = with_limits(sources["kws.h"], footprint.limits_of(model))
    (folder / "kws.h").write_text(header)
    (folder / "kws.c").write_text(amalgamation(sources))


def test_two_plain_files_hear_the_recording_as_the_library_does(tmp_path):
    model = ROOT / "models" / "hey_cortana" / "hey_cortana.kws"
    export(model, tmp_path / "out", "c")
    (tmp_path / "program.c").write_text(PROGRAM)
    folder = tmp_path / "out"
    sources = [tmp_path / "program.c", folder / "kws.c", folder / "hey_cortana.c"]
    program = build(tmp_path / "program", sources, f"-I{folder}")
    samples = read_audio(SPEECH)
    expected = heard(model, samples)
    assert len(expected) >= 5
    assert said(run([program], tmp_path, samples.tobytes())) == expected


LANGUAGES = [("gcc", "c", "c99"), ("gcc", "c", "c11"), ("clang", "c", "c99")]
LANGUAGES += [("g++", "c++", "c++11"), ("g++", "c++", "c++20"), ("clang++", "c++", "c++17")]


@pytest.mark.parametrize("compiler, language, standard", LANGUAGES)
def test_they_compile_alone_in_c_and_in_cpp(compiler, language, standard, model, tmp_path):
    needs(compiler)
    write_two_files(model, tmp_path)
    flags = [*STRICT, f"-std={standard}", "-x", language]
    for level in ("-O0", "-O2"):
        run([compiler, level, *flags, "-c", "kws.c", "-o", "kws.o"], tmp_path)


@pytest.mark.parametrize("target", CROSS)
def test_they_compile_for_every_chip(target, model, tmp_path):
    compiler, *flags = CROSS[target]
    needs(compiler)
    write_two_files(model, tmp_path)
    run([compiler, "-std=c99", "-Os", *flags, *STRICT, "-c", "kws.c", "-o", "kws.o"], tmp_path)


@pytest.mark.parametrize("recipe", (*ALL, *LARGE), ids=lambda recipe: recipe.name)
def test_a_models_own_limits_take_it_and_nothing_larger(recipe, tmp_path):
    model = model_file.parse(recipe.encode(), Path("model.kws"))
    write_two_files(model, tmp_path)
    header, source = c_array(model)
    name = header.split("extern const KWS_FLASH unsigned char ")[1].split("[")[0]
    (tmp_path / f"{name}.h").write_text(header)
    (tmp_path / f"{name}.c").write_text(source)
    (tmp_path / "program.c").write_text(
        f'#include "{name}.h"\nint main(void) {{ static kws_spotter spotter;\n'
        f"return (int)kws_spotter_init(&spotter, {name}, {name}_size); }}\n"
    )
    sources = ("program.c", "kws.c", f"{name}.c")

    def status(*flags: str) -> int:
        build(tmp_path / "program", sources, *flags)
        return subprocess.run([tmp_path / "program"]).returncode

    assert status() == 0
    for limit, value in footprint.limits_of(model).items():
        if limit in ("KWS_MAX_HIDDEN", "KWS_MAX_CLASSES", "KWS_MAX_FEATURES") and value > 1:
            assert status(f"-D{limit}={value - 1}") == 10, limit  # KWS_ERROR_TOO_LARGE


def test_every_source_is_in_the_one_file():
    sources = dict(engine_sources())
    text = amalgamation(sources)
    for name in sources:
        if name.endswith(".c"):
            assert f"/* ---- {name} ---- */" in text
    assert text.count('#include "') == 1 and "KWS_AVR_ASSEMBLY" not in text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\n#ifdef X\nb\n#else\nc\n#endif\nd\n", "a\nc\nd\n"),
        ("#ifndef X\nb\n#else\nc\n#endif\n", "b\n"),
        ("#if defined(X)\nb\n#endif\nc\n", "c\n"),
        ("#ifdef X\n#if Y\nb\n#else\nc\n#endif\n#endif\nd\n", "d\n"),
        ("#if Y\n#ifndef X\nb\n#endif\n#else\nc\n#endif\n", "#if Y\nb\n#else\nc\n#endif\n"),
        ("#ifdef XY\nb\n#endif\n", "#ifdef XY\nb\n#endif\n"),
    ],
)
def test_a_macro_that_is_not_defined_leaves_no_trace(text, left):
    assert without(text, "X") == left


def test_an_unknown_limit_is_refused():
    header = dict(engine_sources())["kws.h"]
    with pytest.raises(ToolError, match="no limit KWS_MAX_WEATHER"):
        with_limits(header, {"KWS_MAX_WEATHER": 1})
