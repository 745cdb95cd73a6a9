/* The window on a Cortex-M0. Samples on both sides of the middle share a weight. */
#include "../kws_by_hand.h"
#include "kws_loops_m0.h"

#if KWS_CORTEX_M0
/* clang-format off */
/* r0 middle, r1 cosine, r2 to the right, r3 to the left, r4 folded; r12 bytes, lr skip, r8 32768 */
KWS_BY_HAND uint32_t kws_m0_fold(const int16_t *middle, const int16_t *cosine, uint32_t bytes,
                                 uint32_t skip) {
    __asm__ volatile(
        ".syntax unified\n"
        "push {r4-r7, lr}\n"
        "mov r4, r8\n"
        "push {r4}\n"
        "mov r12, r2\n"
        "mov lr, r3\n"
        "movs r4, #128\n"
        "lsls r4, #8\n"
        "mov r8, r4\n"
        "movs r2, #0\n"
        "movs r3, #0\n"
        "movs r4, #0\n"
        "1: ldrsh r5, [r1, r2]\n"
        "ldrsh r6, [r0, r2]\n"
        "ldrsh r7, [r0, r3]\n"
        "add r5, r8\n"
        "asrs r5, #1\n"
        "muls r6, r5\n"
        "muls r7, r5\n"
        "asrs r5, r6, #31\n"
        "eors r6, r5\n"
        "orrs r4, r6\n"
        "asrs r5, r7, #31\n"
        "eors r7, r5\n"
        "orrs r4, r7\n"
        "add r1, lr\n"
        "subs r3, #2\n"
        "adds r2, #2\n"
        "cmp r2, r12\n"
        "blo 1b\n"
        "movs r0, r4\n"
        "pop {r4}\n"
        "mov r8, r4\n"
        "pop {r4-r7, pc}\n");
}

/* r0 middle, r1 cosine, r2 to the right, r3 to the left, r7 shift; r12 bytes, lr skip, r8 32768, r9
 * half */
KWS_BY_HAND void kws_m0_window(int16_t *middle, const int16_t *cosine, uint32_t bytes,
                               uint32_t skip, uint32_t shift, int32_t half) {
    __asm__ volatile(
        ".syntax unified\n"
        "push {r4-r7, lr}\n"
        "mov r4, r8\n"
        "mov r5, r9\n"
        "push {r4, r5}\n"
        "mov r12, r2\n"
        "mov lr, r3\n"
        "movs r4, #128\n"
        "lsls r4, #8\n"
        "mov r8, r4\n"
        "ldr r7, [sp, #28]\n"
        "ldr r4, [sp, #32]\n"
        "mov r9, r4\n"
        "movs r2, #2\n"
        "movs r3, #2\n"
        "negs r3, r3\n"
        "1: ldrsh r4, [r1, r2]\n"
        "ldrsh r5, [r0, r2]\n"
        "ldrsh r6, [r0, r3]\n"
        "add r4, r8\n"
        "asrs r4, #1\n"
        "muls r5, r4\n"
        "muls r6, r4\n"
        "add r5, r9\n"
        "add r6, r9\n"
        "asrs r5, r7\n"
        "asrs r6, r7\n"
        "strh r5, [r0, r2]\n"
        "strh r6, [r0, r3]\n"
        "add r1, lr\n"
        "subs r3, #2\n"
        "adds r2, #2\n"
        "cmp r2, r12\n"
        "blo 1b\n"
        "pop {r4, r5}\n"
        "mov r8, r4\n"
        "mov r9, r5\n"
        "pop {r4-r7, pc}\n");
}
/* clang-format on */
#else
typedef int kws_window_m0_is_empty; /* as C wants a declaration */
#endif
