"""What the project's pictures share: size, colours, and how a file comes about.

The colours are Okabe and Ito's, which people with any colour vision tell apart; what they tell is
also told by line style or label.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.errors import ToolError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.files import replacing
from kws.support.notices import Notice, tell

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9",
)  # fmt: skip
SERIES = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
DASHES = ("-", "--", "-.", ":")
INK, FAINT = "#333333", "#BBBBBB"
WIDTH_INCHES, DOTS_PER_INCH = 8.0, 150
ENVELOPE_COLUMNS = 2000
STYLE: dict[Any, Any] = {
    "font.size": 11.0,
    "axes.titlesize": 12.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#E4E4E4",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "text.parse_math": False,  # a word may hold a dollar
}


def require_plots() -> None:
    """Raise ToolError, with the command that installs it, where matplotlib is missing."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ToolError(f"Plots need more packages ({error}): pip install 'kws[train]'.") from error


@contextmanager
def figure_saved(path: Path | str, height: float, width: float = WIDTH_INCHES) -> Iterator[Any]:
    """Give a figure (inches) to draw on, in our style, and save it whole as PNG at the end.

    ToolError where matplotlib is missing, KwsError where the file cannot be written.
    """
    require_plots()
    import matplotlib
    from matplotlib.figure import Figure

    # Figure without pyplot: no window system, and no global list of figures to keep in memory.
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
        yield figure
        with replacing(path) as stream, _boxes_told(path):
            # Without the version in it the same data give the same bytes.
            figure.savefig(stream, format="png", bbox_inches="tight", metadata={"Software": None})


@contextmanager
def _boxes_told(path: Path | str) -> Iterator[None]:
    """Say in one sentence what matplotlib warns of for each letter that its font lacks."""
    with warnings.catch_warnings(record=True) as found:
        warnings.filterwarnings("always", "Glyph .* missing")
        yield
    others = [one for one in found if not str(one.message).startswith("Glyph ")]
    for one in others:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if len(others) < len(found):
        text = f"{path} shows boxes for letters that its font, DejaVu Sans, does not have"
        tell(Notice("letters", text))


def draw_waveform(axis: Any, samples: npt.NDArray[np.int16]) -> None:
    """Draw int16 samples at 16 kHz as the band between their extremes, over seconds."""
    columns = max(1, min(ENVELOPE_COLUMNS, len(samples)))
    starts = np.linspace(0, len(samples), columns, endpoint=False).astype(np.int64)
    if len(samples):
        # Millions of samples, some thousand columns: the extremes are what a line would cover.
        highest = np.maximum.reduceat(samples, starts) / 32768.0
        lowest = np.minimum.reduceat(samples, starts) / 32768.0
        axis.fill_between(starts / SAMPLE_RATE_HZ, lowest, highest, color="#777777", linewidth=0.6)
    peak = max(0.01, float(np.abs(samples.astype(np.float64)).max(initial=0.0)) / 32768.0)
    axis.set_ylim(-1.1 * peak, 1.1 * peak)
    axis.set_ylabel("waveform")
