"""The shape of the code: arrows only go down, heavy imports stay where they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kws

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kws"
HEAVY = ("torch", "torchaudio", "librosa", "matplotlib", "scipy", "sounddevice", "tensorboard")
# From the bottom up. A package uses itself and the floors below its own, no neighbour.
FLOORS = (
    {"errors"},
    {"settings", "support"},
    {"audio", "report"},
    {"corpus", "listening"},
    {"engine"},
    {"network", "reference", "evaluation"},
    {"training", "device"},
    {"bench", "studies"},
    {"cli"},
)
FLOOR_OF = {package: height for height, floor in enumerate(FLOORS) for package in floor}
FRONT_DOOR = {"__main__"}  # beside __init__, which imports nothing before it is asked


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path, modules: set[str]) -> set[str]:
    """The modules of this package that a file imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & modules - {"kws"}


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    files = {name_of(file): file for file in PACKAGE.rglob("*.py")}
    return {name: imported(file, set(files)) for name, file in files.items() if name != "kws"}


def below(graph: dict[str, set[str]], module: str) -> set[str]:
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


def package_of(module: str) -> str:
    """`kws.audio.files` lies in audio; `kws.errors` is a floor of its own."""
    return module.split(".")[1]


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


def assert_light(code: str) -> None:
    script = f"{code}\nimport sys\nprint('loaded:', *sorted(set({HEAVY}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "loaded:"
