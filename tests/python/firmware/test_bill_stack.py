"""The deepest stack: no call escapes, and what has no bound is refused."""

import pytest
from bill.build import compile_engine, compile_sources, link_engine
from bill.memory import measure
from bill.stack import (
    UnboundedStackError,
    base_name,
    deepest,
    functions_of,
    owners_of,
    pushed_by,
    stack_of,
    stated_frames,
)
from bill.targets import ATMEGA328P, EMULATED, ENGINE_SOURCES, FIRMWARE, RV32IMC, TARGETS

CORTEX_M0 = EMULATED[0]


def needs(target):
    if not target.compiler:
        pytest.skip(f"{target.name} needs {target.packages}")
    return target


@pytest.mark.parametrize(
    ("instruction", "pushed"),
    [
        ("push {r4, r5, lr}", 12),
        ("vpush {d8, d9}", 16),
        ("stmdb sp!, {r4, r5, r6, lr}", 16),
        ("sub sp, #144", 144),
        ("sub.w sp, sp, #520", 520),
        ("str.w lr, [sp, #-4]!", 4),
        ("add sp,sp,-48", 48),
        ("addi sp,sp,-48", 48),
        ("push r28", 1),
        ("pop {r4, pc}", 0),
        ("add sp, #144", 0),
        ("add sp,sp,48", 0),
        ("sub r0, r0, #4", 0),
        ("ldr r0, [sp, #4]", 0),
    ],
)
def test_what_an_instruction_pushes(instruction, pushed):
    mnemonic, operands = instruction.split(" ", 1)
    assert pushed_by(mnemonic, operands) == pushed


ARM = """
00008000 <top>:
    8000:\tpush\t{r4, lr}
    8002:\tbl\t8010 <middle>
    8006:\tpop\t{r4, pc}

00008010 <middle>:
    8010:\tcmp\tr0, #0
    8012:\tbeq.n\t8010 <middle>
    8014:\tb.n\t8020 <last>

00008020 <last>:
    8020:\tsub\tsp, #100
    8022:\tbl\t8030 <library>
    8026:\tbx\tlr

00008030 <library>:
    8030:\tpush\t{r4, r5, r6, lr}
    8032:\tpop\t{r4, r5, r6, pc}
"""
FRAMES = {"top": 8, "middle": 0, "last": 0}


def test_calls_jumps_and_libraries_add_up():
    """GCC states nothing for what assembly pushes, like the 100 bytes of last."""
    assert deepest(functions_of(ARM, {}), FRAMES) == (124, ["top", "middle", "last", "library"])
    more = {**FRAMES, "last": 200}
    assert deepest(functions_of(ARM, {}), more)[0] == 224


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("bl\t8030 <library>", "blx\tr3", "last calls through a pointer"),
        ("bl\t8030 <library>", "bl\t8020 <last>", "last calls itself"),
        ("bl\t8030 <library>", "bl\t8010 <middle>", "recursion"),
    ],
)
def test_what_has_no_bound_is_refused(before, after, why):
    with pytest.raises(UnboundedStackError, match=why):
        deepest(functions_of(ARM.replace(before, after), {}), FRAMES)


def test_a_frame_of_no_fixed_size_is_refused():
    assert stated_frames("a.c:1:1:f.part.0\t8\tstatic\na.c:2:1:g\t16\tdynamic,bounded\n") == {
        "f": 8,
        "g": 16,
    }
    with pytest.raises(UnboundedStackError, match="g has a frame whose size"):
        stated_frames("a.c:2:1:g\t16\tdynamic\n")


@pytest.mark.parametrize("target", (*EMULATED[:6], RV32IMC), ids=lambda target: target.name)
def test_the_instructions_push_what_the_compiler_states(target, tmp_path):
    """So the frames that only the instructions tell, those of libraries, are right too."""
    needs(target)
    objects = compile_engine(target, tmp_path, "-fstack-usage")
    program = link_engine(target, tmp_path, objects)
    stated = stated_frames("".join(file.read_text() for file in tmp_path.glob("*.su")))
    owners = owners_of(target.tool("nm", "-S", "--defined-only", program))
    functions = functions_of(target.tool("objdump", "-d", "--no-show-raw-insn", program), owners)
    both = [name for name in functions if base_name(name) in stated]
    missed = {n: functions[n].pushed for n in both if functions[n].pushed < stated[base_name(n)]}
    # A Cortex-M0 moves the stack by more than an instruction can hold through a register.
    assert {n for n in missed if stated[base_name(n)] <= 508} == set()
    assert sum(functions[n].pushed == stated[base_name(n)] for n in both) > 20


HOARD = """
static __attribute__((noinline)) void hoard(void) {
    volatile unsigned char waste[3000];
    for (unsigned i = 0; i < 3000; i++) waste[i] = 0;
}
"""


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_new_function_cannot_hide(target, tmp_path):
    needs(target)
    source = FIRMWARE / "src" / "kws_detector.c"
    head, body = source.read_text().split("uint8_t kws_detector_decide", 1)
    changed = tmp_path / "kws_detector.c"
    changed.write_text(
        f"{head}{HOARD}uint8_t kws_detector_decide"
        + body.replace(") {\n", ") {\n    hoard();\n", 1)
    )
    sources = [changed if file.name == changed.name else file for file in ENGINE_SOURCES]
    include = f"-I{FIRMWARE / 'src'}"
    objects = compile_sources(target, tmp_path, sources, "-fstack-usage", include)
    stack, chain = stack_of(target, link_engine(target, tmp_path, objects), tmp_path)
    assert chain[0] == "kws_spotter_process" and chain[-1] == "hoard"
    assert 3_000 < stack < 3_400


def test_assembly_counts_too():
    needs(ATMEGA328P)
    limits = ("-DKWS_AVR_ASSEMBLY", "-DKWS_MAX_SAMPLE_RATE_HZ=8000")
    found = measure(ATMEGA328P, *limits, assembly=ATMEGA328P.assembly)
    assert found["code"] > 15_000  # the unrolled loops
    without = measure(ATMEGA328P, "-DKWS_MAX_SAMPLE_RATE_HZ=8000")
    assert found["stack"] != without["stack"] and without["code"] < found["code"]
