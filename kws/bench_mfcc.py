"""The engine's MFCC against those of torchaudio and librosa, on one batch of clips."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from kws import engine
from kws.bench_figures import Figure, Found
from kws.config import FeatureConfig
from kws.errors import ToolError
from kws.frontend_spec import F_MAX_HZ, F_MIN_HZ, N_FFT, N_MELS, SAMPLE_RATE_HZ
from kws.timing import measure, median, ratio
