"""What is shown of a detection."""

from typing import Protocol


class Detected(Protocol):
    """What is shown of a detection; `kws.Detection` has it."""

    @property
    def word(self) -> str: ...
    @property
    def time_s(self) -> float: ...
    @property
    def score(self) -> float: ...
