"""How command words are trained where no recipe says otherwise, by the size of the model.

docs/experiments has the measurements behind each of these.
"""

from collections.abc import Sequence

from kws.settings.augment import AugmentConfig
from kws.settings.compression import CompressionConfig
from kws.settings.schedule import DistillationConfig, ScheduleConfig

# Up to here a network is too small to do as its teacher does, and hears the labels, too.
SMALL_BYTES = 2048
VERSIONS = 64
# Teachers that must be trained first take four times as long as a network of a kilobyte itself.
UNTAUGHT_BYTES, TEACHERS = 1536, 4
# The network that ships to teach, under models/, and what it knows.
TEACHER = "commands_teacher"
TAUGHT_WORDS = ("yes", "no", "up", "down", "left", "right", "stop", "go")
# With noise in four clips of five, noise is what few weights learn: half of it is worth 1.4 points
# of clean clips at 1 KB, and costs half a point at 10 dB.
AUGMENT = AugmentConfig(noise_probability=0.4)


def schedule_for(max_bytes: int) -> ScheduleConfig:
    """Return the schedule for command words, by the size of the model.

    As integers a network goes on learning for as long as in float, and loses nothing in the end.
    """
    small = max_bytes <= SMALL_BYTES
    return ScheduleConfig(
        float_epochs=150 if small else 200,
        quantized_epochs=350 if small else 250,
        optimizer="soap",
        learning_rate=0.01 if small else 0.006,
        quantized_learning_rate=0.006 if small else 0.004,
        quantized_annealing="cosine-cubed",
        weight_decay=0.01 if small else 0.05,
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
        if words and set(words) <= set(TAUGHT_WORDS):
            if max_bytes <= SMALL_BYTES:  # no room for what the teacher thinks less likely
                return DistillationConfig(networks=(TEACHER,), share=0.5, temperature=1.0)
            return DistillationConfig(networks=(TEACHER,), share=1.0)
        teachers = TEACHERS if max_bytes > UNTAUGHT_BYTES else 0
    return DistillationConfig(teachers=teachers, convolutional=teachers // 2)
