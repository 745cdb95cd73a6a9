/* The line: rings in memory, moved by interrupts. */
#include "app.h"
#include "board.h"
#include "board_pins.h"
#include "nrf52.h"

#define SENDING 8192u /* powers of two */
#define RECEIVING 256u
#define PATIENCE 4000000u

static char sending[SENDING];
static uint8_t receiving[RECEIVING];
static volatile uint32_t sent, written, received, read_out;
static volatile uint8_t is_sending;
static uint32_t next_rate;

/* Called with interrupts off, or by the interrupt. */
static void send_next(void) {
    is_sending = sent != written;
    if (!is_sending) return;
    REG(UART_TX) = (uint8_t)sending[sent % SENDING];
    sent++;
}

void uart_interrupt(void) {
    while (REG(UART_RX_READY)) {
        REG(UART_RX_READY) = 0;
        uint8_t byte = (uint8_t)REG(UART_RX);
        if (received - read_out < RECEIVING) receiving[received++ % RECEIVING] = byte;
    }
    if (REG(UART_ERROR)) { /* a break, or noise: the application deals with what came of it */
        REG(UART_ERROR) = 0;
        REG(UART_ERROR_SOURCE) = REG(UART_ERROR_SOURCE);
    }
    if (REG(UART_TX_READY)) {
        REG(UART_TX_READY) = 0;
        send_next();
    }
}

void uart_start(void) {
    REG(GPIO_SET(PIN_UART_TX)) = BIT(PIN_UART_TX); /* the line rests high */
    REG(GPIO_CONFIG(PIN_UART_TX)) = GPIO_OUTPUT;
    REG(GPIO_CONFIG(PIN_UART_RX)) = GPIO_INPUT_PULL_UP;
    REG(UART_PIN_TX) = PIN_UART_TX;
    REG(UART_PIN_RX) = PIN_UART_RX;
    REG(UART_CONFIG) = 0;        /* no parity, no flow control */
    REG(UART_BAUD) = 0x01d7e000; /* 115200 */
    REG(UART_ENABLE) = 4;
    REG(UART_INTERRUPTS) = UART_INTERRUPT_RX | UART_INTERRUPT_TX;
    REG(NVIC_ENABLE(IRQ_UART)) = 1u << (IRQ_UART % 32u);
    REG(UART_START_RX) = 1;
    REG(UART_START_TX) = 1;
}

uint16_t kws_port_room(void) { return (uint16_t)(SENDING - (written - sent)); }

void kws_port_write(char byte) {
    for (uint32_t i = 0; kws_port_room() == 0; i++)
        if (i > PATIENCE) return;
    sending[written % SENDING] = byte;
    __asm volatile("cpsid i" ::: "memory");
    written++;
    if (!is_sending) send_next();
    __asm volatile("cpsie i" ::: "memory");
}

int kws_port_read(void) {
    if (read_out == received) return -1;
    uint8_t byte = receiving[read_out % RECEIVING];
    read_out++;
    return byte;
}

uint8_t kws_port_baud(uint32_t bits_per_s) {
    static const struct {
        uint32_t rate, setting;
    } rates[] = {
        {115200, 0x01d7e000}, {230400, 0x03afb000}, {460800, 0x075f7000}, {921600, 0x0ebedfa4}};
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
        if (rates[i].rate != bits_per_s) continue;
        next_rate = rates[i].setting;
        return 1;
    }
    return 0;
}

void uart_apply_baud(void) {
    if (!next_rate) return;
    for (uint32_t i = 0; i < PATIENCE && is_sending; i++) {}
    REG(UART_BAUD) = next_rate;
    next_rate = 0;
}
