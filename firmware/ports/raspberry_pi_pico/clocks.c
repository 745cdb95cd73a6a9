/* 48 MHz for everything, from the 12 MHz crystal through the USB PLL: enough for the engine several
 * times over, and what the ADC asks for. */
#include "board.h"
#include "rp2040.h"

static void leave_reset(uint32_t blocks) {
    CLEAR(RESETS) = blocks;
    while ((REG(RESETS_DONE) & blocks) != blocks) {}
}

static void start_crystal(void) {
    REG(XOSC_STARTUP) = 47; /* 1 ms in units of 256 cycles */
    REG(XOSC_CTRL) = XOSC_ENABLE_1_TO_15_MHZ;
    while (!(REG(XOSC_STATUS) >> 31)) {}
    REG(CLK_REF_CTRL) = 2; /* the crystal */
    while (!(REG(CLK_REF_SELECTED) & (1u << 2))) {}
    REG(WATCHDOG_TICK) = WATCHDOG_TICK_ENABLE | 12; /* 1 MHz */
}

/* 12 MHz * 120 / 6 / 5 = 48 MHz */
static void start_pll(void) {
    leave_reset(RESET_PLL_USB);
    REG(PLL_USB_CS) = 1;
    REG(PLL_USB_FEEDBACK) = 120;
    CLEAR(PLL_USB_POWER) = (1u << 0) | (1u << 5); /* PLL and oscillator on */
    while (!(REG(PLL_USB_CS) >> 31)) {}
    REG(PLL_USB_DIVIDERS) = (6u << 16) | (5u << 12);
    CLEAR(PLL_USB_POWER) = 1u << 3; /* dividers on */
}

void clocks_start(void) {
    start_crystal();
    CLEAR(CLK_SYS_CTRL) = 1; /* off the PLL, should a debugger have left it there */
    while (!(REG(CLK_SYS_SELECTED) & 1)) {}
    start_pll();
    REG(CLK_SYS_CTRL) = 1u << 5; /* auxiliary source: the USB PLL; then switch to it */
    REG(CLK_SYS_CTRL) = (1u << 5) | 1;
    while (!(REG(CLK_SYS_SELECTED) & (1u << 1))) {}
    REG(CLK_PERI_CTRL) = CLK_ENABLE;
    REG(CLK_ADC_CTRL) = CLK_ENABLE;
    leave_reset(RESET_IO_BANK0 | RESET_PADS_BANK0 | RESET_DMA | RESET_ADC | RESET_PIO0 |
                RESET_UART0);
}
