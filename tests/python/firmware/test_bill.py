"""The bill of flash, RAM, stack and instructions: what is measured is so, and growth is caught."""

import copy
import json
import math

import pytest
from bill import __main__ as bill_main
from bill.build import compile_sources, link
from bill.check import compare, together
from bill.instructions import STAGE_OF_FUNCTION, STAGE_OF_SOURCE, STAGES, count, run
from bill.measure import Bill
from bill.page import RESULTS_LINE, marked, results_line
from bill.targets import EMULATED, FIRMWARE, HEY_CORTANA, RECORDING, ROOT, TARGETS

from kws.audio.files import read_audio

KEPT = json.loads((FIRMWARE / "bill.json").read_text())
TABLE = KEPT["cores"]
EVERY_FIGURE = [
    (core, group, name)
    for core, kept in TABLE.items()
    for group, figures in kept["figures"].items()
    for name, value in figures.items()
    if value
]


def grown(core: str, group: str, name: str, value: int) -> dict:
    table = copy.deepcopy(TABLE)
    table[core]["figures"][group][name] = value
    return table


def needs(target):
    if lacking := target.missing():
        pytest.skip(f"{target.name} needs {lacking}")
    return target


def test_three_percent_more_of_any_figure_fails_and_one_percent_does_not():
    assert len(EVERY_FIGURE) > 150
    for core, group, name in EVERY_FIGURE:
        before = TABLE[core]["figures"][group][name]
        three, one = math.ceil(1.03 * before), math.floor(1.01 * before)
        found = compare(TABLE, grown(core, group, name, three))
        assert len(found.grown) == 1
        assert found.grown[0].startswith(f"{core}: {group} {name} from {before:,} to {three:,} (+")
        assert "make size-renew" in found.verdict()
        assert compare(TABLE, grown(core, group, name, one)).grown == []


def test_a_fall_is_told_and_does_not_fail():
    found = compare(TABLE, grown("Cortex-M0", "instructions", "fft", 1))
    assert found.grown == [] and len(found.fallen) == 1
    assert "from " in found.fallen[0] and " to 1 (-" in found.fallen[0]
    assert "to keep that: make size-renew" in found.verdict()


def test_another_compiler_is_not_compared_in_one_sentence_that_names_both():
    other = grown("Cortex-M0", "instructions", "fft", 10**9)
    other["Cortex-M0"]["compiler"] = "gcc 99"
    found = compare(TABLE, other)
    assert found.grown == [] and len(found.skipped) == 1
    (told,) = together(found.skipped)
    assert told.startswith("Cortex-M0: not compared, as this is gcc 99, the table of arm-none-eabi")


def test_what_is_new_fails_and_what_was_not_measured_is_told():
    assert compare(TABLE, grown("Cortex-M0", "any_model", "heap", 8)).grown
    more = {**TABLE, "Cortex-M99": TABLE["Cortex-M0"]}
    assert compare(TABLE, more).grown == ["Cortex-M99: not in the table"]
    less = copy.deepcopy(TABLE)
    del less["RV32IMC"], less["Cortex-M4"]["figures"]["instructions"]
    found = compare(TABLE, less)
    assert not found.grown and len(found.skipped) == 2
    assert together([("a", "not here"), ("b", "odd"), ("c", "not here")]) == [
        "a, c: not here",
        "b: odd",
    ]


@pytest.mark.parametrize(("factor", "status"), [(1.03, 1), (1.01, 0)])
def test_the_command_fails_where_a_figure_grew(factor, status, monkeypatch, capsys):
    now = copy.deepcopy(TABLE)
    before = now["Cortex-M4"]["figures"]["instructions"]["mean"]
    now["Cortex-M4"]["figures"]["instructions"]["mean"] = round(before * factor)
    known = [target for target in TARGETS if target.name in now]
    monkeypatch.setattr(bill_main, "TARGETS", known)
    monkeypatch.setattr(
        bill_main,
        "bill_of",
        lambda target, _: Bill(target, now[target.name]["compiler"], now[target.name]["figures"]),
    )
    monkeypatch.setattr("sys.argv", ["bill"])
    monkeypatch.setattr("bill.targets.Target.compiler", "gcc")
    assert bill_main.main() == status
    said = capsys.readouterr().out
    assert (f"Cortex-M4: instructions mean from {before:,} to" in said) == (status == 1)


def test_the_page_and_the_results_say_what_the_table_says():
    page = (FIRMWARE / "docs" / "BILL.md").read_text()
    assert marked(page, TABLE, KEPT["frames"]) == page, "make size-renew writes it anew"
    assert f"| {TABLE['Cortex-M0']['figures']['instructions']['mean']:,} |" in page
    lines = RESULTS_LINE.findall((ROOT / "docs" / "results" / "speed.md").read_text())
    assert lines == [results_line(TABLE)], "make size-renew writes it anew"


def test_the_stages_name_no_source_and_no_function_that_is_gone():
    sources = {source.name: source for source in (FIRMWARE / "src").rglob("kws_*.[ch]")}
    assert STAGE_OF_SOURCE.keys() <= sources.keys()
    code = "".join(source.read_text() for source in sources.values())
    assert [name for name in STAGE_OF_FUNCTION if f" {name}(" not in code] == []
    assert {*STAGE_OF_FUNCTION.values(), *STAGE_OF_SOURCE.values()} == set(STAGES)


# By their names kws_detector.c is the engine, frames.c the harness, and helper.c a library.
WORK = """
void helper(void);
__attribute__((naked)) void work(void);
void work(void) {
    __asm__("%s helper\\n .rept 100\\n nop\\n .endr\\n %s");
}
"""
HELPER = """
__attribute__((naked)) void helper(void);
void helper(void) { __asm__(".rept 10\\n nop\\n .endr\\n %s"); }
"""
MAIN = """
void work(void);
void helper(void);
void kws_frame_done(void);
__attribute__((noinline)) void kws_frame_done(void) { __asm__ volatile("" ::: "memory"); }
int main(void) {
    kws_frame_done();
    for (int frame = 0; frame < 3; frame++) {
        for (int i = 0; i <= frame; i++) work();
        helper(); /* for nobody */
        kws_frame_done();
    }
    return 0;
}
"""
ARM = ("push {r4, lr}\\n bl", "pop {r4, pc}", "bx lr")
RISCV = ("addi sp, sp, -16\\n sw ra, 0(sp)\\n jal", "lw ra, 0(sp)\\n addi sp, sp, 16\\n ret", "ret")


@pytest.mark.parametrize("target", EMULATED, ids=lambda target: target.name)
def test_the_counter_counts_each_instruction_for_whom_it_works(target, tmp_path):
    needs(target)
    enter, leave, back = ARM if target.prefix == "arm-none-eabi-" else RISCV
    (tmp_path / "kws_detector.c").write_text(WORK % (enter, leave))
    (tmp_path / "helper.c").write_text(HELPER % back)
    (tmp_path / "frames.c").write_text(MAIN)
    sources = [tmp_path / name for name in ("kws_detector.c", "helper.c", "frames.c")]
    program = link(
        target, target.machine, tmp_path, compile_sources(target, tmp_path, sources, "-g"), "-g"
    )
    regions, rows, _ = run(target, target.machine, program, tmp_path)
    ours = 100 + len(enter.split("\\n")) + len(leave.split("\\n"))
    helper = 10 + 1
    assert [(region.function, region.stage) for region in regions] == [("work", "detector")]
    assert rows == [(0,), *((calls * (ours + helper),) for calls in (1, 2, 3))]


def test_frames_cost_the_same_whenever_they_are_counted():
    target = needs(EMULATED[0])
    samples = read_audio(RECORDING)[: 512 + 4 * 320]
    first, second = (count(target, target.machine, HEY_CORTANA, samples) for _ in range(2))
    assert len(first.counts) == 5 and first.counts == second.counts
    assert first.mean() == pytest.approx(sum(first.by_stage().values()), abs=len(STAGES))
    assert all(first.by_stage()[stage] > 10 for stage in STAGES)
