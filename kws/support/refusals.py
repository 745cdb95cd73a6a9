"""Refusals of several things at once: a person mends them all before the next try."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from kws.errors import KwsError

Given = TypeVar("Given")
Made = TypeVar("Made")


def each(do: Callable[[Given], Made], items: Iterable[Given]) -> list[Made]:
    """Return what `do` makes of each item.

    Where it refuses some, the error is of the first one's class and says every sentence once, and
    the remedy once where it is that of all.
    """
    made, refusals = [], []
    for item in items:
        try:
            made.append(do(item))
        except KwsError as refusal:
            refusals.append(refusal)
    if len(refusals) > 1:
        raise type(refusals[0])(_joined([str(refusal) for refusal in refusals]))
    if refusals:
        raise refusals[0]
    return made


def _joined(sentences: list[str]) -> str:
    parts = [sentence.rstrip(".").partition(": ") for sentence in sentences]
    if len({remedy for _, _, remedy in parts}) == 1:
        return "; ".join(dict.fromkeys(what for what, _, _ in parts)) + "".join(parts[0][1:])
    return "; ".join(dict.fromkeys(map("".join, parts)))
