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

    models: names or files, empty for all; threshold: a posterior, absent for the models' own;
    allow: addresses of clients, empty for all. The folder of own models is served where it exists.
    """
    given = ["serve", *map(str, options.get("models") or ()), "--uri", URI]
    if options.get("threshold") is not None:
        given += ["--threshold", str(options["threshold"])]
    for address in options.get("allow") or ():
        given += ["--allow", str(address)]
    if own_models.is_dir():
        given += ["--models", str(own_models)]
    return given


if __name__ == "__main__":
    options = json.loads(OPTIONS.read_text("utf-8")) if OPTIONS.exists() else {}
    os.execv(sys.executable, [sys.executable, "-m", "kws", *arguments(options)])
