/* Raspberry Pi Pico: microphone in, lines out. */
#include "app.h"
#include "board.h"
#include "layout.h"
#include "rp2040.h"
#include "usb.h"

#define LED_PIN 25u
#define WATCHDOG_US 2000000u /* above the slowest erase of a flash sector, 0.4 s */

void kws_port_led(uint8_t is_on) { REG(is_on ? SIO_OUT_SET : SIO_OUT_CLEAR) = 1u << LED_PIN; }

void kws_port_watchdog(void) {
    REG(WATCHDOG_LOAD) = 2u * WATCHDOG_US; /* it counts each tick twice */
}

static void start_watchdog(void) {
    REG(PSM_WATCHDOG_SELECT) = PSM_ALL_BUT_OSCILLATORS;
    kws_port_watchdog();
    SET(WATCHDOG_CTRL) = WATCHDOG_ENABLE;
}

/* What `kws deploy --microphone i2s` wrote. */
static uint8_t wants_i2s(void) {
    const uint8_t *board = (const uint8_t *)(uintptr_t)(FLASH_START + FLASH_BOARD);
    return board[0] == 'k' && board[1] == 'w' && board[2] == 's' && board[3] == 'b' &&
           board[4] == 1;
}

int main(void) {
    static kws_app app;
    static int16_t samples[BLOCK_SAMPLES];
    uint8_t was_watchdog = REG(WATCHDOG_REASON) != 0;
    clocks_start();
    start_watchdog();
    REG(GPIO_CTRL(LED_PIN)) = GPIO_FUNCTION_SIO;
    REG(SIO_OUTPUT_SET) = 1u << LED_PIN;
    uart_start();
    usb_start();
    kws_app_start(&app, was_watchdog);
    microphone_start(wants_i2s());
    for (;;) {
        uint32_t lost = microphone_wait(samples);
        if (lost) kws_app_lost(&app, lost);
        kws_app_process(&app, samples, BLOCK_SAMPLES);
        uart_apply_baud();
    }
}
