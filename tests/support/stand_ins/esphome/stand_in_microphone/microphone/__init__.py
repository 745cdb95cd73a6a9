"""A microphone of this machine, for ESPHome: samples come from stdin, as int16."""

from typing import Any

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import audio, microphone
from esphome.const import CONF_ID

CONF_BLOCK_SAMPLES = "block_samples"
CONF_WAIT_SAMPLES = "wait_samples"
CONF_SAMPLE_RATE = "sample_rate"

StandIn = cg.esphome_ns.namespace("stand_in").class_(
    "StandInMicrophone", microphone.Microphone, cg.Component
)


def with_limits(config: dict[str, Any]) -> dict[str, Any]:
    audio.set_stream_limits(
        min_bits_per_sample=16,
        max_bits_per_sample=16,
        min_channels=1,
        max_channels=1,
        min_sample_rate=config[CONF_SAMPLE_RATE],
        max_sample_rate=config[CONF_SAMPLE_RATE],
    )(config)
    return config


CONFIG_SCHEMA = cv.All(
    microphone.MICROPHONE_SCHEMA.extend(
        {
            cv.GenerateID(): cv.declare_id(StandIn),
            cv.Optional(CONF_SAMPLE_RATE, default=16000): cv.int_,
            cv.Optional(CONF_BLOCK_SAMPLES, default=256): cv.int_,
            cv.Optional(CONF_WAIT_SAMPLES, default=48000): cv.int_,
        }
    ).extend(cv.COMPONENT_SCHEMA),
    with_limits,
)


async def to_code(config: dict[str, Any]) -> None:
    settings = (CONF_SAMPLE_RATE, CONF_BLOCK_SAMPLES, CONF_WAIT_SAMPLES)
    var = cg.new_Pvariable(config[CONF_ID], *(config[name] for name in settings))
    await cg.register_component(var, config)
    await microphone.register_microphone(var, config)
