"""kws: wake words in one kilobyte, bit for bit the same on a laptop and on a microcontroller."""

from importlib import import_module

# As of `typing`, which takes as long to import as all the rest: checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kws.engine.batch import features, trace
    from kws.engine.listen import listen
    from kws.engine.spotter import Detection, Spotter
    from kws.errors import KwsError
    from kws.settings.model import FeatureConfig

__version__ = "0.1.0"
__all__ = ["Detection", "FeatureConfig", "KwsError", "Spotter", "features", "listen", "trace"]

_HOMES = {
    "Detection": "kws.engine.spotter",
    "FeatureConfig": "kws.settings.model",
    "KwsError": "kws.errors",
    "Spotter": "kws.engine.spotter",
    "features": "kws.engine.batch",
    "listen": "kws.engine.listen",
    "trace": "kws.engine.batch",
}


def __getattr__(name: str) -> "Any":
    # On first use: `kws doctor` must run, and say so, where the engine could not be built.
    if name not in _HOMES:
        raise AttributeError(f"module 'kws' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
