#include "kws_thumb.h"

#if KWS_ARM_THUMB1
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wunused-parameter"
#else
#pragma GCC diagnostic ignored "-Wunused-parameter" /* they are in registers */
#pragma GCC diagnostic ignored "-Wreturn-type"
#endif
#define BY_HAND __attribute__((naked))

/* r0 middle, r1 cosine, r2 to the right, r3 to the left, r4 folded; r12 bytes, lr skip, r8 32768 */
BY_HAND uint32_t kws_thumb_fold(const int16_t *middle, const int16_t *cosine, uint32_t bytes, uint32_t skip) {
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

/* r0 middle, r1 cosine, r2 to the right, r3 to the left, r7 shift; r12 bytes, lr skip, r8 32768, r9 half */
BY_HAND void kws_thumb_window(int16_t *middle, const int16_t *cosine, uint32_t bytes, uint32_t skip, uint32_t shift,
                              int32_t half) {
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

/* r0 power, r2 weights, r4 and r5 what rises, r6 and r8 all; r12 end, lr 1 */
BY_HAND void kws_thumb_feed(const uint32_t *power, const uint32_t *end, const uint16_t *weight_q15, uint32_t sums[4]) {
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
#else
typedef int kws_thumb_is_empty; /* as C wants a declaration */
#endif
