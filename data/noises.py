"""Noises that are computed, not recorded: steady, tonal, clicking and musical ones, and babble.

Each generator takes a random generator and a number of samples, and returns float64 (samples,).
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from kws.settings.front_end import SAMPLE_RATE_HZ

Sound = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, int], Sound]


def coloured(rng: np.random.Generator, samples: int, slope: float) -> Sound:
    """Noise whose amplitude falls with frequency to the power `slope` (pink 0.5, brown 1)."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ), 30.0)
    return np.fft.irfft(spectrum * frequency**-slope, samples)


def pink(rng: np.random.Generator, samples: int) -> Sound:
    """Equal energy in every octave."""
    return coloured(rng, samples, 0.5)


def rumble(rng: np.random.Generator, samples: int) -> Sound:
    """A car or a train from inside: brown noise that swells and ebbs."""
    swell = 1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * _seconds(samples))
    return coloured(rng, samples, 1.0) * swell


def rain(rng: np.random.Generator, samples: int) -> Sound:
    """Nearly white noise with many soft drops."""
    drops = rng.standard_normal(samples) * (rng.random(samples) < 0.003)
    drop = np.exp(-np.arange(200) / 40) * np.sin(np.arange(200) * rng.uniform(0.6, 1.2))
    steady = coloured(rng, samples, 0.15)
    dropping: Sound = steady / steady.std() + 4 * np.convolve(drops, drop)[:samples]
    return dropping


def hum(rng: np.random.Generator, samples: int) -> Sound:
    """Mains hum, 50 or 60 Hz with its harmonics."""
    base_hz = rng.choice([50.0, 60.0])
    phases = rng.uniform(0, 2 * np.pi, 12)
    time = _seconds(samples)
    tones = [
        np.sin(2 * np.pi * base_hz * n * time + phase) / n
        for n, phase in enumerate(phases, start=1)
    ]
    humming: Sound = np.sum(tones, axis=0) + 0.05 * rng.standard_normal(samples)
    return humming


def fan(rng: np.random.Generator, samples: int) -> Sound:
    """Moving air, chopped by blades, and a whining motor."""
    time = _seconds(samples)
    blades_hz, motor_hz = rng.uniform(15, 40), rng.uniform(150, 600)
    air = coloured(rng, samples, 0.7)
    air *= (1 + 0.4 * np.sin(2 * np.pi * blades_hz * time)) / air.std()
    return air + 0.3 * np.sin(2 * np.pi * motor_hz * time)


def clicks(rng: np.random.Generator, samples: int) -> Sound:
    """Typing: short resonant knocks at uneven times."""
    sound = 0.01 * rng.standard_normal(samples)
    at = 0
    while True:
        at += int(SAMPLE_RATE_HZ * rng.gamma(3.0, 0.06))
        if at + 800 > samples:
            return sound
        time = np.arange(800) / SAMPLE_RATE_HZ
        ring = np.sin(2 * np.pi * rng.uniform(600, 4000) * time) + rng.standard_normal(800)
        sound[at : at + 800] += rng.uniform(0.3, 1) * ring * np.exp(-time * 250)


def melody(rng: np.random.Generator, samples: int) -> Sound:
    """Plucked notes and chords of a pentatonic scale, with overtones."""
    sound = np.zeros(samples)
    scale = 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16, 19]) / 12)
    root_hz, beat = rng.uniform(110, 330), int(SAMPLE_RATE_HZ * rng.uniform(0.18, 0.4))
    for start in range(0, samples, beat):
        time = np.arange(min(4 * beat, samples - start)) / SAMPLE_RATE_HZ
        for step in rng.choice(scale, rng.integers(1, 4), replace=False):
            note_hz = root_hz * step
            tones = [np.sin(2 * np.pi * note_hz * n * time) / n**1.5 for n in range(1, 6)]
            sound[start : start + len(time)] += np.sum(tones, axis=0) * np.exp(-3 * time)
    return sound


def sweeps(rng: np.random.Generator, samples: int) -> Sound:
    """A siren: a tone that glides up and down in the range of the voice's formants."""
    time = _seconds(samples)
    centre_hz, rate_hz = rng.uniform(500, 1500), rng.uniform(0.2, 1.5)
    pitch_hz = centre_hz * (1 + 0.4 * np.sin(2 * np.pi * rate_hz * time))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    return np.sin(phase) + 0.3 * np.sin(2 * phase) + 0.05 * rng.standard_normal(samples)


def babble(
    rng: np.random.Generator, samples: int, speech: Sequence[npt.NDArray[np.int16]]
) -> Sound:
    """Six people talking at once; `speech` are recordings, int16, of single speakers."""
    crowd = np.zeros(samples)
    for _ in range(6):
        talk: list[Sound] = []
        while sum(map(len, talk)) < 2 * samples:
            talk.append(_levelled(speech[int(rng.integers(len(speech)))].astype(np.float64)))
        crowd += np.concatenate(talk)[rng.integers(samples) :][:samples] * rng.uniform(0.4, 1)
    return crowd


def to_clip(sound: Sound, peak: float) -> npt.NDArray[np.int16]:
    """Scale to a peak, as a fraction of full scale, with 10 ms fades: int16 (samples,)."""
    faded = sound - sound.mean()
    ramp = np.linspace(0, 1, SAMPLE_RATE_HZ // 100)
    faded[: len(ramp)] *= ramp
    faded[-len(ramp) :] *= ramp[::-1]
    scaled: npt.NDArray[np.int16]
    scaled = np.rint(faded * (32767 * peak / np.abs(faded).max())).astype(np.int16)
    return scaled


GENERATORS: dict[str, Noise] = {
    "pink": pink,
    "rumble": rumble,
    "rain": rain,
    "hum": hum,
    "fan": fan,
    "clicks": clicks,
    "melody": melody,
    "sweeps": sweeps,
}


def _seconds(samples: int) -> Sound:
    return np.arange(samples) / SAMPLE_RATE_HZ


def _levelled(sound: Sound) -> Sound:
    return sound / max(float(np.sqrt(np.mean(sound**2))), 1.0)
