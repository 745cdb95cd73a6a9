"""What a model takes of a chip: what the layout says is what each compiler says."""

from pathlib import Path

import pytest
from exported import ROOT, needs, run
from random_models import ALL, LARGE

from kws.device import footprint
from kws.device.engine_sources import amalgamation, engine_sources, with_limits
from kws.device.footprint import CHIPS, Chip, Footprint, deepest_stack, measure, struct_bytes
from kws.engine import model_file

HOST = Chip("this machine", "", (), pointer_bytes=8)
SOURCES = dict(engine_sources())


def header_of(model: model_file.Model) -> str:
    return with_limits(SOURCES["kws.h"], footprint.limits_of(model))


@pytest.mark.parametrize("recipe", (*ALL, *LARGE), ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("chip", (HOST, *CHIPS), ids=lambda chip: chip.name)
def test_the_structs_are_as_large_as_the_compiler_makes_them(chip, recipe, tmp_path):
    compiler = needs(f"{chip.prefix}gcc")
    header = header_of(model_file.parse(recipe.encode()))
    (tmp_path / "kws.h").write_text(header)
    structs = ("kws_spotter", "kws_framing", "kws_model", "kws_detector", "kws_detection")
    claims = "".join(
        f"char {name}_[sizeof({name}) == {struct_bytes(header, name, chip)} ? 1 : -1];\n"
        for name in structs
    )
    (tmp_path / "claims.c").write_text(f'#include "kws.h"\n{claims}')
    run([compiler, *chip.flags, "-c", "claims.c"], tmp_path)


def test_the_default_limits_have_a_size_too():
    sizes = {chip.name: struct_bytes(SOURCES["kws.h"], "kws_spotter", chip) for chip in CHIPS}
    assert sizes["Cortex-M0"] == sizes["RV32IMC"] > sizes["AVR, in C"] > 2000


def test_a_compiler_that_is_here_measures_flash_and_stack():
    chip = next((chip for chip in CHIPS if chip.compiler and "arm" in chip.prefix), None)
    if chip is None:
        pytest.skip("arm-none-eabi-gcc is not installed: apt-get install gcc-arm-none-eabi")
    model = model_file.load(ROOT / "models" / "hey_cortana")
    found = measure(chip, header_of(model), amalgamation(SOURCES))
    assert found.ram == struct_bytes(header_of(model), "kws_spotter", chip)
    assert found.flash and 4_000 < found.flash < 12_288
    assert found.stack and 200 < found.stack < 1_024
    assert found.compiler.startswith("arm-none-eabi-gcc ")
    # a stage with an array of this size on its stack must show
    slower = amalgamation(SOURCES).replace(
        "size_t used = 0;\n    detection->word",
        "size_t used = 0;\n    volatile uint8_t waste[3000];\n"
        "    for (unsigned i = 0; i < 3000; i++) waste[i] = 0;\n    detection->word",
        1,
    )
    # a little less, where another chain was the deepest without it
    deeper = measure(chip, header_of(model), slower).stack
    assert deeper and deeper - found.stack in range(2_900, 3_030)


def test_a_chip_without_a_compiler_still_has_its_ram():
    chip = Chip("Z80", "z80-none-", ())
    header = SOURCES["kws.h"]
    assert measure(chip, header, "") == Footprint(struct_bytes(header, "kws_spotter", chip))


def test_the_deepest_chain_is_the_longest_in_bytes():
    graph = """
node: { title: "a" label: "a\\nx.c:1:1\\n16 bytes (static)\\n0 dynamic objects" }
node: { title: "b" label: "b\\nx.c:2:1\\n100 bytes (static)\\n0 dynamic objects" }
node: { title: "c" label: "c\\nx.c:3:1\\n40 bytes (static)\\n0 dynamic objects" }
node: { title: "d" label: "d\\nx.c:4:1\\n40 bytes (static)\\n0 dynamic objects" }
node: { title: "memset" label: "memset\\n<built-in>" shape : ellipse }
edge: { sourcename: "a" targetname: "b" label: "x.c:1:1" }
edge: { sourcename: "a" targetname: "c" label: "x.c:1:2" }
edge: { sourcename: "c" targetname: "d" label: "x.c:3:1" }
edge: { sourcename: "d" targetname: "memset" label: "x.c:4:1" }
edge: { sourcename: "d" targetname: "c" label: "x.c:4:2" }
"""
    assert deepest_stack(graph) == 116  # a, b; the ring of c and d is walked once: 96
    assert deepest_stack(graph.replace("100 bytes", "10 bytes")) == 96


def test_the_porting_page_states_the_ram_of_the_shipped_models():
    page = (ROOT / "firmware" / "docs" / "PORTING.md").read_text()
    for name in ("hey_cortana", "athena_8k", "commands_5k"):
        header = header_of(model_file.load(ROOT / "models" / name))
        ram = [struct_bytes(header, "kws_spotter", chip) for chip in (CHIPS[0], CHIPS[-1])]
        assert f"| `{name}` | {ram[0]:,} | {ram[1]:,} |" in page, "renew the page's table"
    assert Path(ROOT / "firmware" / "docs" / "PORTING.md").stat().st_size < 5_000, "one page"
