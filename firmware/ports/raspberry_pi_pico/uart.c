/* The line on GP0 (out) and GP1 (in): rings in memory, moved by interrupts. */
#include "board.h"
#include "rp2040.h"

#define SENDING 8192u /* powers of two */
#define RECEIVING 256u
#define PATIENCE 1000000u /* a full ring drains within a second at the slowest rate */

static char sending[SENDING];
static uint8_t receiving[RECEIVING];
static volatile uint32_t sent, written, received, read_out;
static uint32_t next_baud;

/* Called with interrupts off, or by the interrupt. */
static void move_out(void) {
    while (sent != written && !(REG(UART0_FLAGS) & UART_TX_FULL)) {
        REG(UART0_DATA) = (uint8_t)sending[sent % SENDING];
        sent++;
    }
    if (sent != written) SET(UART0_INTERRUPTS) = UART_TX_INTERRUPT;
    else CLEAR(UART0_INTERRUPTS) = UART_TX_INTERRUPT;
}

void uart_interrupt(void) {
    REG(UART0_INTERRUPT_CLEAR) = UART_RX_INTERRUPTS | UART_TX_INTERRUPT;
    while (!(REG(UART0_FLAGS) & UART_RX_EMPTY)) {
        uint8_t byte = (uint8_t)REG(UART0_DATA);
        if (received - read_out < RECEIVING) receiving[received++ % RECEIVING] = byte;
    }
    move_out();
}

static void set_baud(uint32_t bits_per_s) {
    uint32_t divider = (CLOCK_HZ * 4u + bits_per_s / 2) / bits_per_s; /* 6 fractional bits */
    REG(UART0_BAUD_INTEGER) = divider >> 6;
    REG(UART0_BAUD_FRACTION) = divider & 63;
    REG(UART0_LINE) = UART_8_BITS_FIFO; /* takes over the divider too */
}

void uart_start(void) {
    REG(GPIO_CTRL(0)) = GPIO_FUNCTION_UART;
    REG(GPIO_CTRL(1)) = GPIO_FUNCTION_UART;
    REG(UART0_INTERRUPTS) = 0;
    set_baud(115200);
    REG(UART0_CTRL) = UART_ENABLE_TX_RX;
    REG(UART0_INTERRUPTS) = UART_RX_INTERRUPTS;
    REG(NVIC_ENABLE) = 1u << IRQ_UART0;
}

uint32_t uart_room(void) { return SENDING - (written - sent); }

void uart_write(char byte) {
    for (uint32_t i = 0; uart_room() == 0; i++)
        if (i > PATIENCE) return;
    sending[written % SENDING] = byte;
    __asm volatile("cpsid i" ::: "memory");
    written++;
    move_out();
    __asm volatile("cpsie i" ::: "memory");
}

int uart_read(void) {
    if (read_out == received) return -1;
    uint8_t byte = receiving[read_out % RECEIVING];
    read_out++;
    return byte;
}

uint8_t uart_baud(uint32_t bits_per_s) {
    static const uint32_t rates[] = {115200, 230400, 460800, 921600};
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
        if (rates[i] != bits_per_s) continue;
        next_baud = bits_per_s;
        return 1;
    }
    return 0;
}

void uart_apply_baud(void) {
    if (!next_baud) return;
    for (uint32_t i = 0; i < PATIENCE && (sent != written || REG(UART0_FLAGS) & UART_BUSY); i++) {}
    set_baud(next_baud);
    next_baud = 0;
}
