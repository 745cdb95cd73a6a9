"""The shape of the code: arrows only go down, heavy imports stay where they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kws"
HEAVY = ("torch", "torchaudio", "librosa", "matplotlib", "scipy", "sounddevice", "tensorboard")
# From the bottom up. A module that stands in no layer may be used by all of them, and is as high
# as what it imports.
LAYERS = (
    {"kws.config", "kws.errors", "kws.frontend_spec"},
    {"kws.mfcc", "kws.fastgrnn", "kws.kernels.scan", "kws.engine", "kws.model_file", "kws.audio"},
    {"kws.corpus", "kws.augment", "kws.compress", "kws.report", "kws.recipe"},
    {"kws.train", "kws.evaluate", "kws.export", "kws.synthesize", "kws.microphone"},
    {"kws.cli"},
)


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


def test_arrows_only_go_down(graph):
    for height, layer in enumerate(LAYERS):
        higher = set().union(*LAYERS[height + 1 :])
        for module in layer:
            assert module in graph, f"{module} is gone: mend LAYERS"
            up = below(graph, module) & higher
            assert not up, f"{module} must not depend on {', '.join(sorted(up))}"


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
        "from kws.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
    )


def assert_light(code: str) -> None:
    script = f"{code}\nimport sys\nprint('loaded:', *sorted(set({HEAVY}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "loaded:"
