"""Settings: frozen, keyword-only, checked when they are made."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

from kws.settings.checks import check
from kws.settings.front_end import FRONT_ENDS, N_MELS, SAMPLE_RATE_HZ

MAX_MFCC = 32
MAX_HIDDEN = 255  # of the format, and of the engine here; a chip's holds 128 unless told otherwise
MAX_CLASSES = 40
LOGIT_ONE = 1024  # logits and scores are log-odds with 10 fractional bits
WAKE_WORD_BYTES = 1_024
COMMANDS_BYTES = 5_632


@dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """The front end that a model asks for.

    sample_rate_hz 16000, or 8000 for the smallest chips; hop_length in its samples, 10 or 20 ms.
    n_mfcc cepstral coefficients (1 to 32), or with n_mfcc=0 the n_mels log-mel bands themselves.
    At 16 kHz n_mels may be 32, for which a chip's engine is compiled with KWS_WITH_32_MELS.
    energy "absolute" leaves them as they are; "delta" subtracts the previous frame's level (from
    coefficient 0, or from every band), after which a change of gain changes nothing.
    """

    sample_rate_hz: int = SAMPLE_RATE_HZ
    hop_length: int = 320
    n_mels: int = N_MELS
    n_mfcc: int = 16
    energy: str = "absolute"

    ENERGIES: ClassVar[tuple[str, ...]] = ("absolute", "delta")

    def __post_init__(self) -> None:
        rate_hz = self.sample_rate_hz
        check(
            rate_hz in FRONT_ENDS,
            f"sample_rate_hz is {rate_hz}; the engine has {' or '.join(map(str, FRONT_ENDS))}.",
        )
        has = FRONT_ENDS[rate_hz]
        check(
            self.hop_length in has.hop_lengths,
            f"hop_length is {self.hop_length} samples; at {rate_hz} Hz the engine has "
            f"{' or '.join(map(str, has.hop_lengths))}.",
        )
        check(
            self.n_mels in has.mel_counts,
            f"n_mels is {self.n_mels}; at {rate_hz} Hz the engine has "
            f"{' or '.join(map(str, has.mel_counts))} bands.",
        )
        most = min(MAX_MFCC, self.n_mels)
        check(
            0 <= self.n_mfcc <= most,
            f"n_mfcc is {self.n_mfcc}; choose 1 to {most}, or 0 for log-mel bands.",
        )
        check(
            self.energy in self.ENERGIES,
            f"energy is {self.energy!r}; choose one of {', '.join(self.ENERGIES)}.",
        )

    @property
    def n_features(self) -> int:
        """Numbers in a frame."""
        return self.n_mfcc or self.n_mels

    @property
    def hop_ms(self) -> int:
        """The hop in milliseconds."""
        return self.hop_length * 1000 // self.sample_rate_hz

    @property
    def frame_length(self) -> int:
        """Samples of the analysis window, 32 ms."""
        return FRONT_ENDS[self.sample_rate_hz].n_fft


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """How scores become detections.

    threshold and release are posteriors in (0, 1): a word fires at or above `threshold` and is
    armed again below `release`. smoothing_shift k averages exponentially with weight 2^-k.
    """

    threshold: float = 0.8
    release: float = 0.5
    smoothing_shift: int = 2
    refractory_frames: int = 50

    def __post_init__(self) -> None:
        for name in ("threshold", "release"):
            value = getattr(self, name)
            check(0.0 < value < 1.0, f"{name} is {value}; it is a posterior, above 0 and below 1.")
        check(
            self.release <= self.threshold,
            f"release {self.release} is above threshold {self.threshold}; lower it.",
        )
        check(
            0 <= self.smoothing_shift <= 7,
            f"smoothing_shift is {self.smoothing_shift}; choose 0 to 7.",
        )
        check(
            0 <= self.refractory_frames <= 255,
            f"refractory_frames is {self.refractory_frames}; choose 0 to 255.",
        )


def log_odds_q10(posterior: float, name: str = "The threshold") -> int:
    """Return a posterior as the engine's log-odds with 10 fractional bits, saturated to int16."""
    is_number = isinstance(posterior, Real)
    given = f"{posterior:g}" if is_number else repr(posterior)
    check(
        is_number and 0.0 < posterior < 1.0,
        f"{name} is {given}; choose a posterior above 0 and below 1, such as 0.9.",
    )
    return max(-32768, min(32767, round(math.log(posterior / (1.0 - posterior)) * LOGIT_ONE)))


def posterior(log_odds: float) -> float:
    """Return the posterior of log-odds, unrounded."""
    return 1.0 / (1.0 + math.exp(-log_odds))


def posterior_of(score_q10: int) -> float:
    """Return the posterior of a log-odds score with 10 fractional bits."""
    return posterior(score_q10 / LOGIT_ONE)
