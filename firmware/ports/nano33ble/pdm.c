/* The microphone on the board: 1.28 MHz pulse density, filtered by the PDM peripheral to 16 kHz. */
#include "board.h"
#include "board_pins.h"
#include "nrf52.h"

#define GAIN_10_DB 0x3cu /* in half decibels above 0x28, which is 0 dB: speech is quiet here */

static void give_buffer(int16_t *block) { REG(PDM_BUFFER) = (uint32_t)(uintptr_t)block; }

int16_t microphone_sample(int16_t raw) { return raw; }

void microphone_interrupt(void) {
    if (!REG(PDM_STARTED)) return;
    REG(PDM_STARTED) = 0;
    give_buffer(microphone_block_begun());
}

void microphone_start(void) {
    REG(GPIO_SET(PIN_MICROPHONE_POWER)) = BIT(PIN_MICROPHONE_POWER);
    REG(GPIO_CONFIG(PIN_MICROPHONE_POWER)) = GPIO_OUTPUT_STRONG;
    REG(GPIO_CLEAR(PIN_MICROPHONE_CLOCK)) = BIT(PIN_MICROPHONE_CLOCK);
    REG(GPIO_CONFIG(PIN_MICROPHONE_CLOCK)) = GPIO_OUTPUT;
    REG(GPIO_CONFIG(PIN_MICROPHONE_DATA)) = GPIO_INPUT_PULL_DOWN;
    REG(PDM_PIN_CLOCK) = PIN_MICROPHONE_CLOCK;
    REG(PDM_PIN_DATA) = PIN_MICROPHONE_DATA;
    REG(PDM_CLOCK) = PDM_CLOCK_1280_KHZ;
    REG(PDM_RATIO) = PDM_RATIO_80;
    REG(PDM_MODE) = PDM_MODE_MONO;
    REG(PDM_GAIN_LEFT) = GAIN_10_DB;
    REG(PDM_GAIN_RIGHT) = GAIN_10_DB;
    REG(PDM_COUNT) = BLOCK_SAMPLES;
    give_buffer(microphone_blocks[0]);
    REG(PDM_INTERRUPTS) = PDM_INTERRUPT_STARTED;
    REG(NVIC_ENABLE(IRQ_PDM)) = 1u << (IRQ_PDM % 32u);
    REG(PDM_ENABLE) = 1;
    REG(PDM_START) = 1;
}
