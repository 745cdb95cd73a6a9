"""Modules that can be read at a sitting, functions that can be seen at once.

A signature and a docstring do not count for a function: the options of a command are its manual.
"""

import ast

import pytest
from documents.house import ROOT

FOLDERS = ("kws", "tools", "data", "firmware")
MODULE_LINES, FUNCTION_LINES = 250, 40
ALLOWED_LINES = 300  # for a module below; a function below may not grow at all
LONG_MODULES = {
    "data/make_sample.py": "one script, read from top to bottom; two recipes are tables in it",
    "kws/corpus/decoded.py": "one cache: what writes a file and what trusts it change together",
    "kws/engine/model_file.py": "one format: writer, reader and description side by side",
    "kws/listening/microphone.py": "one stream, with each way in which a device may fail it",
}
LONG_FUNCTIONS = {
    "kws/cli/demo.py:play": (44, "a story told in the order in which it is printed"),
    "kws/engine/model_file.py:inspect": (45, "a table of the format's fields, one a line"),
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines_of_functions(source: str) -> dict[str, int]:
    """Lines of each function's body, by its name; the longest where two have one name."""
    lines: dict[str, int] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            body = node.body[ast.get_docstring(node) is not None :]
            first = body[0].lineno if body else (node.end_lineno or 0) + 1
            length = (node.end_lineno or first) + 1 - first
            lines[node.name] = max(length, lines.get(node.name, 0))
    return lines


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


def test_modules_are_short(sources):
    lengths = {name: len(text.splitlines()) for name, text in sources.items()}
    longer = {name for name, lines in lengths.items() if lines > MODULE_LINES}
    assert longer <= set(LONG_MODULES), "split them, or give a reason in LONG_MODULES"
    assert longer == set(LONG_MODULES), "some are short by now: drop them from LONG_MODULES"
    assert max(lengths.values()) <= ALLOWED_LINES


def test_functions_are_short(sources):
    lengths = {
        f"{name}:{function}": lines
        for name, text in sources.items()
        for function, lines in lines_of_functions(text).items()
        if lines > FUNCTION_LINES
    }
    assert set(lengths) <= set(LONG_FUNCTIONS), "split them, or give a reason in LONG_FUNCTIONS"
    assert set(lengths) == set(LONG_FUNCTIONS), "some are short by now: drop them"
    grown = {name for name, lines in lengths.items() if lines > LONG_FUNCTIONS[name][0]}
    assert not grown


def test_only_the_body_of_a_function_counts():
    source = (
        'def f(\n    a,\n    b,\n):\n    """Say.\n\n    More.\n    """\n    a += b\n    return a\n'
    )
    assert lines_of_functions(source) == {"f": 2}
    assert lines_of_functions('def f():\n    """Say."""\n') == {"f": 0}
