"""kws: wake words in one kilobyte, bit for bit the same on a laptop and on a microcontroller."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kws.config import FeatureConfig
    from kws.engine import Detection, Spotter, features, trace
    from kws.errors import KwsError

__version__ = "0.1.0"
__all__ = ["Detection", "FeatureConfig", "KwsError", "Spotter", "features", "trace"]

_HOMES = {
    "Detection": "kws.engine",
    "FeatureConfig": "kws.config",
    "KwsError": "kws.errors",
    "Spotter": "kws.engine",
    "features": "kws.engine",
    "trace": "kws.engine",
}


def __getattr__(name: str) -> Any:
    # On first use: `kws doctor` must run, and say so, where the engine could not be built.
    if name not in _HOMES:
        raise AttributeError(f"module 'kws' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
