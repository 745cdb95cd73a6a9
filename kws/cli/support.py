"""How the command line parses lists and recipes, and how it ends: the rules shared by commands."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from kws.cli import streams
from kws.errors import ConfigError, KwsError
from kws.support.files import check_output_folder, check_outputs
from kws.support.notices import gathered
from kws.support.refusals import each
from kws.support.text import shown

INTERRUPTED = 130  # 128 + SIGINT, as shells count
# Of the extra "train"; pyproject.toml has the packages that bring them.
TRAINING_MODULES = (
    *("torch", "torchaudio", "librosa", "matplotlib", "tensorboard", "tomli", "tomli_w"),
    *("scipy", "threadpoolctl"),  # which librosa brings
)
SERVING_MODULES = ("wyoming", "zeroconf")  # of the extra "serve"
USAGE_ERROR: Any = typer.BadParameter.__mro__[1]  # of click, which typer may bring within itself
_NAMES = (
    "doctor download synthesize record train evaluate listen serve devices inspect export deploy "
    "monitor"
)
ORDER = tuple(_NAMES.split())
_OTHERS = {".kws", ".csv", ".png", ".svg", ".pdf", ".eps", ".jpg", ".jpeg", ".gif", ".webp"}
_BLAS = "OPENBLAS_NUM_THREADS"  # of the NumPy that pip installs for Linux and Windows


def prepare_outputs(csv: Path | None, png: Path | None, read: Iterable[Path]) -> None:
    """Refuse what cannot be written, or drawn, before the hours of sound that it is to hold.

    ConfigError: see `check_outputs`, `read` being its inputs, and for a name that says that
    something else is there, a recording most of all; ToolError without matplotlib.
    """
    check_outputs([csv, png], read)
    for path, suffix, what in ((csv, ".csv", "a table"), (png, ".png", "a PNG picture")):
        if path and _is_named_otherwise(path, suffix):
            better = path.with_suffix(suffix)
            raise ConfigError(f"{path} would hold {what}, which its name denies: name it {better}")
    if png:
        from kws.report.drawing import require_plots

        require_plots()


def prepare_training(out: Path | None, *folders: list[Path] | None) -> None:
    """Refuse folders that are not there, and one that cannot be written, before hours of work."""
    from kws.audio.files import check_folder

    each(check_folder, [folder for given in folders for folder in given or ()])
    if out:
        check_output_folder(out)


def _is_named_otherwise(path: Path, suffix: str) -> bool:
    """Tell whether a name is that of a recording, a model or a picture of another kind."""
    from kws.audio.files import is_audio_name

    return is_audio_name(path.name) or path.suffix.lower() in _OTHERS - {suffix}


def numpy_alone() -> None:
    """Import NumPy without the threads of its BLAS, for commands that only hear.

    Nothing there multiplies matrices in Python, and the pool takes a third as much of the processor
    as all of a short recording. What the commands start finds its environment as it was.
    """
    if "numpy" in sys.modules or _BLAS in os.environ:
        return
    os.environ[_BLAS] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        del os.environ[_BLAS]


class CommandGroup(TyperGroup):
    """Ends every command the same way.

    A KwsError is printed as one line, status 1; a reader that closed the pipe ends it quietly,
    status 0; Ctrl-C ends it with status 130.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order in which one needs them, new ones behind."""
        return sorted(self.commands, key=lambda name: (*ORDER, name).index(name))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run with standard streams that raise for no letter, and see that all was written."""
        streams.prepare()
        try:
            return super().main(*args, **kwargs)
        finally:
            if not streams.finish() and (sys.exc_info()[1] is None or _is_success()):
                raise SystemExit(1)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse; help and version are printed here."""
        self._given = list(args[1] if len(args) > 1 else kwargs["args"])
        with _ending(self._given):
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _ending(self._given), gathered():
            result = super().invoke(ctx)
            sys.stdout.flush()  # while a closed pipe can still be told from a failure
            return result


def _is_success() -> bool:
    ending = sys.exc_info()[1]
    return isinstance(ending, SystemExit) and not ending.code


@contextmanager
def _ending(args: list[str]) -> Iterator[None]:
    """End with one sentence and its status, whatever was raised."""
    try:
        yield
    except KwsError as error:
        streams.tell(str(error))
        raise typer.Exit(1) from None
    except USAGE_ERROR as error:
        if error.ctx and error.message == error.ctx.get_help():
            raise  # no arguments: the message is our own help, of several lines
        said = (shown(error.message).rstrip("."), _dash_hint(args))
        error.message = ". ".join(filter(None, said))
        raise
    except BrokenPipeError:
        streams.discard(sys.stdout)
        raise typer.Exit(0) from None
    except OSError as error:
        streams.tell(streams.sentence_of(error))
        if error.filename is None:
            streams.discard(sys.stdout)
        raise typer.Exit(1) from None
    except ModuleNotFoundError as error:
        sentence = _lacking(str(error.name), args)
        if not sentence:
            raise
        streams.tell(sentence)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        is_training = next((arg for arg in args if not arg.startswith("-")), "") == "train"
        streams.tell("interrupted" + "; the same command goes on from here" * is_training)
        raise typer.Exit(INTERRUPTED) from None


def _lacking(module: str, args: list[str]) -> str:
    """Say what to install where a command needs what the light installation leaves out."""
    if module.startswith("kws.network.scan"):
        return (
            "This build of kws cannot train, since its compiler has no vectors: build it with gcc "
            "or clang, for example in WSL on Windows."
        )
    package = module.partition(".")[0]
    if package in SERVING_MODULES:
        return "kws serve needs more packages: pip install 'kws[serve]'."
    if package not in TRAINING_MODULES:
        return ""
    command = next((arg for arg in args if not arg.startswith("-")), "")
    who = "Training" if command == "train" else f"kws {command}"
    return f"{who} needs more packages: pip install 'kws[train]'."


def _dash_hint(args: list[str]) -> str:
    """A file whose name opens with a dash is taken for an option: say how to name it."""
    names = [arg for arg in args if arg.startswith("-") and arg != "-" and Path(arg).exists()]
    return f"To name the file, write ./{shown(names[0])}" if names else ""


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
        _refuse_empty(args, lists, {name for option in self.params for name in option.opts})
        expanded: list[str] = []
        current = ""
        values = 0
        is_named = "--improve" in args  # a model is given in the place of the argument
        has_argument = is_named or all(o.param_type_name != "argument" for o in self.params)
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
        elif args and not args[0].startswith("-") and args[0] not in self.commands:
            raise typer.BadParameter(
                f"{shown(args[0])!r} is no recipe: give a .toml file, such as the config.toml that "
                f"every model's folder holds, or one of {', '.join(self._listed())}"
            )
        return list(super().parse_args(ctx, args))

    def _listed(self) -> list[str]:
        return [name for name, command in self.commands.items() if not command.hidden]


def _refuse_empty(args: list[str], lists: set[str], options: set[str]) -> None:
    """Refuse a list without values; it would take the next option for one."""
    for arg, following in zip_longest(args, args[1:]):
        if arg in lists and (following is None or following.partition("=")[0] in options):
            raise typer.BadParameter(f"{arg} names nothing: give it one value or more")


def _is_list(option: Any) -> bool:
    return option.param_type_name == "option" and bool(getattr(option, "multiple", False))
