"""How command words are trained where no recipe says otherwise, by the size of the model.

EXPERIMENTS.md has the measurements behind each of these.
"""

from collections.abc import Sequence

from kws.augment import AugmentConfig
from kws.compress import CompressionConfig
from kws.recipe import DistillationConfig, ScheduleConfig

# Up to here Muon is better than AdamW alone by 1 to 2 points; a network of 123 units it spoils.
SMALL_BYTES = 2048
VERSIONS = 64
# A network of a kilobyte that is taught loses more in rounding than is allowed.
UNTAUGHT_BYTES, TEACHERS = 1536, 4
# The network that ships to teach, under models/, and what it knows.
TEACHER = "commands_teacher"
TAUGHT_WORDS = ("yes", "no", "up", "down", "left", "right", "stop", "go")
# With noise in four clips of five, noise is what few weights learn: half of it is worth 1.4 points
# of clean clips at 1 KB, and costs half a point at 10 dB.
AUGMENT = AugmentConfig(noise_probability=0.4)


def schedule_for(max_bytes: int) -> ScheduleConfig:
    """Return the schedule for command words, by the size of the model."""
    if max_bytes <= SMALL_BYTES:
        return ScheduleConfig(
            float_epochs=300,
            quantized_epochs=200,
            muon_learning_rate=0.02,
            quantized_muon_learning_rate=0.006,
            quantized_annealing="cosine-cubed",
            versions=VERSIONS,
        )
    return ScheduleConfig(
        float_epochs=300,
        quantized_epochs=150,
        quantized_learning_rate=6e-3,
        versions=VERSIONS,
    )


def compression_for(max_bytes: int) -> CompressionConfig:
    """Return how matrices are stored: few units must be kept from remembering for minutes."""
    limit = 3.125 if max_bytes <= SMALL_BYTES else CompressionConfig().gate_bias_limit
    return CompressionConfig(gate_bias_limit=limit)


def teachers_for(
    max_bytes: int, words: Sequence[str], teachers: int | None = None
) -> DistillationConfig:
    """Return who teaches command words, by the size of the model.

    That is the network that ships, if it knows all the words, else FastGRNNs; `teachers`: so many
    FastGRNNs instead. Half as many DS-CNNs join them.
    """
    if teachers is None:
        if max_bytes <= UNTAUGHT_BYTES:
            teachers = 0
        elif words and set(words) <= set(TAUGHT_WORDS):
            share = 1.0 if max_bytes > SMALL_BYTES else DistillationConfig().share
            return DistillationConfig(networks=(TEACHER,), share=share)
        else:
            teachers = TEACHERS
    return DistillationConfig(teachers=teachers, convolutional=teachers // 2)
