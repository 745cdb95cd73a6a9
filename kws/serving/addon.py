"""The program of the Home Assistant add-on: its options become those of `kws serve`."""

import json
import os
import sys
from pathlib import Path
from typing import Any

OPTIONS = Path("/data/options.json")  # which Home Assistant writes
OWN_MODELS = Path("/share/kws")
URI = "tcp://0.0.0.0:10400"  # within the add-on's own network, unless its port is opened


def arguments(options: dict[str, Any], own_models: Path = OWN_MODELS) -> list[str]:
    """Return the arguments of `kws` for the options in the add-on's config.yaml.

    models: names or files, empty for all that ship and all of one's own, which lie in a folder;
    threshold: a posterior, absent for the models' own; allow: addresses of clients, empty for all.
    """
    models = [_found(str(name), own_models) for name in options.get("models") or ()]
    given = ["serve", *models, "--uri", URI]
    if options.get("threshold") is not None:
        given += ["--threshold", str(options["threshold"])]
    for address in options.get("allow") or ():
        given += ["--allow", str(address)]
    if own_models.is_dir() and not models:
        given += ["--models", str(own_models)]
    return given


def _found(name: str, own_models: Path) -> str:
    """Return where one's own model of this name lies, or the name, which may be one that ships."""
    files = sorted(own_models.rglob("*.kws"))
    return next((str(file) for file in files if name in (file.stem, file.name)), name)


if __name__ == "__main__":
    options = json.loads(OPTIONS.read_text("utf-8")) if OPTIONS.exists() else {}
    os.execv(sys.executable, [sys.executable, "-m", "kws", *arguments(options)])
