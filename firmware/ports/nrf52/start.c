/* Vectors, and what has to be done before main. */
#include "board.h"
#include "nrf52.h"

extern uint32_t data_image[], data_start[], data_end[], bss_start[], bss_end[];
extern uint32_t stack_top[];

/* a fault, or an interrupt that nobody asked for: the watchdog restarts us */
static void stop(void) {
    for (;;) {}
}

typedef void (*handler)(void);
typedef struct {
    uint32_t *stack;
    handler handlers[15 + 32];
} vector_table;

/* clang-format off */
static const vector_table vectors __attribute__((section(".vectors"), used)) = {
    stack_top,
    {start, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop,
     /* 0 */ stop, stop, uart_interrupt, stop, stop, stop, stop, microphone_interrupt,
     /* 8 */ stop, stop, stop, stop, stop, stop, stop, stop,
     /* 16 */ stop, stop, stop, stop, stop, stop, stop, stop,
     /* 24 */ stop, stop, stop, stop, stop, microphone_interrupt, stop, stop},
};
/* clang-format on */

void start(void) {
    for (uint32_t *to = data_start, *from = data_image; to < data_end;) *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
    REG(0xe000ed08u) = (uint32_t)(uintptr_t)&vectors; /* VTOR: a boot loader had its own */
    __asm volatile("cpsie i" ::: "memory");
    (void)main();
    stop();
}
