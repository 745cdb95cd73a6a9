"""Thresholds for a room: what is counted, what is prolonged, and how `kws listen` tells it."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from kws.cli.calibrate import seconds_of
from kws.cli.main import app
from kws.engine import batch, model_file
from kws.evaluation.calibration import Tail, peaks, propose
from kws.settings.model import LOGIT_ONE
from kws.support.statistics import poisson_lower

ROOT = Path(__file__).resolve().parents[3]
MODEL = model_file.load(ROOT / "models/hey_cortana")
TALK = ROOT / "data/sample/negatives"


@pytest.mark.parametrize("count, expected", [(0, 0.0), (1, 0.0512933), (10, 5.4254057)])
def test_the_lower_bound_is_the_quantile_of_a_gamma_distribution(
    count: int, expected: float
) -> None:
    assert poisson_lower(count) == pytest.approx(expected, rel=1e-6)


def test_a_tail_tells_rarer_peaks_within_its_bound() -> None:
    """Half an hour of an exponential tail, five hundred times: what once an hour comes."""
    rng = np.random.default_rng(0)
    true = np.log(600.0)  # above which one of 600 peaks an hour lies
    estimates, is_bounded = [], []
    for _ in range(500):
        tail = Tail.of(np.sort(rng.exponential(1.0, 300))[::-1], 0.5)
        assert tail is not None
        estimates.append(tail.log_odds_of(1.0))
        is_bounded.append(tail.upper_rate(true) >= 1.0)
        assert tail.rate(tail.log_odds_of(0.2)) == pytest.approx(0.2)
    assert np.mean(estimates) == pytest.approx(true, abs=0.2)
    assert np.mean(is_bounded) > 0.95


def test_too_few_peaks_make_no_tail() -> None:
    assert Tail.of(np.arange(8.0)[::-1], 1.0) is None
    assert Tail.of(np.arange(9.0)[::-1], 1.0) is not None


def scores_with(log_odds: list[float], hours: float) -> np.ndarray:
    """Scores of a quiet room, with a plateau of a second at each of the log-odds."""
    scores = np.full((round(hours * 180_000), 1), -6 * LOGIT_ONE, np.int16)
    for number, height in enumerate(log_odds):
        start = 500 + 400 * number
        scores[start : start + 50] = round(height * LOGIT_ONE)
    return scores


def test_peaks_within_a_second_are_one() -> None:
    scores = scores_with([2.0, 3.0], 0.1)
    scores[520, 0] = round(2.5 * LOGIT_ONE)
    assert list(peaks(MODEL, scores)[:3]) == [3.0, 2.5, -6.0]


def test_what_was_heard_long_enough_is_counted() -> None:
    rows = {row.wish: row for row in propose(MODEL, scores_with([1.0, 4.0, 5.0], 5.0))}
    row = rows["once an hour"]
    assert row.is_heard and row.heard == 1  # at most one in five hours shows it: 4.74 of 5
    assert 4.0 < np.log(row.threshold / (1 - row.threshold)) <= 5.0
    assert row.upper_95 == pytest.approx(4.7439 / 5, rel=1e-4)
    assert len(list(batch.detect(MODEL, scores_with([1.0, 4.0, 5.0], 5.0), row.threshold))) == 1


def test_nothing_heard_proposes_nothing() -> None:
    assert propose(MODEL, np.zeros((0, 1), np.int16)) == []
    assert propose(MODEL, scores_with([], 0.01)) == []


def test_kws_listen_calibrates_on_recordings() -> None:
    files = [str(path) for path in sorted(TALK.rglob("*.opus"))[:150]]
    asked = ["listen", str(ROOT / "models/athena"), "--calibrate", "1h", *files]
    told = CliRunner().invoke(app, [*asked, "--json"])
    assert told.exit_code == 0, told.output
    (each,) = json.loads(told.stdout.splitlines()[-1])["calibration"]
    assert each["model"] == "athena" and each["seconds"] > 100
    rates = [row["threshold"] for row in each["proposed"]]
    assert rates == sorted(rates) and rates and 0 < rates[0] < 1
    told = CliRunner().invoke(app, asked)
    assert "if nobody said a word of it" in told.stdout
    lines = told.stdout.splitlines()
    (header,) = (line for line in lines if "--threshold" in line)
    assert header.split("  ")[0] == "wish" and header.endswith("may be up to (95 %)")
    last = lines[-1]
    assert "too short to promise once an hour, twice a day or once a day:" in last
    assert last.endswith("To promise once an hour takes 3 h without a detection.")
    refused = CliRunner().invoke(app, [*asked, "--seconds", "1200"])
    assert refused.exit_code == 2 and "leave --seconds out" in refused.output


@pytest.mark.parametrize(
    "text, seconds", [("30m", 1800.0), ("2 h", 7200.0), ("1.5m", 90.0), ("45", 45.0), ("9s", 9.0)]
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-5m", "0", "half", "5d", "1e9", "nan"])
def test_what_is_no_time_is_a_wrong_use(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="give 30m, 2h or 90s"):
        seconds_of(text)
