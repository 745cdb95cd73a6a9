"""The reference of the Python names, made from the docstrings; and of a recipe's settings."""

import ast
import importlib.util
import re
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import kws
from kws.settings.recipe import Recipe

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_page() -> str:
    """Return docs/reference/python.md: the public names of `kws`, and the errors."""
    parts = ["# Python", "`import kws` loads nothing heavy; a name is loaded on its first use."]
    for name in kws.__all__:
        if name != "KwsError":
            parts += _name(name, getattr(kws, name).__module__)
    parts += [
        "## Errors",
        "A person can mend each of them: its text says what, and how. They lie in `kws.errors`; "
        "`kws.KwsError` is the base of all.",
    ]
    errors = _tree("kws.errors")
    rows = [
        f"- `{node.name}`: {_first_line(node)}"
        for node in errors.body
        if isinstance(node, ast.ClassDef)
    ]
    return "\n\n".join([*parts, "\n".join(rows)]) + "\n"


def recipe_page() -> str:
    """Return docs/reference/recipe.md: every table of a recipe, its settings and defaults."""
    at_the_top = {f.name: f.default for f in fields(Recipe) if f.default_factory is MISSING}
    parts = [
        "# The recipe",
        "One TOML file has every setting of a training run: `kws train RECIPE.toml`. Each shipped "
        "model keeps its own as `config.toml`. What a recipe leaves out has the default.",
        "## At the top",
        *_docstring(Recipe.__doc__ or ""),
        _settings(at_the_top),
    ]
    for field in fields(Recipe):
        if field.default_factory is not MISSING:
            table = field.default_factory()
            parts += [f"## `[{field.name}]`", *_docstring(table.__doc__ or "")]
            parts.append(_settings({f.name: getattr(table, f.name) for f in fields(table)}))
    return "\n\n".join(parts) + "\n"


def _settings(found: dict[str, Any]) -> str:
    rows = ["| setting | default |", "|---|---|"]
    for name, default in found.items():
        rows.append(f"| `{name}` | {'required' if default is MISSING else f'`{_toml(default)}`'} |")
    return "\n".join(rows)


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _tree(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    assert spec and spec.origin
    return ast.parse(Path(spec.origin).read_text("utf-8"))


def _name(name: str, module: str) -> Iterator[str]:
    node = next(n for n in _tree(module).body if getattr(n, "name", "") == name)
    yield f"## kws.{name}"
    if isinstance(node, ast.ClassDef):
        yield from _class(node)
    elif isinstance(node, ast.FunctionDef):
        yield _signature(node, f"kws.{name}")
        yield from _docstring(ast.get_docstring(node) or "")


def _class(node: ast.ClassDef) -> Iterator[str]:
    made = next((n for n in node.body if _is(n, "__init__")), None)
    if isinstance(made, ast.FunctionDef):
        yield _signature(made, f"kws.{node.name}")
    yield from _docstring(ast.get_docstring(node) or "")
    if isinstance(made, ast.FunctionDef):
        yield from _docstring(ast.get_docstring(made) or "")
    held = [n for n in node.body if isinstance(n, ast.AnnAssign) and "ClassVar" not in _type(n)]
    if held:
        yield "\n".join(f"- `{ast.unparse(field)}`" for field in held)
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
            if any(
                isinstance(d, ast.Attribute) and d.attr == "setter" for d in method.decorator_list
            ):
                continue  # the property says that it may be set
            yield f"### {node.name}.{method.name}"
            if not any(_is(d, "property") for d in method.decorator_list):
                yield _signature(method, method.name)
            yield from _docstring(ast.get_docstring(method) or "")


def _is(node: ast.AST, name: str) -> bool:
    return name in (getattr(node, "name", ""), getattr(node, "id", ""))


def _type(node: ast.AnnAssign) -> str:
    return ast.unparse(node.annotation)


def _signature(node: Function, name: str) -> str:
    arguments = ast.unparse(node.args).removeprefix("self").removeprefix(", ")
    returned = f" -> {ast.unparse(node.returns)}" if node.returns and node.name[0] != "_" else ""
    return f"```python\n{name}({arguments}){returned}\n```"


def _docstring(text: str) -> list[str]:
    """The paragraphs of a docstring; an example becomes a block of code."""
    parts = []
    for part in re.split(r"\n\s*\n", textwrap.dedent(f"    {text}").strip()):
        lines = [line.strip() for line in part.splitlines()]
        if lines[0].startswith(">>>"):
            code = [re.sub(r"^(>>>|\.\.\.) ?", "", line) for line in lines]
            parts.append("\n".join(["```python", *code, "```"]))
        else:
            parts.append(" ".join(lines))
    return parts


def _first_line(node: ast.ClassDef) -> str:
    return (ast.get_docstring(node) or "").splitlines()[0]
