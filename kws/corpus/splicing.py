"""Recordings that begin and end within a stream: another background before and behind them.

A synthesiser's clip lies between digital zeros, a microphone that gates opens with the voice, and
a recording that is played after another brings its own noise. Where every window has one background
from its first sample to its last, a network takes such an edge for a part of the phrase.
"""

import numpy as np

from kws.audio.samples import FloatArray

MARGIN_S = (0.0, 0.4)  # of the recording's own background, kept on either side of what counts
ZEROS = 0.3  # share of the backgrounds that are digital silence
FAINT_RMS = (1.0, 60.0)  # int16 steps, of the others: -90 to -55 dBFS

Span = tuple[int, int]  # the first sample that counts, and the one behind the last


def splice(samples: FloatArray, span: Span, sample_rate_hz: int, rng: np.random.Generator) -> None:
    """Put another background before and behind `span`, on one side or on both, in place.

    samples: (n,) float32 in int16 steps.
    """
    side = rng.integers(3)  # before, behind, both
    margins = rng.uniform(*MARGIN_S, 2) * sample_rate_hz
    first = max(0, round(span[0] - margins[0]))
    last = max(0, round(span[1] + margins[1]))
    for is_there, part in ((side != 1, samples[:first]), (side != 0, samples[last:])):
        rms = 0.0 if rng.random() < ZEROS else np.exp(rng.uniform(*np.log(FAINT_RMS)))
        if is_there:
            part[:] = np.float32(rms) * rng.standard_normal(part.size, np.float32)
