"""The stages of training that a recipe asks for."""

from dataclasses import dataclass

from kws.settings.recipe import Recipe


@dataclass(frozen=True)
class Stage:
    """One part of the schedule."""

    name: str
    epochs: int
    learning_rate: float
    density_w: float = 1.0
    density_u: float = 1.0
    averaging: float = 0.0
    drop_at: float = 1.0  # share of the epochs after which a stepped rate falls to a tenth

    @property
    def quantized(self) -> bool:
        """Whether the forward pass is the engine's."""
        return self.name == "quantized"


def stages_of(recipe: Recipe) -> list[Stage]:
    """Return the stages of a recipe, in order; peers such as GRU have only the float one."""
    schedule, compression = recipe.schedule, recipe.compression
    densities = (compression.density_w, compression.density_u)
    is_fast = recipe.network.cell in ("fastgrnn", "fastrnn")
    is_sparse = is_fast and min(densities) < 1
    is_stepped = schedule.annealing == "step"
    drop_at = 2 / 3 if is_stepped and not is_sparse else 1.0
    rate = schedule.learning_rate
    stages = [Stage("float", schedule.float_epochs, rate, drop_at=drop_at)]
    if is_sparse:
        first_rate = rate if is_stepped else rate / 3
        stages.append(Stage("thresholding", schedule.thresholding_epochs, first_rate, *densities))
        stages.append(Stage("fixed support", schedule.fixed_support_epochs, rate / 10, *densities))
    if is_fast:
        rate = schedule.quantized_learning_rate
        stage = Stage("quantized", schedule.quantized_epochs, rate, *densities, schedule.averaging)
        stages.append(stage)
    return [stage for stage in stages if stage.epochs]


def is_shipped(recipe: Recipe) -> bool:
    """Whether a model file comes of the recipe, and not a network that can only teach."""
    return any(stage.quantized for stage in stages_of(recipe))
