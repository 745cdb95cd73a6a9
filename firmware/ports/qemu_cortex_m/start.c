/* From reset to main on any Cortex-M of QEMU: the vector table, RAM made ready, faults told. */
#include <stdint.h>

#include "semihosting.h"

#define VECTORS 16
#define CPACR (*(volatile uint32_t *)0xe000ed88u)
#define CPACR_CP10_CP11 (15u << 20)

extern uint32_t kws_stack_top, kws_data_load, kws_data_start, kws_data_end, kws_bss_start,
    kws_bss_end;
int main(void);
void kws_reset(void);

static void fault(void) {
    kws_semihosting_write("a fault\n");
    kws_semihosting_exit(3);
}

void kws_reset(void) {
#ifdef __ARM_FP
    CPACR |= CPACR_CP10_CP11; /* the compiler may move integers through these registers */
    __asm__ volatile("dsb\n isb");
#endif
    const uint32_t *from = &kws_data_load;
    for (uint32_t *to = &kws_data_start; to < &kws_data_end;) *to++ = *from++;
    for (uint32_t *to = &kws_bss_start; to < &kws_bss_end;) *to++ = 0;
    kws_semihosting_exit(main());
}

typedef union {
    uint32_t *stack;
    void (*handler)(void);
} vector;

__attribute__((section(".vectors"), used)) static const vector vectors[VECTORS] = {
    {.stack = &kws_stack_top}, {.handler = kws_reset}, {.handler = fault}, {.handler = fault},
    {.handler = fault},        {.handler = fault},     {.handler = fault},
};
