"""How the matrices of a model are stored."""

from dataclasses import dataclass

from kws.settings.checks import check

LEVELS = {"int8": (-127, 127), "int4": (-8, 7), "sparse8": (-127, 127)}


@dataclass(frozen=True, kw_only=True)
class CompressionConfig:
    """How a matrix is stored: int8, int4, or sparse8 (int8 behind a bitmap) with its density.

    gate_bias_limit: the largest bias of a gate. With 3.44, z is 0.97 where nothing else is added; a
    gate that is open by its bias alone would remember for minutes.
    """

    w: str = "int4"
    u: str = "int4"
    classifier: str = "int4"
    density_w: float = 1.0
    density_u: float = 1.0
    gate_bias_limit: float = 3.44

    def __post_init__(self) -> None:
        for name in ("w", "u", "classifier"):
            kind = getattr(self, name)
            check(kind in LEVELS, f"{name} is {kind!r}; choose one of {', '.join(LEVELS)}.")
        for name in ("density_w", "density_u"):
            density = getattr(self, name)
            check(0 < density <= 1, f"{name} is {density}; choose above 0, up to 1.")
        check(
            0 < self.gate_bias_limit <= 3.96,
            f"gate_bias_limit is {self.gate_bias_limit}; choose above 0, up to 3.96.",
        )
