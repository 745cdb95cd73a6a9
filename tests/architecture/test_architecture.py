"""The shape of the code: arrows only go down, heavy imports stay where they are used."""

import subprocess
import sys

import pytest
from documents.house import FLOOR_OF, FRONT_DOOR, PACKAGE, ROOT, Graph, module_graph, package_of

import kws

HEAVY = ("torch", "torchaudio", "librosa", "matplotlib", "scipy", "sounddevice", "tensorboard")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return module_graph()


def below(graph: Graph, module: str) -> set[str]:
    reached: set[str] = set()
    waiting = [module]
    while waiting:
        new = graph[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached


def test_no_module_imports_itself_by_a_detour(graph):
    circles = [name for name in graph if name in below(graph, name)]
    assert not circles


def test_every_module_stands_on_a_floor(graph):
    homeless = {name for name in graph if package_of(name) not in {*FLOOR_OF, *FRONT_DOOR}}
    assert not homeless, "give them a package of FLOORS"
    empty = set(FLOOR_OF) - {package_of(name) for name in graph}
    assert not empty, "these packages are gone: mend FLOORS"


def test_arrows_only_go_down(graph):
    up = [
        f"{name} -> {used}"
        for name, uses in graph.items()
        for used in uses
        if package_of(name) not in FRONT_DOOR
        and package_of(used) != package_of(name)
        and FLOOR_OF[package_of(used)] >= FLOOR_OF[package_of(name)]
    ]
    assert not up


def test_only_the_front_door_lies_directly_in_the_package():
    assert {file.stem for file in PACKAGE.glob("*.py")} == {"__init__", "errors", *FRONT_DOOR}


def test_the_package_shows_its_public_names_only():
    assert set(dir(kws)) == {*kws.__all__, "__version__"}
    for name in kws.__all__:
        assert getattr(kws, name).__module__.startswith("kws.")


def test_settings_need_neither_torch_nor_the_engine(graph):
    settings = sorted(name for name in graph if package_of(name) == "settings")
    assert len(settings) > 5
    script = f"import sys, {', '.join(settings)}\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    assert not {"torch", "kws.engine", "soundfile", "cffi"} & set(loaded.stdout.split())


def test_firmware_sources_include_only_themselves_and_four_headers():
    allowed = {"stddef.h", "stdint.h", "string.h"}
    allowed |= {"arm_acle.h"}  # a compiler for Arm's own, where a core has the instructions
    folders = [ROOT / "firmware" / name for name in ("include", "src")]
    files = [file for folder in folders for file in folder.rglob("kws*.*")]
    assert len(files) > 40
    for file in files:
        for line in file.read_text().splitlines():
            if line.startswith("#include"):
                header = line.split()[1].strip('<>"')
                places = (file.parent, *folders)
                own = any((place / header).resolve() in files for place in places)
                assert own or header in allowed, f"{file.name} includes {header}"


@pytest.mark.parametrize("code", ["import kws", "import kws; kws.Spotter; kws.features"])
def test_importing_kws_loads_nothing_heavy(code):
    assert_light(code)


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["listen", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    assert_light(
        f"import sys; sys.argv = ['kws', *{arguments}]\n"
        "from kws.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
    )


def test_importing_kws_takes_no_longer_than_python_itself():
    new = loaded_by(
        "import sys; before = set(sys.modules); import kws", "set(sys.modules) - before"
    )
    assert "kws" in new and not new & {"typing", "dataclasses", "pathlib", "inspect", "re", "numpy"}


def test_a_detection_in_a_file_loads_only_what_it_needs():
    """Each of these takes longer to load than a second of sound takes to be heard."""
    code = """
from pathlib import Path
from kws.engine.spotter import Spotter
from kws.listening.listen import file_chunks
spotter = Spotter("hey_cortana")
recording = Path("data/sample/stream/held_out.opus")
assert any(spotter.process(chunk) for chunk in file_chunks(recording))
"""
    costly = {"concurrent.futures", "secrets", "difflib", "soxr", "sounddevice", "typer", "rich"}
    assert not loaded_by(code, "set(sys.modules)") & (costly | set(HEAVY))


def test_the_command_line_is_parsed_without_pydantic():
    assert "pydantic" not in loaded_by("import kws.cli.main", "set(sys.modules)")


def loaded_by(code: str, modules: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted({modules}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.splitlines()[-1].split())


def assert_light(code: str) -> None:
    script = f"{code}\nimport sys\nprint('loaded:', *sorted(set({HEAVY}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "loaded:"
