"""kws: wake words in one kilobyte, bit for bit the same on a laptop and on a microcontroller."""

from kws.config import FeatureConfig
from kws.engine import Detection, Spotter, features, trace
from kws.errors import KwsError

__version__ = "0.1.0"
__all__ = ["Detection", "FeatureConfig", "KwsError", "Spotter", "features", "trace"]
