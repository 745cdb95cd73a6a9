"""A network's kind and sizes."""

from dataclasses import dataclass
from typing import ClassVar

from kws.settings.checks import check
from kws.settings.model import MAX_HIDDEN
from kws.settings.names import NETWORKS


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The network's sizes; hidden 0 takes the largest that fits in the recipe's max_bytes.

    nonlinearity: smooth (sigmoid and tanh), or hard (both piecewise linear, without a table).
    """

    NONLINEARITIES: ClassVar[tuple[str, ...]] = ("smooth", "hard")

    cell: str = "fastgrnn"
    nonlinearity: str = "smooth"
    hidden: int = 0
    rank_w: int = 0
    rank_u: int = 0

    def __post_init__(self) -> None:
        check(self.cell in NETWORKS, f"cell is {self.cell!r}; choose one of {', '.join(NETWORKS)}.")
        check(
            self.nonlinearity in self.NONLINEARITIES,
            f"nonlinearity is {self.nonlinearity!r}; choose one of "
            f"{', '.join(self.NONLINEARITIES)}.",
        )
        check(
            0 <= self.hidden <= MAX_HIDDEN,
            f"hidden is {self.hidden}; the engine takes 1 to {MAX_HIDDEN} units, 0 chooses.",
        )
        check(
            all(0 <= rank <= MAX_HIDDEN for rank in (self.rank_w, self.rank_u)),
            f"ranks are {self.rank_w} and {self.rank_u}; choose 0 (full) to {MAX_HIDDEN}.",
        )
