/* The microphone on the board: an analog one behind AIN3, at 16 kHz by the converter's own
 * timer. */
#include "board.h"
#include "board_pins.h"
#include "nrf52.h"

#define GAIN_4 7u /* against 0.6 V: 150 mV are full scale */
#define RESOLUTION_12_BITS 2u
#define PERIOD 1000u /* of 16 MHz */

static void give_buffer(int16_t *block) { REG(SAADC_BUFFER) = (uint32_t)(uintptr_t)block; }

/* 0 to 4095, or a little below 0 when the noise goes there. */
int16_t microphone_sample(int16_t raw) {
    int32_t value = raw < 0 ? 0 : raw > 4095 ? 4095 : raw;
    return (int16_t)((value - 2048) * 16);
}

void microphone_interrupt(void) {
    if (!REG(SAADC_STARTED)) return;
    REG(SAADC_STARTED) = 0;
    give_buffer(microphone_block_begun());
}

void microphone_start(void) {
    REG(GPIO_SET(PIN_MICROPHONE_POWER)) = BIT(PIN_MICROPHONE_POWER);
    REG(GPIO_CONFIG(PIN_MICROPHONE_POWER)) = GPIO_OUTPUT_STRONG;
    REG(SAADC_INPUT) = MICROPHONE_INPUT;
    REG(SAADC_CONFIG) = SAADC_GAIN(GAIN_4) | SAADC_SETTLE_3_US;
    REG(SAADC_RESOLUTION) = RESOLUTION_12_BITS;
    REG(SAADC_RATE) = SAADC_RATE_TIMER | PERIOD;
    REG(SAADC_COUNT) = BLOCK_SAMPLES;
    give_buffer(microphone_blocks[0]);
    /* A full block starts the next one by itself, so that no sample is missed. */
    REG(PPI_EVENT_0) = SAADC_END;
    REG(PPI_TASK_0) = SAADC_START;
    REG(PPI_ENABLE) = 1;
    REG(SAADC_INTERRUPTS) = SAADC_INTERRUPT_STARTED;
    REG(NVIC_ENABLE(IRQ_SAADC)) = 1u << (IRQ_SAADC % 32u);
    REG(SAADC_ENABLE) = 1;
    REG(SAADC_START) = 1;
    REG(SAADC_SAMPLE) = 1; /* and from now on at its own rate */
}
