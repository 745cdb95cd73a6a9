"""The commands, run in this process or in one of their own."""

import sys
from typing import Any

from typer.testing import CliRunner

from kws.cli.main import app


def run(*args: object) -> Any:
    return CliRunner().invoke(app, [str(arg) for arg in args], prog_name="kws")


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "kws", *map(str, args)]
