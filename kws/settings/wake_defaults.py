"""How a wake word is trained unless a recipe says otherwise (docs/experiments/wake-words.md)."""

from kws.settings.augment import AugmentConfig
from kws.settings.checks import check
from kws.settings.front_end import FRONT_ENDS, SAMPLE_RATE_HZ
from kws.settings.model import FeatureConfig
from kws.settings.schedule import DistillationConfig, ScheduleConfig

WAKE_AUGMENT = AugmentConfig(
    shift_ms=50.0,
    gain_db=(-26.0, 12.0),
    speed=(0.85, 1.15),
    reverb_probability=0.5,
    reverb_s=(0.15, 0.8),
    direct_to_reverb_db=(-14.0, 10.0),
    equalizer_db=4.0,
    floor_probability=0.5,
    band_probability=0.2,
    splice_probability=0.3,
)
WAKE_SCHEDULE = ScheduleConfig(
    float_epochs=150,
    quantized_epochs=100,
    optimizer="soap",
    learning_rate=0.01,
    quantized_learning_rate=0.006,
    quantized_annealing="cosine-cubed",
    averaging=0.999,
    settling=0.1,
    weight_decay=0.01,
    versions=16,
)
WAKE_TEACHERS = DistillationConfig(
    teachers=4,
    hidden=96,
    rank_w=10,
    rank_u=24,
    epochs=72,
    dropout=0.2,
    masked_frames=15,
    masked_bands=4,
    share=0.7,
)
POSITIVE_WINDOWS, NEGATIVE_WINDOWS = 2000, 5000  # of a copy
FLUENT_SHARE = 0.4  # of the windows of other speech: word on word, without pauses
SHUFFLED_SHARE = 0.6  # of the windows of other speech: in pieces, in any order


def wake_features(sample_rate_hz: int = SAMPLE_RATE_HZ) -> FeatureConfig:
    """The front end of a wake word at this rate: a frame each 20 ms, 16 coefficients."""
    check(
        sample_rate_hz in FRONT_ENDS,
        f"The sample rate is {sample_rate_hz} Hz; give {' or '.join(map(str, FRONT_ENDS))}.",
    )
    return FeatureConfig(
        sample_rate_hz=sample_rate_hz,
        hop_length=sample_rate_hz // 50,
        n_mels=FRONT_ENDS[sample_rate_hz].n_mels,
        energy="delta",
    )
