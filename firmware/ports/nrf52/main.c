/* The nRF52 boards: microphone in, lines out. */
#include "app.h"
#include "board.h"
#include "board_pins.h"
#include "nrf52.h"

#define WATCHDOG_S 2u

void kws_port_led(uint8_t is_on) {
    REG(is_on ? GPIO_SET(PIN_LED) : GPIO_CLEAR(PIN_LED)) = BIT(PIN_LED);
}

void kws_port_watchdog(void) { REG(WATCHDOG_RELOAD) = WATCHDOG_WORD; }

static void start_watchdog(void) {
    REG(WATCHDOG_CONFIG) = WATCHDOG_RUNS_IN_SLEEP;
    REG(WATCHDOG_COUNT) = WATCHDOG_S * 32768u;
    REG(WATCHDOG_REQUESTS) = 1;
    REG(WATCHDOG_START) = 1;
}

/* The crystal: it gives the microphone and the line their rates. */
static void start_crystal(void) {
    REG(CLOCK_HF_STARTED) = 0;
    REG(CLOCK_HF_START) = 1;
    while (!REG(CLOCK_HF_STARTED)) {}
}

int main(void) {
    static kws_app app;
    static int16_t samples[BLOCK_SAMPLES];
    uint8_t was_watchdog = (REG(POWER_RESET_REASON) & RESET_BY_WATCHDOG) != 0;
    REG(POWER_RESET_REASON) = 0xffffffff; /* ones clear */
    REG(NVMC_CACHE) = 1;
    start_watchdog();
    start_crystal();
    REG(GPIO_CONFIG(PIN_LED)) = GPIO_OUTPUT;
    board_pins_start();
    uart_start();
    kws_app_start(&app, was_watchdog);
    microphone_start();
    for (;;) {
        uint32_t lost = microphone_wait(samples);
        if (lost) kws_app_lost(&app, lost);
        kws_app_process(&app, samples, BLOCK_SAMPLES);
        uart_apply_baud();
    }
}
