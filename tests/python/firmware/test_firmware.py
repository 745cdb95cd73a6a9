"""The C sources as a user of the header meets them: they compile, link to nothing, and listen."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from bill.build import compile_engine
from bill.targets import TARGETS, THIS_MACHINE
from loudness_models import noise, wake_word

import kws
from kws.audio.files import read_audio
from kws.device.engine_sources import engine_sources
from kws.device.parts import c_array
from kws.engine.model_file import parse

ROOT = Path(__file__).parents[3]
ENGINE = ROOT / "firmware"
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-pedantic", "-Werror"]
STRICT_C = ["-std=c99", "-Wmissing-prototypes", "-Wvla", *STRICT]

# Of libc the header promises these two; the rest is what compilers call for integer arithmetic.
LIBC = {"memcpy", "memset"}
INTEGER_HELPERS = re.compile(
    r"__aeabi_(u?idiv(mod)?|u?ldivmod|lmul|llsl|llsr|lasr|memcpy[48]?|memclr[48]?|memset[48]?)"
    r"|__gnu_thumb1_case_\w+|__(mul|ashl|ashr|lshr|u?div|u?mod)[sd]i3|__clz[sd]i2"
    r"|__(u?divmod|u?s?mul)\w*[qhs]i\w*|__(add|sub|cmp)di\w*|__do_copy_data|__do_clear_bss"
    r"|_GLOBAL_OFFSET_TABLE_"
)


def needs(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed")
    return path


def test_the_header_has_the_package_s_version():
    version = re.search(r"^#define KWS_VERSION (\d+)", (ENGINE / "include/kws.h").read_text(), re.M)
    major, minor, patch = map(int, kws.__version__.split(".")[:3])
    assert version and int(version[1]) == 10_000 * major + 100 * minor + patch


@pytest.mark.parametrize(
    ("flags", "is_own"), [((), "1"), (("-mno-unaligned-access",), "0"), (("-DKWS_PORTABLE",), "0")]
)
def test_a_cortex_m4_that_reads_no_unaligned_words_runs_the_c(flags, is_own, tmp_path):
    """Its own loops load words of weights at any address."""
    gcc = needs("arm-none-eabi-gcc")
    (tmp_path / "ask.c").write_text('#include "kws_arch.h"\nis_own KWS_CORTEX_M4\n')
    include = [f"-I{ENGINE / folder}" for folder in ("include", "src")]
    command = [gcc, "-mcpu=cortex-m4", "-mthumb", "-E", "-P", *include, *flags, "ask.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-2:] == ["is_own", is_own]


# Without a floating point unit, so that every float would call a routine.
SOFT = {"Cortex-M4": "-mfloat-abi=soft"}
CORES = ("Cortex-M0", "Cortex-M4", "RV32IMC", "ATmega328P", "this machine")


@pytest.mark.parametrize(
    "target", [t for t in TARGETS if t.name in CORES], ids=lambda target: target.name
)
@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_objects_call_neither_heap_nor_floating_point(target, level, tmp_path):
    if target.compiler is None:
        pytest.skip(f"{target.prefix}gcc is not installed")
    soft = (SOFT[target.name],) if target.name in SOFT else ()
    objects = compile_engine(target, tmp_path, *STRICT_C, level, *soft)
    lines = [line.split() for line in target.tool("nm", *objects).splitlines()]
    symbols = [(line[-2], line[-1]) for line in lines if len(line) > 1]
    defined = {name for kind, name in symbols if kind != "U"}
    called = {name for kind, name in symbols if kind == "U"} - defined
    assert {"kws_spotter_init_checked", "kws_spotter_process", "kws_framing_features"} <= defined
    assert not {name for name in called - LIBC if not INTEGER_HELPERS.fullmatch(name)}
    assert not [name for kind, name in symbols if kind in "BbDCGs"], "writable data"


def test_the_host_needs_no_floating_point_register(tmp_path):
    """-mgeneral-regs-only refuses every float, those that inlining would hide included."""
    if THIS_MACHINE.compiler is None:
        pytest.skip("gcc is not installed")
    probe = tmp_path / "probe.c"
    probe.write_text("int half(int x); int half(int x) { return (int)(x * 0.5f); }\n")
    command = ["gcc", "-mgeneral-regs-only", "-c", str(probe), "-o", str(tmp_path / "probe.o")]
    if subprocess.run(command, capture_output=True).returncode == 0:
        pytest.skip("this compiler does not know -mgeneral-regs-only")
    assert len(compile_engine(THIS_MACHINE, tmp_path, "-mgeneral-regs-only")) >= 8


def example() -> str:
    """The ten lines that open kws.h."""
    comment = (ENGINE / "include" / "kws.h").read_text().split("*/")[0]
    lines = [line[7:] for line in comment.splitlines() if line.startswith(" *     ")]
    assert 8 <= len(lines) <= 13
    return "\n".join(lines) + "\n"


RUN = """
#include <stdio.h>
int main(void) {
    static int16_t samples[1 << 20];
    int words = 0;
    size_t count = fread(samples, 2, 1 << 20, stdin);
    if (start() != KWS_OK) return 1;
    for (size_t at = 0; at < count; at += 1000)
        words += heard(samples + at, count - at < 1000 ? count - at : 1000);
    printf("%d", words);
    return 0;
}
"""
DECLARED = "kws_status start(void);\nint heard(const int16_t *samples, size_t count);\n"


def build_example(tool: str, language: str, data: bytes, folder: Path) -> Path:
    """Compile the example with a model for its hey_cortana, and return the program."""
    header, source = c_array(parse(data, Path("hey_cortana.kws")))
    (folder / "hey_cortana.h").write_text(header)
    (folder / "hey_cortana.c").write_text(source)
    program = example().replace('#include "kws.h"\n', f'#include "kws.h"\n{DECLARED}') + RUN
    (folder / "example.c").write_text(program)
    strict = STRICT_C if language == "c" else ["-std=c++11", *STRICT]
    flags = [*strict, "-O1", f"-I{ENGINE / 'include'}", "-x", language]
    subprocess.run([tool, *flags, "-c", "example.c"], cwd=folder, check=True)
    sources = [str(file) for file in sorted((ENGINE / "src").glob("*.c"))]
    command = ["gcc", "-std=c99", "-O1", f"-I{ENGINE / 'include'}", "hey_cortana.c", *sources]
    subprocess.run([*command, "-x", "none", "example.o", "-o", "example"], cwd=folder, check=True)
    return folder / "example"


@pytest.mark.parametrize("compiler", [("gcc", "c"), ("clang", "c"), ("g++", "c++")], ids="-".join)
def test_the_example_of_the_header_compiles_and_hears(compiler, tmp_path):
    tool, language = compiler
    needs(tool)
    needs("gcc")
    program = build_example(tool, language, wake_word(), tmp_path)
    samples = [noise(1, 16), *[noise(0.6, 3000), noise(1.5, 16, seed=1)] * 3]
    stream = b"".join(part.tobytes() for part in samples)
    run = subprocess.run([program], input=stream, capture_output=True, check=True)
    assert run.stdout == b"3"


def test_the_example_of_the_header_hears_a_recording(tmp_path):
    """The words are counted as the library counts them in the same speech."""
    needs("gcc")
    model = ROOT / "models" / "hey_cortana" / "hey_cortana.kws"
    samples = read_audio(ROOT / "data" / "sample" / "stream" / "held_out.opus")
    program = build_example("gcc", "c", model.read_bytes(), tmp_path)
    run = subprocess.run([program], input=samples.tobytes(), capture_output=True, check=True)
    words = len(kws.Spotter(model).process(samples))
    assert words >= 5 and run.stdout == str(words).encode()


def test_the_how_to_shows_the_same_example():
    assert f"```c\n{example()}```" in (ROOT / "docs/how-to/c-project.md").read_text()


def test_the_engine_is_a_few_small_files():
    """Nothing was left out of what an export carries along."""
    names = {name for name, _ in engine_sources()}
    files = [*ENGINE.glob("include/kws.h"), *ENGINE.glob("src/**/kws*.*")]
    assert names == {file.name for file in files} and len(names) == len(files)


PROCESSOR = re.compile(
    r"__(arm|thumb|ARM|AVR|avr|riscv|x86|i386|aarch64|XTENSA|xtensa|FLASH)|KWS_(CORTEX|AVR|ARM)"
)


def test_the_portable_sources_ask_for_no_processor():
    """Only kws_arch.h asks, and the chips' own folders; its answers are read there alone."""
    asked = {
        file.name
        for file in (ENGINE / "src").glob("*.[ch]")
        for line in file.read_text().splitlines()
        if re.match(r"\s*#\s*(el)?if", line) and PROCESSOR.search(line)
    }
    assert asked == {"kws_arch.h", "kws_by_hand.h"}


def test_the_table_of_kernels_leads_to_every_source():
    folder = ENGINE / "src"
    linked = set(re.findall(r"\]\((\w[\w/.]*)\)", (folder / "README.md").read_text()))
    assert linked <= {file.relative_to(folder).as_posix() for file in folder.rglob("*")}
    chips = {file.relative_to(folder).as_posix() for file in folder.glob("*/kws_*")}
    assert chips <= linked and len(chips) > 20


def test_every_kernel_names_its_variants_and_every_switch_is_a_kernels():
    folder = ENGINE / "src"
    kernels = (folder / "kws_kernels.h").read_text()
    switches = {
        name
        for file in folder.rglob("kws_*.h")
        if file.name != "kws_kernels.h"
        for name in re.findall(r"#define (KWS_OWN_\w+)", file.read_text())
    }
    assert len(switches) > 10
    assert not [name for name in switches if not re.search(rf"{name}\b", kernels)]
    for variant in re.findall(r"(?:cortex_m0|cortex_m4|avr)/\w+\.\w+", kernels):
        assert (folder / variant).is_file(), variant
