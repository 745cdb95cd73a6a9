/* The mel bands on a Cortex-M0: 32 by 16 bits in two multiplications, into sums of 64 bits. */
#include "../kws_by_hand.h"
#include "kws_loops_m0.h"

#if KWS_CORTEX_M0
/* clang-format off */
/* r0 power, r2 weights, r4 and r5 what rises, r6 and r8 all; r12 end, lr 1 */
KWS_BY_HAND void kws_m0_feed(const uint32_t *power, const uint32_t *end, const uint16_t *weight_q15,
                             uint32_t sums[4]) {
    __asm__ volatile(
        ".syntax unified\n"
        "push {r3-r7, lr}\n"
        "mov r4, r8\n"
        "push {r4}\n"
        "mov r12, r1\n"
        "movs r4, #1\n"
        "mov lr, r4\n"
        "movs r4, #0\n"
        "mov r8, r4\n"
        "movs r5, #0\n"
        "movs r6, #0\n"
        "1: ldmia r0!, {r1}\n"
        "adds r6, r1\n"
        "bcc 2f\n"
        "add r8, lr\n"
        "2: ldrh r7, [r2]\n"
        "adds r2, #2\n"
        "lsrs r3, r1, #16\n"
        "muls r3, r7\n"
        "uxth r1, r1\n"
        "muls r1, r7\n"
        "adds r4, r1\n"
        "bcc 3f\n"
        "adds r5, #1\n"
        "3: lsls r1, r3, #16\n"
        "lsrs r3, r3, #16\n"
        "adds r4, r1\n"
        "adcs r5, r3\n"
        "cmp r0, r12\n"
        "blo 1b\n"
        "mov r7, r8\n"
        "pop {r0, r3}\n"
        "mov r8, r0\n"
        "stmia r3!, {r4-r7}\n"
        "pop {r4-r7, pc}\n");
}
/* clang-format on */
#else
typedef int kws_mel_m0_is_empty; /* as C wants a declaration */
#endif
