"""`kws listen --calibrate`: thresholds for a room, from what its own sound makes of the score."""

import re
from array import array

import numpy as np
import typer

from kws.engine import spotter
from kws.evaluation.calibration import Proposal, propose
from kws.listening.ears import Framed
from kws.listening.hearing import Hearing
from kws.support.statistics import poisson_upper
from kws.support.text import clock, json_text, shown, table

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "": 1}
_DAY_H = 24


def seconds_of(text: str) -> float:
    """Return a time such as 30m, 2h, 90s or 90 in seconds; a wrong one is a wrong use."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s*([smh]?)", text.strip())
    if not found or float(found[1]) <= 0:
        raise typer.BadParameter(f"--calibrate {text!r} is no time: give 30m, 2h or 90s")
    return float(found[1]) * _UNITS_S[found[2]]


class Calibration:
    """Keeps the scores of everything that is heard: 100 bytes a second and word."""

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._firsts: list[int] = []
        self._scores: dict[int, array[int]] = {}
        first = 0
        for ear in hearing.ears:
            self._firsts.append(first)
            self._scores[first] = array("h")
            first += len(ear.listener.words)
        hearing.watchers.append(self._take)

    def _take(self, first: int, time_s: float, frame: Framed) -> None:
        self._scores[first].extend(frame.scores_q10)

    def text(self, *, as_json: bool) -> str:
        """Return what is proposed, for people or as one line of JSON."""
        heard_s = self._hearing.tally.samples / self._hearing.rate_hz
        parts = []
        for first, ear in zip(self._firsts, self._hearing.ears, strict=True):
            assert isinstance(ear.listener, spotter.Spotter)
            model = ear.listener.model
            words = [model.classes.index(word) for word in model.words]
            own = np.frombuffer(self._scores[first], np.int16).reshape(-1, len(words))
            scores = np.full((len(own), len(model.classes)), np.iinfo(np.int16).min, np.int16)
            scores[:, words] = own
            parts.append((ear.name, propose(model, scores)))
        if as_json:
            each = [
                {"model": name, "seconds": heard_s, "proposed": [vars(row) for row in rows]}
                for name, rows in parts
            ]
            return json_text({"calibration": each})
        is_one = len(parts) == 1
        return "\n\n".join(
            _told(name, rows, heard_s, "" if is_one else f"{shown(name)}=") for name, rows in parts
        )


def _told(name: str, rows: list[Proposal], heard_s: float, prefix: str) -> str:
    if not rows:
        return (
            f"no threshold of {shown(name)} to propose: {clock(heard_s)} are too few, or what was "
            "heard is too near the word; hear longer, or train with more of what fires"
        )
    lines = table(
        ("wish", "--threshold", "fired here", "expected", "may be up to (95 %)"),
        [
            (
                row.wish,
                f"{prefix}{row.threshold:.6g}",
                row.heard,
                "" if row.expected is None else _rate(row.expected),
                _rate(row.upper_95),
            )
            for row in rows
        ],
    )
    text = f"Thresholds of {shown(name)} after {clock(heard_s)}, if nobody said a word of it:\n"
    text += lines
    longer = [row for row in rows if not row.is_heard]
    if longer:
        needed_h = poisson_upper(0) / longer[0].per_hour
        text += (
            f"\n{clock(heard_s)} are too short to promise {_listed([row.wish for row in longer])}: "
            "estimated from the highest peaks of the score, it may fire as often as the last "
            f"column says. To promise {longer[0].wish} takes {needed_h:.0f} h without a detection."
        )
    return text


def _listed(wishes: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(wishes[:-1]), wishes[-1])))


def _rate(per_hour: float) -> str:
    return f"{per_hour:.2g} an hour" if per_hour >= 1 else f"{_DAY_H * per_hour:.2g} a day"
