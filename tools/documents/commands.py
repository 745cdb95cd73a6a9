"""The reference of the command line, made from the commands as they are."""

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from kws.cli.main import app


def page() -> str:
    """Return docs/reference/command-line.md: each command, its options, its examples."""
    parts = [
        "# The command line",
        "The texts of `kws COMMAND --help`. A mistake in what a command is to read or write is one "
        "line, with status 1; one on the command line itself is told with how the command is used, "
        "and status 2. MODEL is a `.kws` file, a folder that holds one, or a name under "
        "`models/`.",
    ]
    for path, command in commands():
        parts += _command(path, command)
    return "\n\n".join(parts) + "\n"


def commands() -> Iterator[tuple[str, Any]]:
    """Each command with its path, `kws train wake` for one, as --help lists them."""
    yield from _below("kws", typer.main.get_command(app))


def _below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    context = command.context_class(command, info_name=path)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        yield f"{path} {name}", found
        if hasattr(found, "list_commands"):
            yield from _below(f"{path} {name}", found)


def _command(path: str, command: Any) -> Iterator[str]:
    told, examples = _texts(command.help or "")
    yield f"## {path}"
    yield from told
    if examples:
        yield "\n".join(["```sh", *examples, "```"])
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    context = command.context_class(command, info_name=path)
    lines = [f"- `{(p.metavar or p.name).upper()}`: {_help(p)}" for p in arguments]
    lines += [f"- `{_spelled(p, context)}`: {_help(p)}" for p in options]
    if lines:
        yield "\n".join(lines)


def _texts(text: str) -> tuple[list[str], list[str]]:
    """The paragraphs of a help text, and the commands behind "Example:"."""
    before, *rest = re.split(r"^Example: ", text.replace("\b\n", ""), flags=re.MULTILINE)
    told = [" ".join(part.split()) for part in before.split("\n\n") if part.strip()]
    lines = [line.rstrip() for part in rest for line in part.strip().splitlines()]
    return told, [f"    {line.strip()}" if line.startswith(" ") else line for line in lines]


def _spelled(option: Any, context: Any) -> str:
    """`--seed N`, without the brackets that releases of typer put around a choice."""
    return re.sub(r" [<\[](.+)[>\]]$", r" \1", option.get_help_record(context)[0])


def _help(parameter: Any) -> str:
    said = (parameter.help or "").strip().replace("<", "\\<")
    default = parameter.default
    if parameter.required:
        return f"{said} Required."
    if default is None or isinstance(default, bool) or default in ("", ()):
        return said
    return f"{said} Default: `{getattr(default, 'value', default)}`."
