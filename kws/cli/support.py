"""How the command line parses lists and recipes, and how it ends: the rules shared by commands."""

import os
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from kws.errors import KwsError
from kws.support.notices import gathered

INTERRUPTED = 130  # 128 + SIGINT, as shells count
_NAMES = "doctor download synthesize train evaluate listen devices inspect export deploy monitor"
ORDER = tuple(_NAMES.split())


class CommandGroup(TyperGroup):
    """Ends every command the same way.

    A KwsError is printed as one line, status 1; a reader that closed the pipe ends it quietly,
    status 0; Ctrl-C ends it with status 130.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order in which one needs them, new ones behind."""
        return sorted(self.commands, key=lambda name: (*ORDER, name).index(name))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            with gathered():
                result = super().invoke(ctx)
            sys.stdout.flush()  # while a closed pipe can still be told from a failure
            return result
        except KwsError as error:
            typer.echo("kws: " + " ".join(str(error).split()), err=True)
            raise typer.Exit(1) from None
        except BrokenPipeError:
            _discard_output()
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            typer.echo("kws: interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None


class ListCommand(TyperCommand):
    """Lets an option that may be repeated take several values: `--negatives A B --noise C`.

    The values go on up to the next option.  Where the command has an argument and none stands
    before the first such list, the last value of the last list is that argument.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its values, and parse that."""
        lists = {name for option in self.params if _is_list(option) for name in option.opts}
        takes_value = {
            name
            for option in self.params
            for name in option.opts
            if option.param_type_name == "option" and not getattr(option, "is_flag", False)
        }
        expanded: list[str] = []
        current = ""
        values = 0
        has_argument = all(option.param_type_name != "argument" for option in self.params)
        for position, arg in enumerate(args):
            if arg.startswith("-") and arg != "-":
                name, equals, _ = arg.partition("=")
                current, values = (name if name in lists else ""), len(equals)
                expanded.append(arg)
                continue
            is_value = position > 0 and args[position - 1] in takes_value
            is_last = position == len(args) - 1
            if current and values and not (is_last and not has_argument):
                expanded.append(current)
            elif not is_value:
                has_argument = True
            values += 1
            expanded.append(arg)
        return list(super().parse_args(ctx, expanded))


class RecipeGroup(TyperGroup):
    """Takes a `.toml` file in the place of a sub-command, and gives it to `recipe`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `recipe` before a file's name and its options."""
        is_recipe = any(arg.endswith(".toml") for arg in args)
        if is_recipe and not any(arg in self.commands for arg in args):
            args = ["recipe", *args]
        return list(super().parse_args(ctx, args))


def _is_list(option: Any) -> bool:
    return option.param_type_name == "option" and bool(getattr(option, "multiple", False))


def _discard_output() -> None:
    """Let what is still to be written vanish, or Python would complain about it at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
