"""What a run measured: the one schema of metrics.json."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kws.errors import ConfigError

FLOAT, INTEGERS = "float", "integers through the C engine"
SPLITS = ("validation", "testing")
LOSS_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The figures of one training, in the order of metrics.json; what is not known is left out.

    model_bytes: the whole file; None for a network that only teaches. validation: what the best
    epoch reached, by which it was chosen. evaluations: what `kws evaluate --json` gives, each with
    a `name`. measured: what was run, FLOAT or INTEGERS. bytes_float32, bytes_int8, macs_per_second:
    see `network.cost`. network_sha256: of network.pt. seeds: the validation figures of all seeds
    of which this is the best.
    """

    model_bytes: int | None = None
    parameters: int
    seed: int
    training_seconds: float
    seconds_waiting_for_features: float | None = None
    validation: Mapping[str, float]
    epochs: int
    float_accuracy: float | None = None
    accuracy_last_epoch: float | None = None
    evaluations: tuple[Mapping[str, Any], ...]
    seeds: tuple[Mapping[str, Any], ...] = ()
    measured: str = INTEGERS
    bytes_float32: int | None = None
    bytes_int8: int | None = None
    macs_per_second: int | None = None
    network_sha256: str | None = None

    @property
    def is_classifier(self) -> bool:
        """Whether clips were told apart, and not a wake word found."""
        return "accuracy" in self.evaluations[0]

    @property
    def cost(self) -> float:
        """By what the best of several runs is chosen, on validation: the lower, the better."""
        found = self.validation
        if self.is_classifier:
            return float(found["validation_loss"])
        return whole_cost(found["validation_cost"], found["validation_loss"])

    def evaluation(self, split: str) -> Mapping[str, Any]:
        """Return the evaluation of this name."""
        return next(each for each in self.evaluations if each.get("name") == split)

    def accuracy(self, split: str) -> float:
        """Return the share of a split's clips that are right."""
        return float(self.evaluation(split)["accuracy"])

    def to_json(self) -> dict[str, Any]:
        """Return what metrics.json holds: every figure but those that are as by default."""
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.default is dataclasses.MISSING or getattr(self, field.name) != field.default
        }
        return {
            key: [dict(each) for each in value] if isinstance(value, tuple) else value
            for key, value in values.items()
        }

    @classmethod
    def from_json(cls, values: Any, where: str) -> "Metrics":
        """Return what metrics.json holds, older ones too; ConfigError names what is amiss."""
        if not isinstance(values, dict):
            raise ConfigError(f"{where} holds no metrics; delete it to train anew.")
        if not isinstance(values.get("validation"), dict):
            values = _of_before(values)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name, field in fields.items():
            if name not in values and field.default is dataclasses.MISSING:
                raise ConfigError(f"{where} lacks {name!r}; delete it to train anew.")
        known = {key: value for key, value in values.items() if key in fields}
        for key in ("evaluations", "seeds"):
            known[key] = tuple(known.get(key, ()))
        return cls(**known)


def whole_cost(stream_cost: float, loss: float) -> float:
    """Return what a wake word costs on a stream, and a little of its loss on the windows.

    A stream without a fault tells nothing of how near one was; the loss does.
    """
    return stream_cost + LOSS_SHARE * loss


def _of_before(values: dict[str, Any]) -> dict[str, Any]:
    """Comparisons once wrote one accuracy a split, and no evaluations."""
    evaluations = [
        {"name": split, "accuracy": values[split], "clips": values.get(f"{split}_clips")}
        for split in SPLITS
        if split in values
    ]
    return {**values, "validation": {}, "evaluations": evaluations} if evaluations else values
