"""Recordings that a model heard wrong: found, read once, and copied into two halves beside it."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kws.audio.files import find_audio
from kws.audio.recording import decode
from kws.errors import AudioError, ConfigError
from kws.support.notices import LEFT_OUT, Notice, tell
from kws.support.text import count_of

HEARD, MISSED, FALSE_ACCEPTS = "heard", "missed", "false_accepts"  # folders below that of the run
TRAIN, TEST = "train", "test"
FEWEST = 2  # one to train on, one to judge by
Folders = Sequence[Path | str]
_NUMBER = re.compile(r"\d{4}_")


def find_readable(folders: Folders, kind: str, rate_hz: int) -> list[Path]:
    """Return the recordings of all folders, each once, sorted; what cannot be read is told.

    Every one is decoded, since training and the judgement behind it take minutes. ConfigError
    where fewer than two are left, which names the option of the kind.
    """
    found = sorted({path for folder in folders for path in find_audio(Path(folder))})
    readable = [path for path in found if _is_readable(path, rate_hz)]
    if found and len(readable) < FEWEST:
        option = "--" + kind.replace("_", "-")
        less = " that can be read" * (len(readable) < len(found))
        raise ConfigError(
            f"{option} holds {count_of(len(readable), 'recording')}{less}; give at least {FEWEST}."
        )
    return readable


def _is_readable(path: Path, rate_hz: int) -> bool:
    try:
        decode(path, rate_hz)
    except AudioError as refusal:
        tell(Notice(LEFT_OUT, str(refusal)))
        return False
    return True


def keep(given: Mapping[str, Sequence[Path]], out: Path) -> dict[str, Path]:
    """Copy the recordings of each kind into out/heard/KIND/train and /test, and return KIND's.

    What an earlier run has copied there is replaced, also where it is what was given. ConfigError,
    before anything is touched, where something else lies there.
    """
    home = out / HEARD
    for kind in given:
        if foreign := next(_foreign(home / kind), None):
            raise ConfigError(
                f"{foreign} is no copy of an earlier --improve and would be lost, since the "
                f"recordings are copied to {home / kind}: give another --out."
            )
    home.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=home))
    try:
        for kind, paths in given.items():
            _copy(paths, made / "new" / kind)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    (made / "old").mkdir()
    for kind in given:  # a kill between these renames leaves every recording in one of the two
        if (home / kind).exists():
            os.replace(home / kind, made / "old" / kind)
        os.replace(made / "new" / kind, home / kind)
    shutil.rmtree(made, ignore_errors=True)
    return {kind: home / kind for kind in given}


def _foreign(folder: Path) -> Iterator[Path]:
    """Yield what is there and was not copied by `keep`; hidden files are none of a person's."""
    if folder.is_symlink() or folder.is_file():
        yield folder
    for path in sorted(folder.rglob("[!.]*")):
        part, *rest = path.relative_to(folder).parts
        is_copy = len(rest) == 1 and path.is_file() and _NUMBER.match(path.name)
        is_part = not rest and path.is_dir() and not path.is_symlink()
        if part not in (TRAIN, TEST) or not (is_copy or is_part):
            yield path


def _copy(paths: Sequence[Path], to: Path) -> None:
    """Copy recordings into to/test and to/train by turns, or as an earlier run has parted them.

    What one run has trained on can judge no later one.
    """
    parts = [_part_before(path) for path in paths]
    is_parted = {TRAIN, TEST} <= set(parts)
    for number, (path, before) in enumerate(zip(paths, parts, strict=True)):
        folder = to / ((is_parted and before) or (TRAIN if number % 2 else TEST))
        folder.mkdir(parents=True, exist_ok=True)
        name = _NUMBER.sub("", path.name, count=1) if before else path.name
        shutil.copyfile(path, folder / f"{number:04d}_{name}")


def _part_before(path: Path) -> str:
    *_, home, kind, part, _name = ("", "", "", *path.absolute().parts)
    is_copy = home == HEARD and kind in (MISSED, FALSE_ACCEPTS) and part in (TRAIN, TEST)
    return part if is_copy else ""
