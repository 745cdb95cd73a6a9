"""Write a model and the engine as a folder that stands on its own: source code, or a module."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from kws.device.engine_sources import licence
from kws.device.formats import FORMATS, readme
from kws.device.identifiers import checksum, identifier
from kws.device.manifest import MANIFEST, Manifest, noted, remove, sum_of
from kws.device.parts import Parts
from kws.engine import model_file
from kws.engine.model_file import Model
from kws.errors import ConfigError, KwsError
from kws.support.files import unsaved
from kws.support.notices import Notice, tell
from kws.support.refusals import each

# Files that are yours to change: a second export leaves them as they are once you have.
YOURS = ("main.c", "Makefile", "examples/", "samples/")
Given = str | Path | Model


def export(
    model: Given,
    to: Path,
    format: str,
    *,
    others: Sequence[Given] = (),
    second: Given | None = None,
) -> list[Path]:
    """Write `model` to the folder `to` in a format, and return the files that were written.

    model: what `model_file.load` takes; second and others: more, for a program that listens with
    several: they share the engine, whose limits hold each. Examples in C use the first. The folder
    must be new, empty, or an earlier export of the same model in the same format: what that wrote
    and this one does not (the files of another model) is removed, unless you have changed it, and
    examples that you have changed stay as they are. All files are written before the first takes
    its place, so a full disk changes nothing.
    ConfigError on the format or the folder, ModelError on the model, KwsError on the disk.
    """
    check_format(format)
    loaded, *more = each(model_file.load, (model, *([second] if second else []), *others))
    _check_names([loaded, *more])
    folder = Path(to)
    _check_folder(folder, format, loaded)
    files = {name: _bytes(text) for name, text in files_of(loaded, format, more).items()}
    try:
        return _renew(folder, files)
    except OSError as refusal:
        raise KwsError(unsaved(folder, refusal)) from refusal


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _renew(folder: Path, files: dict[str, bytes]) -> list[Path]:
    """Write the files but those that a person has changed; remove what is no longer written."""
    before = Manifest.read(folder)
    yours = [
        name
        for name in files
        if name.startswith(YOURS)
        and os.path.lexists(folder / name)
        and not before.is_as_written(folder, name)
    ]
    gone = [name for name in before if name not in files and os.path.lexists(folder / name)]
    stale = [name for name in gone if before.is_as_written(folder, name)]
    changed = [name for name in gone if name not in stale]
    new = {name: content for name, content in files.items() if name not in yours}
    written = _write(folder, new | noted(new, [*yours, *changed], before), stale)
    outdated = [name for name in yours if before.get(name, "") not in ("", sum_of(files[name]))]
    _tell(folder, stale, changed, outdated)
    return written


def _tell(folder: Path, removed: list[str], changed: list[str], outdated: list[str]) -> None:
    """Say what became of the files of an earlier export."""
    texts = []
    if removed:
        what = ", ".join(removed)
        texts.append(
            f"{folder}: removed {what}, which the export before wrote and this one does not"
        )
    texts += [
        f"{folder / name} is of an earlier export and stays, since you have changed it: delete it "
        "unless your project is to have it"
        for name in changed
    ]
    texts += [
        f"{folder / name} stays, since you have changed it, and no longer fits this export: move "
        "it away and export again for a new one"
        for name in outdated
    ]
    for text in texts:
        tell(Notice("export", text))


def _check_names(models: Sequence[Model]) -> None:
    names = [identifier(model.name) for model in models]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        what = (
            f"the name {twice[0]}" if len(twice) == 1 else f"each of the names {', '.join(twice)}"
        )
        raise ConfigError(f"Two models come to {what}: rename one of the files.")


def check_format(format: str) -> None:
    """Raise ConfigError where `format` is none of FORMATS."""
    if format in FORMATS:
        return
    choice = f"choose {', '.join(sorted(FORMATS)[:-1])} or {max(FORMATS)}."
    raise ConfigError(f"There is no export format {format!r}: {choice}")


def files_of(model: Model, format: str, others: Sequence[Model] = ()) -> dict[str, str | bytes]:
    """Return text or bytes of every file of an export by its path in the folder."""
    parts = Parts(model, others)
    files: dict[str, str | bytes] = dict(FORMATS[format].files(parts))
    files |= {"LICENSE": licence(), "README.md": readme(parts, format, _mark(format, model))}
    return files


def _mark(format: str, model: Model) -> str:
    name = identifier(model.name)
    # Several names may come to one identifier; each has a mark of its own.
    of = "" if name == model.name else f" ({checksum(model.name)})"
    return f"kws export --format {format}, model {name}{of}"


def _check_folder(folder: Path, format: str, model: Model) -> None:
    """Refuse a folder that holds anything but an earlier export of the same."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file: name a folder that is new or empty.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    try:
        found = (folder / "README.md").read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        found = ""
    if found == f"<!-- {_mark(format, model)} -->":
        return
    mark = r"<!-- kws export --format ([\w-]+), model (\w+)(?: \(\w+\))? -->"
    holds = re.fullmatch(mark, found)
    what = f"holds {holds[2]} for {holds[1]}" if holds else "holds other files"
    if holds and holds[2] == identifier(model.name) and holds[1] == format:
        what = f"holds another model that comes to the name {holds[2]}"
    raise ConfigError(
        f"{folder} {what}: export {model.name} for {format} to a folder that is new or empty."
    )


def _write(folder: Path, files: dict[str, bytes], stale: Sequence[str]) -> list[Path]:
    """Write the files beside their places, then rename them into these, the manifest last.

    Before that the stale ones go: until the manifest is renewed, the one before knows them.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / f".{os.getpid()}.{secrets.token_hex(4)}.part"
    done = False
    try:
        for name, content in files.items():
            file = staged / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        for name in files:
            if name == MANIFEST:
                remove(folder, stale)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / name, folder / name)
        done = True
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        if is_new and not done:
            with contextlib.suppress(OSError):
                folder.rmdir()
    return [folder / name for name in files]
