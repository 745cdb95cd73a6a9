"""How strongly training clips are varied."""

import math
from dataclasses import dataclass, fields

from kws.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How strongly training clips are varied; a (low, high) pair is a range drawn from evenly.

    `shift_ms` is the largest shift either way.  `snr_db` is measured against the clip's active
    speech level (`active_rms`).  A `speed` of 1.1 is a tenth faster.  `reverb_s` is the time the
    room needs to decay by 60 dB, `direct_to_reverb_db` how much louder a talker's own sound is than
    all echoes: 12 at arm's length, -14 at 3 m in a hard room.  Probabilities are per clip; shift,
    speed and gain always apply.
    A microphone's own colour: `equalizer_db` is how far its gain strays over frequency (a standard
    deviation), `floor_snr_db` how far below the speech its steady noise lies, of any colour, and
    `band_probability` the share of clips whose band ends short of the sound's.
    `splice_probability` is the share of a wake word's windows that another background opens or
    ends: digital silence, or faint noise.
    `sample_bits` below 16 rounds to what a board's converter tells apart.
    """

    shift_ms: float = 100.0
    gain_db: tuple[float, float] = (-10.0, 6.0)
    noise_probability: float = 0.8
    snr_db: tuple[float, float] = (0.0, 30.0)
    speed: tuple[float, float] = (0.9, 1.1)
    reverb_probability: float = 0.0
    reverb_s: tuple[float, float] = (0.1, 0.4)
    direct_to_reverb_db: tuple[float, float] = (0.0, 12.0)
    equalizer_db: float = 0.0
    floor_probability: float = 0.0
    floor_snr_db: tuple[float, float] = (5.0, 35.0)
    band_probability: float = 0.0
    splice_probability: float = 0.0
    sample_bits: int = 16

    def __post_init__(self) -> None:
        for name in (each.name for each in fields(self) if isinstance(each.default, tuple)):
            low, high = getattr(self, name)
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise ConfigError(f"{name} is ({low}, {high}): give a lower and then a higher end")
        for name in (each.name for each in fields(self) if each.name.endswith("_probability")):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} is {getattr(self, name)}: give a value from 0 to 1")
        if not (math.isfinite(self.shift_ms) and self.shift_ms >= 0.0):
            raise ConfigError(f"shift_ms is {self.shift_ms}: give 0 or more milliseconds")
        if not 0.0 <= self.equalizer_db <= 20.0:
            raise ConfigError(f"equalizer_db is {self.equalizer_db}: give 0 to 20 decibels")
        if self.speed[0] < 0.5 or self.speed[1] > 2.0:
            raise ConfigError(f"speed is {self.speed}: keep it within 0.5 and 2.0")
        if self.reverb_s[0] <= 0.0 or self.reverb_s[1] > 5.0:
            raise ConfigError(f"reverb_s is {self.reverb_s}: keep it above 0 and at most 5 seconds")
        if not 8 <= self.sample_bits <= 16:
            raise ConfigError(f"sample_bits is {self.sample_bits}: give 8 to 16")
