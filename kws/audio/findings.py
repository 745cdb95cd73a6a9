"""Sound that is not what it seems: what a recording's samples give away while they are read.

Some of it makes a recording useless, and is an AudioError; the rest is told, and the run goes on.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.audio.bandwidth import Spectrum
from kws.audio.samples import Samples, check_scale
from kws.errors import AudioError
from kws.settings.front_end import SAMPLE_RATE_HZ
from kws.support.notices import Notice

_LOWEST_BIT_16 = 2.0**-15
_QUIET_PEAK = 2.0**-8  # 24 bits that hold 16 at their bottom reach no higher
_TELEPHONE_SHARE = 0.75  # of the wanted rate: a recording below it lacks the consonants
_LEVELS_APART = 10.0**1.2  # 12 dB between two channels
_ALIKE = 0.6  # of the channels' power is left in their average
_CANCELLED = 0.05
_ROOM_NOISE = 64  # int16 steps; one value below that for ever is no sound
_WIDE = frozenset({"PCM_24", "PCM_32", "FLOAT", "DOUBLE"})


class Findings:
    """Looks at the blocks of one recording, and says at its end what is wrong with it.

    kind, text of each Notice: "silent", "level", "channels", "bandwidth".
    """

    def __init__(self, path: Path | str, subtype: str, rate_hz: int, wanted_hz: int) -> None:
        self._path = path
        self._is_wide = subtype in _WIDE
        self._rate_hz, self._wanted_hz = rate_hz, wanted_hz
        self._peak = 0.0
        self._lowest, self._highest = 32767, -32768
        self._channel_power: npt.NDArray[np.float64] | None = None
        self._mean_power = 0.0
        self._spectrum = Spectrum() if wanted_hz == SAMPLE_RATE_HZ else None

    def look_at_file(self, block: npt.NDArray[Any], *, averaged: bool) -> None:
        """Take in a block as it was decoded: (frames, channels), int16 or floats."""
        if block.dtype != np.int16:
            self._peak = max(self._peak, check_scale(block))
        if averaged:
            wide = block.astype(np.float64)
            power = np.einsum("ij,ij->j", wide, wide)
            before = self._channel_power
            self._channel_power = power if before is None else before + power
            self._mean_power += float(np.square(wide.mean(1)).sum())

    def look_at_samples(self, samples: Samples) -> None:
        """Take in a block as it is used: mono int16 at the wanted rate."""
        if len(samples):
            self._lowest = min(self._lowest, int(samples.min()))
            self._highest = max(self._highest, int(samples.max()))
        if self._spectrum is not None:
            self._spectrum.add(samples)

    def close(self) -> list[Notice]:
        """Return what was found; AudioError where the recording cannot be used."""
        if self._is_wide and 0 < self._peak <= _LOWEST_BIT_16:
            raise AudioError(
                f"{self._path} holds nothing above the lowest of 16 bits: its samples seem to lie "
                "at the bottom of wider ones; scale them up (multiply by 65536) and save it again"
            )
        # A recording whose channels cancel each other is silent too: what is wrong is said first.
        notices = self._channels()
        if self._lowest >= self._highest and abs(self._lowest) < _ROOM_NOISE:
            text = (
                f"{self._path} is silent: every sample is {self._lowest}; it counts as silence, "
                "and as a recording of a word it is worth nothing"
            )
            return [*notices, Notice("silent", text)]
        if self._is_wide and self._peak <= _QUIET_PEAK:
            text = (
                f"{self._path} reaches {20 * np.log10(self._peak):.0f} dB of full scale at most: "
                "if that is not how it was recorded, its samples lie at the bottom of wider ones"
            )
            notices.append(Notice("level", text))
        return notices + self._bandwidth()

    def _channels(self) -> list[Notice]:
        power = self._channel_power
        if power is None or not power.any():
            return []
        if self._mean_power < _CANCELLED / len(power) * power.mean():
            raise AudioError(
                f"{self._path} falls silent where its {len(power)} channels are averaged: one side "
                "is inverted; choose a channel (kws listen and evaluate have --channel 0), or save "
                "it with one"
            )
        is_alike = self._mean_power >= _ALIKE * power.mean()
        if is_alike and power.max() <= _LEVELS_APART * power.min():
            return []
        levels = ", ".join(
            "silent" if one == 0 else f"{10 * np.log10(one / power.max()):.0f} dB" for one in power
        )
        text = (
            f"{self._path} has {len(power)} channels that differ much ({levels}), and their "
            "average is used: kws listen and evaluate take one with --channel N, the first is 0; "
            "for training save it alone"
        )
        return [Notice("channels", text)]

    def _bandwidth(self) -> list[Notice]:
        if self._rate_hz < _TELEPHONE_SHARE * self._wanted_hz:
            source_hz, how = self._rate_hz, "it is recorded"
        elif self._spectrum is not None and (found := self._spectrum.source_hz()):
            source_hz, how = found, "it seems made from sound"
        else:
            return []
        text = (
            f"{self._path} holds nothing above {source_hz / 2000:.1f} kHz, since {how} at "
            f"{source_hz} Hz: a model of {self._wanted_hz / 1000:g} kHz may miss what is said in "
            "it; record it at that rate"
        )
        return [Notice("bandwidth", text)]
