"""Under what conditions recordings are played: noise, a room, another level."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kws.audio.files import read_audio
from kws.audio.level import active_rms
from kws.audio.samples import Samples, convolved, rounded
from kws.corpus.decoded import read_streams
from kws.errors import ConfigError
from kws.settings.front_end import SAMPLE_RATE_HZ

QUIETEST_DB, LOUDEST_DB = -60.0, 60.0


class Conditions:
    """What is done to the recordings of an evaluation, in the order of the physical world.

    A phrase is said in a room, noise joins it, and the microphone's gain scales all that is
    played. noise and snr_db: recordings of which every phrase gets a crop at that ratio. room: a
    recording of an impulse response, by which a phrase sounds as from where it was measured, as
    loud as before. gain_db: of phrases and other sound alike.
    """

    def __init__(
        self,
        noise: Sequence[Path] = (),
        snr_db: float | None = None,
        room: Path | None = None,
        gain_db: float = 0.0,
        *,
        sample_rate_hz: int = SAMPLE_RATE_HZ,
    ) -> None:
        """ConfigError for noise without a ratio, a ratio without noise, or one out of bounds.

        And for noise or a room that is silent; what is odd about the room's recording is told.
        """
        if (snr_db is None) != (len(noise) == 0):
            raise ConfigError(
                "noise folders and a signal-to-noise ratio need each other: "
                "give --noise and --snr-db together"
            )
        for what, value_db in (("gain", gain_db), ("signal-to-noise ratio", snr_db or 0.0)):
            if not QUIETEST_DB <= value_db <= LOUDEST_DB:
                asked = f"give {QUIETEST_DB:g} to {LOUDEST_DB:g}"
                raise ConfigError(f"the {what} is {value_db:g} dB: {asked}")
        self._rate_hz, self._snr_db = sample_rate_hz, snr_db
        self._gain = 10.0 ** (gain_db / 20.0)
        self._noises: list[Samples] = []
        if snr_db is not None:
            self._noises = read_streams(noise, sample_rate_hz=sample_rate_hz, unread={})
        if snr_db is not None and not any(one.any() for one in self._noises):
            raise ConfigError(
                f"{noise[0]} holds nothing but silence: give noise to be mixed at {snr_db:g} dB"
            )
        self._room = None if room is None else read_audio(room, sample_rate_hz)
        if self._room is not None and not self._room.any():
            raise ConfigError(f"{room} is silent: give the recording of a room's impulse response")

    def of_phrase(self, samples: Samples, rng: np.random.Generator) -> Samples:
        """Return a phrase (samples,) int16 as it is heard; the room may make it longer."""
        from kws.corpus.augment import mix

        if self._room is not None:
            samples = _in_room(samples, self._room, self._rate_hz)
        if self._snr_db is not None:
            noise = self._noises[int(rng.integers(len(self._noises)))]
            samples = mix(samples, noise, self._snr_db, rng, sample_rate_hz=self._rate_hz)
        return self.of_sound(samples)

    def of_sound(self, samples: Samples) -> Samples:
        """Return other sound (samples,) int16 as it is heard."""
        return samples if self._gain == 1.0 else rounded(samples * self._gain)


def _in_room(samples: Samples, response: Samples, rate_hz: int) -> Samples:
    """Convolve, from the direct sound on, and keep the level of the speech."""
    first = int(np.argmax(np.abs(response.astype(np.int32))))
    tail = response[first:].astype(np.float64)
    heard = convolved(samples, tail)
    before, after = active_rms(samples, rate_hz), active_rms(heard.astype(np.float32), rate_hz)
    return rounded(heard * (before / after if after else 0.0))
