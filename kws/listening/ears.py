"""What listens, and what is wished for beside the detections."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kws.audio.samples import Samples
from kws.errors import ConfigError
from kws.report.detected import Detected
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.settings.model import log_odds_q10


class Framed(Protocol):
    """What `kws.engine.spotter.Frame` offers here."""

    @property
    def number(self) -> int:
        """Counted from 0 at the start."""

    @property
    def time_s(self) -> float:
        """When its last sample had arrived, from the start."""

    @property
    def scores_q10(self) -> tuple[int, ...]:
        """Smoothed log-odds of each word, with 10 fractional bits."""

    @property
    def detection(self) -> Detected | None:
        """What it completed."""


class Listener(Protocol):
    """What `kws.engine.spotter.Spotter` offers here."""

    threshold: float
    """The posterior that fires; it may be changed."""

    @property
    def words(self) -> tuple[str, ...]:
        """What can be detected."""

    @property
    def score(self) -> float:
        """The largest posterior of a word at this moment."""

    def process(self, samples: Samples, /) -> Iterable[Detected]:
        """Take in int16 samples; return what was detected in them."""

    def follow(self, samples: Samples, /) -> Sequence[Framed]:
        """Do as `process`, and return every frame."""

    def reset(self) -> None:
        """Begin a new stream."""


@dataclass(frozen=True)
class Ear:
    """A listener, the rate of its samples, its hop in seconds and the name of its model."""

    listener: Listener
    sample_rate_hz: int = SAMPLE_RATE_HZ
    hop_s: float = 0.02
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is asked for beside the detections.

    near: a posterior; seconds: of all recordings together; calibrates: whether the sound is heard
    for thresholds to propose.
    """

    near: float = 0.5
    save_clips: Path | None = None
    csv: Path | None = None
    png: Path | None = None
    seconds: float | None = None
    calibrates: bool = False
    on_detect: str | None = None


def names_of(ears: Sequence[Ear]) -> list[str]:
    """Return the words of all models, with the model's name where two have the same."""
    words = [word for ear in ears for word in ear.listener.words]
    return [
        f"{word} ({ear.name})" if words.count(word) > 1 and ear.name else word
        for ear in ears
        for word in ear.listener.words
    ]


def refuse_near(near: float, threshold: float) -> None:
    """Raise ConfigError where a near-miss would be a detection."""
    if log_odds_q10(near, "--near") >= log_odds_q10(threshold):
        raise ConfigError(
            f"--near {near:g} is not below the threshold {threshold:.3f}: give a smaller one."
        )
