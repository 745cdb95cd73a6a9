"""What is shown of a detection."""

from typing import Protocol


class Detected(Protocol):
    """What is shown of a detection; `kws.Detection` has it."""

    @property
    def word(self) -> str:
        """The word as its model names it."""

    @property
    def time_s(self) -> float:
        """Seconds from the beginning of the stream."""

    @property
    def score(self) -> float:
        """The smoothed probability, 0 to 1."""
