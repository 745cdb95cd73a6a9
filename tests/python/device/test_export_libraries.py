"""Libraries for Arduino, PlatformIO, ESP-IDF and Zephyr: they build, and their examples hear."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from exported import CROSS, EXPORT_TOOLS, STAND_INS, STRICT, build, heard, needs, run, said
from loudness_models import FEATURES_8K, three_words, two_words, wake_word

from kws.device.export import export
from kws.engine import model_file

TOOLS = "make export-tools"
LIBRARIES = ("arduino", "platformio", "esp-idf", "zephyr")
RATES = {"16k": wake_word(), "8k": wake_word(config=FEATURES_8K)}


@pytest.fixture
def exported(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The model of 16 kHz that hears noise, in the format that the test names."""
    return write(tmp_path, request.param)


def write(folder: Path, format: str, data: bytes = RATES["16k"]) -> Path:
    path = folder / "hey_noise.kws"
    path.write_bytes(data)
    export(path, folder / "kws_hey_noise", format)
    return folder / "kws_hey_noise"


def for_format(*formats: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("exported", formats, indirect=True)


@pytest.fixture(scope="module")
def speech_like() -> np.ndarray:
    """Four seconds that the models of noise hear three words in."""
    return three_words()


# ---- what every format holds -------------------------------------------------------------------


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("format", LIBRARIES)
def test_no_placeholder_is_left_and_each_has_licence_and_readme(format, rate, tmp_path):
    folder = write(tmp_path, format, RATES[rate])
    files = [file for file in folder.rglob("*") if file.is_file()]
    for file in files:
        assert not re.search(r"@[A-Z_]+@", file.read_text()), file
    assert (folder / "LICENSE").read_text().lstrip().startswith("Apache License")
    readme = (folder / "README.md").read_text()
    assert f"{rate[:-1]}000 a second" in readme and "How often" in readme
    assert len(files) >= 12


@for_format(*LIBRARIES)
@pytest.mark.parametrize("target", CROSS)
def test_the_sources_compile_for_every_chip(exported, target):
    compiler, *flags = CROSS[target]
    needs(compiler)
    include = "include" if (exported / "include").is_dir() else "src"
    standard = "gnu99" if "avr" in compiler else "c99"
    for source in sorted((exported / "src").glob("*.c")):
        command = [compiler, f"-std={standard}", "-Os", *flags, *STRICT, f"-I{include}"]
        run([*command, "-c", source, "-o", "/dev/null"], exported)


# ---- Arduino -----------------------------------------------------------------------------------


@for_format("arduino")
def test_arduinos_properties_are_complete(exported):
    text = (exported / "library.properties").read_text()
    fields = dict(line.split("=", 1) for line in text.splitlines())
    required = "name version author maintainer sentence paragraph category url architectures"
    assert set(required.split()) <= set(fields) and all(fields.values())
    assert (exported / "src" / fields["includes"]).is_file()
    assert re.fullmatch(r"[A-Za-z0-9][\w .-]{0,62}", fields["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])


@pytest.mark.parametrize("example", ["PdmMicrophone", "AnalogMicrophone"])
def test_the_sketches_hear_what_the_library_hears(example, speech_like, tmp_path):
    """With stand-ins for the boards' microphones, an ADC of 12 bits among them."""
    needs("g++")
    folder = write(tmp_path, "arduino")
    sketch = folder / "examples" / example / f"{example}.ino"
    (tmp_path / "start.cpp").write_text(
        f'#include <Arduino.h>\n#include "{sketch}"\nint main() {{ setup(); for (;;) loop(); }}\n'
    )
    flags = [*STRICT, f"-I{folder / 'src'}", f"-I{STAND_INS / 'arduino'}"]
    for source in sorted((folder / "src").glob("*.c")):
        run(["gcc", "-std=c99", *flags, "-c", source], tmp_path)
    command = ["g++", "-std=c++11", "-DARDUINO_ARCH_RP2040", *flags, "start.cpp"]
    run([*command, *sorted(tmp_path.glob("*.o")), "-o", "sketch"], tmp_path)
    samples = speech_like if example == "PdmMicrophone" else speech_like >> 4 << 4
    output = run([tmp_path / "sketch"], tmp_path, samples.tobytes())
    assert output.startswith("listening for hey_noise\n") and "lost" not in output
    expected = heard(tmp_path / "hey_noise.kws", samples)
    assert len(expected) == 3 and said(output) == expected


def test_a_sketch_without_a_sampler_for_the_board_says_so(tmp_path):
    needs("g++")
    folder = write(tmp_path, "arduino")
    sketch = folder / "examples" / "AnalogMicrophone" / "AnalogMicrophone.ino"
    command = ["g++", "-x", "c++", "-fsyntax-only", "-include", "Arduino.h", str(sketch)]
    command += [f"-I{folder / 'src'}", f"-I{STAND_INS / 'arduino'}"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode and "no sampler for this board" in ran.stderr


def test_a_model_of_8_khz_brings_the_assembly_and_no_pdm_sketch(tmp_path):
    folder = write(tmp_path, "arduino", RATES["8k"])
    names = {file.name for file in folder.rglob("*") if file.is_file()}
    assert "kws_fft_avr.S" in names and "kws_avr.inc" in names
    assert "AnalogMicrophone.ino" in names and "PdmMicrophone.ino" not in names
    assert "#define KWS_AVR_ASSEMBLY" in (folder / "src" / "kws.h").read_text()
    for assembly in (folder / "src").glob("*.S"):  # empty for every other processor
        assert assembly.read_text().startswith("#if defined(__AVR__)")


# ---- PlatformIO --------------------------------------------------------------------------------


# `pio pkg pack`, but for the list of licences that it would fetch from the network.
PIO = """
from platformio.__main__ import main
from platformio.package.manifest.schema import ManifestSchema
licences = {"licenses": [{"licenseId": "Apache-2.0"}]}
ManifestSchema.load_spdx_licenses = staticmethod(lambda: licences)
raise SystemExit(main())
"""


def pack(folder: Path, to: Path) -> subprocess.CompletedProcess[str]:
    needs("pio", TOOLS)
    environment = {"PLATFORMIO_CORE_DIR": str(to / "pio"), "PATH": str(EXPORT_TOOLS)}
    command = [EXPORT_TOOLS / "python", "-c", PIO, "pkg", "pack", folder, "-o", to / "kws.tar.gz"]
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env=environment
    )


@pytest.mark.parametrize("rate", RATES)
def test_platformio_packs_the_library(rate, tmp_path):
    folder = write(tmp_path, "platformio", RATES[rate])
    packed = pack(folder, tmp_path)
    assert packed.returncode == 0, packed.stdout + packed.stderr
    names = set(run(["tar", "tzf", "kws.tar.gz"], tmp_path).split())
    assert {"library.json", "LICENSE", "README.md", "src/kws.h", "src/hey_noise.c"} <= names
    manifest = json.loads((folder / "library.json").read_text())
    for example in manifest["examples"]:
        assert {f"{example['base']}/{file}" for file in example["files"]} <= names
    del manifest["version"]
    (folder / "library.json").write_text(json.dumps(manifest))
    assert pack(folder, tmp_path).returncode, "PlatformIO checks nothing"


# ---- ESP-IDF and Zephyr ------------------------------------------------------------------------


@for_format("esp-idf")
def test_the_component_manager_takes_the_component(exported, tmp_path):
    compote = needs("compote", TOOLS)
    environment = {"HOME": str(tmp_path), "IDF_TOOLS_PATH": str(tmp_path), "PATH": "/usr/bin:/bin"}

    def manager(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [compote, "--warnings-as-errors", *arguments]
        return subprocess.run(
            command, cwd=exported, env=environment, capture_output=True, text=True
        )

    lint = manager("manifest", "lint", str(exported))
    assert lint.returncode == 0, lint.stdout + lint.stderr
    packed = manager(
        "component", "pack", "--name", "kws_hey_noise", "--dest-dir", str(tmp_path / "dist")
    )
    assert packed.returncode == 0, packed.stdout + packed.stderr
    assert list((tmp_path / "dist").glob("kws_hey_noise_*.tgz"))
    manifest = exported / "idf_component.yml"
    manifest.write_text(manifest.read_text().replace("0.1.0", "newest"))
    assert manager("manifest", "lint", str(exported)).returncode, "the manager checks nothing"


# The commands of both build systems, which only say what they were given.
CMAKE = {
    "esp-idf": """
        function(idf_component_register)
            cmake_parse_arguments(PARSE_ARGV 0 C "" "" "SRCS;INCLUDE_DIRS")
            message("sources ${C_SRCS}\\nfolders ${C_INCLUDE_DIRS}")
        endfunction()
    """,
    "zephyr": """
        set(CONFIG_KWS y)
        function(zephyr_include_directories)
            message("folders ${ARGV}")
        endfunction()
        function(zephyr_library_named name)
            message("library ${name}")
        endfunction()
        function(zephyr_library_sources)
            message("sources ${ARGV}")
        endfunction()
    """,
}


@pytest.mark.parametrize("format", CMAKE)
def test_cmake_names_files_that_build(format, tmp_path):
    cmake = needs("cmake")
    (tmp_path / "two.kws").write_bytes(two_words())
    (tmp_path / "hey_noise.kws").write_bytes(wake_word())
    folder = tmp_path / "kws_hey_noise"
    export(tmp_path / "hey_noise.kws", folder, format, second=tmp_path / "two.kws")
    (tmp_path / "check.cmake").write_text(f"{CMAKE[format]}\ninclude({folder}/CMakeLists.txt)\n")
    ran = subprocess.run([cmake, "-P", "check.cmake"], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found = {line.split(" ")[0]: line.split(" ")[1].split(";") for line in ran.stderr.splitlines()}
    assert {folder / name for name in found["sources"]} == set((folder / "src").glob("*.c"))
    include = [f"-I{folder / name}" for name in found["folders"]]
    for source in found["sources"]:
        run(["cc", "-std=c99", *STRICT, *include, "-c", folder / source], tmp_path)


@pytest.mark.parametrize(
    ("format", "example", "start"),
    [
        ("esp-idf", "examples/i2s_microphone/main/main.c", ["start.c"]),
        ("zephyr", "samples/dmic/src/main.c", []),
    ],
)
@pytest.mark.parametrize("rate", RATES)
def test_the_examples_hear_what_the_library_hears(
    format, example, start, rate, speech_like, tmp_path
):
    folder = write(tmp_path, format, RATES[rate])
    stand_ins = STAND_INS / format
    sources = [folder / example, *(stand_ins / name for name in start)]
    sources += sorted((folder / "src").glob("*.c"))
    # GNU C, as these systems compile; a stand-in need not use all that it declares
    flags = ["-std=gnu99", "-Wno-unused-variable", f"-I{folder / 'include'}", f"-I{stand_ins}"]
    program = build(tmp_path / "example", sources, *flags)
    ran = subprocess.run([program], input=speech_like.tobytes(), capture_output=True, text=False)
    assert ran.returncode == 0, ran.stderr
    expected = heard(tmp_path / "hey_noise.kws", speech_like)
    assert len(expected) == 3 and said(ran.stdout.decode()) == expected


@for_format("zephyr")
def test_zephyrs_module_and_kconfig_are_well_formed(exported):
    """The keys are those of Zephyr's own check of modules, scripts/zephyr_module.py."""
    python = EXPORT_TOOLS / "python"
    if not python.exists():
        pytest.skip(f"kconfiglib is not installed: {TOOLS}")
    script = """
import sys, kconfiglib
from ruamel.yaml import YAML
module = YAML(typ="safe").load(open("zephyr/module.yml"))
assert set(module) <= {"name", "build", "tests", "samples", "boards"}, module
assert set(module["build"]) <= {"cmake", "kconfig", "depends", "settings"}, module
sample = YAML(typ="safe").load(open("samples/dmic/sample.yaml"))
assert set(sample) <= {"sample", "common", "tests"} and sample["sample"]["name"]
kconfig = kconfiglib.Kconfig(module["build"]["kconfig"])
symbol = kconfig.syms["KWS"]
assert symbol.orig_type == kconfiglib.BOOL and symbol.str_value == "n"
symbol.set_value(2)
assert symbol.str_value == "y" and not kconfig.warnings
print(module["build"]["cmake"], *module["samples"])
"""
    cmake, *samples = run([python, "-c", script], exported).split()
    assert (exported / cmake / "CMakeLists.txt").is_file()
    assert all((exported / sample).is_dir() for sample in samples)


def test_names_of_words_cannot_break_a_manifest(tmp_path):
    needs("cc")
    path = tmp_path / "evil.kws"
    path.write_bytes(wake_word('*/ "#error\\ ${X} @NAME@ ??/'))
    for format in LIBRARIES:
        export(path, tmp_path / format, format)
    json.loads((tmp_path / "platformio" / "library.json").read_text())
    for format in ("esp-idf", "zephyr"):
        folder = tmp_path / format
        main = next(folder.glob("*/*/main/main.c" if format == "esp-idf" else "*/*/src/main.c"))
        flags = ["-std=gnu99", "-Wno-unused-variable", f"-I{STAND_INS / format}"]
        run(["cc", *STRICT, *flags, f"-I{folder / 'include'}", "-c", main], tmp_path)


def test_two_words_are_named_in_the_order_of_the_model(tmp_path):
    folder = write(tmp_path, "arduino", two_words())
    assert "Hears: low, high." in (folder / "src" / "hey_noise.h").read_text()
    assert model_file.load(tmp_path / "hey_noise.kws").words == ("low", "high")
