"""What a pack of negatives has already, so that a longer plan speaks only what is new."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from talks import Talk

HEADER = ("file", "engine", "voice", "split", "seconds", "sentences", "starts_s")
Row = tuple[str, ...]


def held_rows(pack: Path, talks: Iterable[Talk], noises: Iterable[Path]) -> dict[Path, Row]:
    """The manifest's rows, by name, of the files that are there and as planned.

    A talk is as planned if the same voice says the same sentences, without those that failed.
    """
    rows = {name: row for name, row in _read(pack).items() if (pack / f"{name}.opus").exists()}
    held = {name: rows[name] for name in noises if name in rows}
    for talk in talks:
        row = rows.get(Path(talk.name))
        if row and row[1:4] == (talk.engine, talk.voice, talk.part):
            said = [int(number) for number in row[5].split()]
            if said and _in_order(said, talk.sentences):
                held[Path(talk.name)] = row
    return held


def _read(pack: Path) -> dict[Path, Row]:
    """Every row of the manifest, by its file's place without a suffix; none without a manifest."""
    manifest = pack / "manifest.csv"
    if not manifest.exists():
        return {}
    with manifest.open(newline="") as file:
        header, *rows = map(tuple, csv.reader(file))
    return {Path(row[0]).with_suffix(""): row for row in rows} if header == HEADER else {}


def _in_order(some: Sequence[int], of: Sequence[int]) -> bool:
    rest = iter(of)
    return all(number in rest for number in some)
