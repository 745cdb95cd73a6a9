"""The house of `kws/`: which package stands on which floor, and which module imports which.

The architecture's test holds the floors; the drawing in docs/ shows them.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kws"
# From the bottom up. A package uses itself and the floors below its own, no neighbour.
FLOORS = (
    {"errors"},
    {"settings", "support"},
    {"audio", "report"},
    {"corpus", "listening"},
    {"engine"},
    {"network", "reference", "evaluation"},
    {"training", "device", "serving"},
    {"bench", "studies"},
    {"cli"},
)
FLOOR_OF = {package: height for height, floor in enumerate(FLOORS) for package in floor}
FRONT_DOOR = {"__main__"}  # beside __init__, which imports nothing before it is asked
Graph = dict[str, set[str]]


def package_of(module: str) -> str:
    """`kws.audio.files` lies in audio; `kws.errors` is a floor of its own."""
    return module.split(".")[1]


def module_graph() -> Graph:
    """Each module of the package but its front, and the modules of the package that it imports."""
    files = {_name_of(file): file for file in PACKAGE.rglob("*.py")}
    return {name: _imported(file, set(files)) for name, file in files.items() if name != "kws"}


def package_graph(graph: Graph) -> Graph:
    """Each package, and the other packages that its modules import."""
    packages: Graph = {package: set() for package in FLOOR_OF}
    for module, uses in graph.items():
        if (package := package_of(module)) in packages:
            packages[package] |= {package_of(used) for used in uses} - {package}
    return packages


def purpose(package: str) -> str:
    """What a package is for: the first line of its docstring."""
    folder = PACKAGE / package / "__init__.py"
    file = folder if folder.is_file() else PACKAGE / f"{package}.py"
    return (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").splitlines()[0]


def _name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(file: Path, modules: set[str]) -> set[str]:
    """The modules of this package that a file imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & modules - {"kws"}
