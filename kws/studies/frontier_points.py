"""The points of the frontier: measured ones, kept in frontier.json, and published ones."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from kws.errors import ConfigError, KwsError
from kws.support.files import replacing

OURS, SHIPPED, RETRAINED, PUBLISHED = "ours", "shipped", "retrained", "published"
GROUPS = (OURS, SHIPPED, RETRAINED, PUBLISHED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """A network: its bytes, and its accuracies (0 to 1), one a seed; published: one, or a range.

    bytes: the whole file where there is one, else one byte a parameter.
    """

    name: str
    label: str
    group: str
    bytes: int
    accuracies: tuple[float, ...]
    task: str
    measured: str
    source: str = ""

    @property
    def mean(self) -> float:
        """Mean accuracy."""
        return sum(self.accuracies) / len(self.accuracies)


def load(path: Path) -> list[Point]:
    """Return the points that a frontier.json keeps; none where there is no such file."""
    try:
        kept = json.loads(path.read_text("utf-8"))["points"]
        return [Point(**{**point, "accuracies": tuple(point["accuracies"])}) for point in kept]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} cannot be used: {error!r}; delete it to start anew.") from None


def merge(kept: Sequence[Point], new: Sequence[Point]) -> list[Point]:
    """Return all points, a new one in place of the old one of its group and name, by bytes.

    Of what is shipped or published only the new ones count: they are always all there.
    """
    trained = [p for p in kept if p.group in (OURS, RETRAINED)]
    points = {(p.group, p.name): p for p in (*trained, *new)}
    return sorted(points.values(), key=lambda p: (GROUPS.index(p.group), p.bytes, p.name))


def save(path: Path, points: Sequence[Point]) -> None:
    """Write points as JSON, whole or not at all."""
    text = json.dumps({"points": [dataclasses.asdict(p) for p in points]}, indent=1) + "\n"
    with replacing(path, KwsError) as file:
        file.write(text.encode())


def published() -> list[Point]:
    """Return what others have published; each on a task and split of its own."""
    return [
        Point(
            name=label,
            label=label,
            group=PUBLISHED,
            bytes=size,
            accuracies=tuple(per_cent / 100 for per_cent in accuracies),
            task=task,
            measured=measured,
            source=source,
        )
        for label, size, accuracies, task, measured, source in _PUBLISHED
    ]


TWELVE = "12 classes, testing"
WEIGHTS = "bytes: one a parameter"
FASTGRNN = "Kusupati et al., NeurIPS 2018"
_PUBLISHED: tuple[tuple[str, int, tuple[float, ...], str, str, str], ...] = (
    ("FastGRNN (paper)", 5632, (92.10,), TWELVE, "8-bit weights and indices", FASTGRNN),
    ("GRU (paper)", 63_488, (93.15,), TWELVE, f"float (248 KB); {WEIGHTS}", FASTGRNN),
    ("SparkNet, smallest", 1400, (83.5,), TWELVE, WEIGHTS, "SparkNet"),
    ("SparkNet, small", 2300, (92.1,), TWELVE, WEIGHTS, "SparkNet"),
    ("SparkNet", 4600, (95.7,), TWELVE, WEIGHTS, "SparkNet"),
    ("BC-ResNet-0.625", 4600, (95.4,), TWELVE, WEIGHTS, "Kim et al., Interspeech 2021"),
    ("BC-ResNet-1", 9200, (96.9,), TWELVE, WEIGHTS, "Kim et al., Interspeech 2021"),
    ("DS-CNN (MLPerf Tiny)", 54_000, (91.0, 93.0), TWELVE, WEIGHTS, "MLPerf Tiny"),
)
