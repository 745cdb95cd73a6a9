/* The butterflies on a Cortex-M0. Only eight registers can do everything: what does not fit stands
 * in the others, or on the stack. */
#include "../kws_by_hand.h"
#include "kws_loops_m0.h"

#if KWS_CORTEX_M0
/* clang-format off */
/* A stage of kws_fft.c. Both loops leave a butterfly's sum in r6 and r4, its difference in r2 and
 * r1 (real and imaginary part), even in r8 and r9, odd in r10 and r11; r0 is p0, lr the stride, r7
 * the shift. This stores the four points, ORs their magnitudes to the word at sp, and takes r0 to
 * the next group. */
#define OUTPUTS          \
    "mov r3, r8\n"       \
    "subs r6, r6, r3\n"  \
    "lsls r3, #1\n"      \
    "adds r3, r6\n"      \
    "mov r5, r9\n"       \
    "subs r4, r4, r5\n"  \
    "lsls r5, #1\n"      \
    "adds r5, r4\n"      \
    "asrs r3, r7\n"      \
    "asrs r5, r7\n"      \
    "uxth r3, r3\n"      \
    "lsls r5, #16\n"     \
    "orrs r3, r5\n"      \
    "str r3, [r0]\n"     \
    "lsls r5, r3, #1\n"  \
    "eors r3, r5\n"      \
    "mov r8, r3\n"       \
    "mov r3, r11\n"      \
    "subs r2, r2, r3\n"  \
    "lsls r3, #1\n"      \
    "adds r3, r2\n"      \
    "mov r5, r10\n"      \
    "adds r1, r1, r5\n"  \
    "lsls r5, #1\n"      \
    "subs r5, r1, r5\n"  \
    "asrs r3, r7\n"      \
    "asrs r5, r7\n"      \
    "uxth r3, r3\n"      \
    "lsls r5, #16\n"     \
    "orrs r3, r5\n"      \
    "add r0, lr\n"       \
    "str r3, [r0]\n"     \
    "lsls r5, r3, #1\n"  \
    "eors r3, r5\n"      \
    "mov r5, r8\n"       \
    "orrs r3, r5\n"      \
    "asrs r6, r7\n"      \
    "asrs r4, r7\n"      \
    "uxth r6, r6\n"      \
    "lsls r4, #16\n"     \
    "orrs r6, r4\n"      \
    "add r0, lr\n"       \
    "str r6, [r0]\n"     \
    "lsls r4, r6, #1\n"  \
    "eors r6, r4\n"      \
    "orrs r3, r6\n"      \
    "asrs r2, r7\n"      \
    "asrs r1, r7\n"      \
    "uxth r2, r2\n"      \
    "lsls r1, #16\n"     \
    "orrs r2, r1\n"      \
    "add r0, lr\n"       \
    "str r2, [r0]\n"     \
    "lsls r1, r2, #1\n"  \
    "eors r2, r1\n"      \
    "orrs r3, r2\n"      \
    "ldr r5, [sp, #0]\n" \
    "orrs r5, r3\n"      \
    "str r5, [sp, #0]\n" \
    "add r0, lr\n"

#define SAVE             \
    ".syntax unified\n"  \
    "push {r4-r7, lr}\n" \
    "mov r4, r8\n"       \
    "mov r5, r9\n"       \
    "mov r6, r10\n"      \
    "mov r7, r11\n"      \
    "push {r4-r7}\n"
#define RESTORE         \
    "pop {r4-r7}\n"     \
    "mov r8, r4\n"      \
    "mov r9, r5\n"      \
    "mov r10, r6\n"     \
    "mov r11, r7\n"     \
    "pop {r4-r7, pc}\n"

/* r12 end; sp + 4 half a step */
KWS_BY_HAND uint32_t kws_m0_plain(int16_t *z, const int16_t *end, uint32_t stride_bytes,
                                  uint32_t shift) {
    __asm__ volatile(
    SAVE
    "sub sp, #8\n"
    "mov r12, r1\n"
    "mov lr, r2\n"
    "mov r7, r3\n"
    "movs r4, #1\n"
    "lsls r4, r7\n"
    "lsrs r4, #1\n"
    "str r4, [sp, #4]\n"
    "movs r4, #0\n"
    "str r4, [sp, #0]\n"
    "1: mov r6, lr\n"
    "ldr r1, [r0]\n"
    "ldr r2, [r0, r6]\n"
    "lsls r5, r6, #1\n"
    "ldr r3, [r0, r5]\n"
    "adds r5, r6\n"
    "ldr r4, [r0, r5]\n"
    "sxth r5, r2\n"
    "sxth r6, r4\n"
    "asrs r2, #16\n"
    "asrs r4, #16\n"
    "subs r5, r5, r6\n"
    "lsls r6, #1\n"
    "adds r6, r5\n"
    "subs r2, r2, r4\n"
    "lsls r4, #1\n"
    "adds r4, r2\n"
    "mov r8, r6\n"
    "mov r9, r4\n"
    "mov r10, r5\n"
    "mov r11, r2\n"
    "sxth r2, r1\n"
    "asrs r1, #16\n"
    "sxth r5, r3\n"
    "asrs r3, #16\n"
    "ldr r4, [sp, #4]\n"
    "adds r2, r4\n"
    "adds r1, r4\n"
    "adds r6, r2, r5\n"
    "subs r2, r2, r5\n"
    "adds r4, r1, r3\n"
    "subs r1, r1, r3\n"
    OUTPUTS
    "cmp r0, r12\n"
    "blo 1b\n"
    "ldr r0, [sp, #0]\n"
    "add sp, #8\n"
    RESTORE);
}

/* From the word in r1 to its turned point in r5 and r3, with two fractional bits more; r12 is
 * 2^12. */
#define TURNED(c, s)         \
    "sxth r2, r1\n"          \
    "asrs r1, #16\n"         \
    "ldr r3, [sp, #" c "]\n" \
    "ldr r4, [sp, #" s "]\n" \
    "movs r5, r3\n"          \
    "muls r5, r2\n"          \
    "muls r3, r1\n"          \
    "muls r1, r4\n"          \
    "muls r2, r4\n"          \
    "adds r5, r1\n"          \
    "subs r3, r2\n"          \
    "add r5, r12\n"          \
    "asrs r5, #13\n"         \
    "add r3, r12\n"          \
    "asrs r3, #13\n"

/* sp + 4 to 24 cosines and sines, + 28 half a step, + 32 end, + 36 angle and + 40 its step in bytes
 * of the table, + 44 first point, + 48 table */
KWS_BY_HAND uint32_t kws_m0_turned(int16_t *z, const int16_t *end, uint32_t stride_bytes,
                                   uint32_t step_bytes, uint32_t shift, int32_t half,
                                   const int16_t *sine) {
    __asm__ volatile(
    SAVE
    "sub sp, #52\n"
    "str r0, [sp, #44]\n"
    "str r1, [sp, #32]\n"
    "mov lr, r2\n"
    "str r3, [sp, #36]\n"
    "str r3, [sp, #40]\n"
    "ldr r7, [sp, #88]\n"
    "ldr r4, [sp, #92]\n"
    "str r4, [sp, #28]\n"
    "ldr r4, [sp, #96]\n"
    "str r4, [sp, #48]\n"
    "movs r4, #0\n"
    "str r4, [sp, #0]\n"
    "movs r4, #1\n"
    "lsls r4, #12\n"
    "mov r12, r4\n"
    "1: ldr r1, [sp, #36]\n"
    "ldr r2, [sp, #48]\n"
    "movs r5, #128\n"
    "lsls r5, #1\n"
    "movs r6, #0\n"
    "adds r2, r1\n"
    "ldrsh r3, [r2, r5]\n"
    "ldrsh r4, [r2, r6]\n"
    "str r3, [sp, #4]\n"
    "str r4, [sp, #8]\n"
    "adds r2, r1\n"
    "ldrsh r3, [r2, r5]\n"
    "ldrsh r4, [r2, r6]\n"
    "str r3, [sp, #12]\n"
    "str r4, [sp, #16]\n"
    "adds r2, r1\n"
    "ldrsh r3, [r2, r5]\n"
    "ldrsh r4, [r2, r6]\n"
    "str r3, [sp, #20]\n"
    "str r4, [sp, #24]\n"
    "ldr r0, [sp, #44]\n"
    "adds r0, #4\n"
    "str r0, [sp, #44]\n"
    "2: mov r6, lr\n"
    "lsls r5, r6, #1\n"
    "adds r5, r6\n"
    "ldr r1, [r0, r5]\n"
    TURNED("20", "24")
    "mov r8, r5\n"
    "mov r9, r3\n"
    "ldr r1, [r0, r6]\n"
    TURNED("4", "8")
    "mov r1, r8\n"
    "subs r2, r5, r1\n"
    "adds r5, r5, r1\n"
    "mov r1, r9\n"
    "subs r4, r3, r1\n"
    "adds r3, r3, r1\n"
    "mov r8, r5\n"
    "mov r9, r3\n"
    "mov r10, r2\n"
    "mov r11, r4\n"
    "lsls r6, #1\n"
    "ldr r1, [r0, r6]\n"
    TURNED("12", "16")
    "ldr r1, [r0]\n"
    "lsls r2, r1, #16\n"
    "asrs r2, #14\n"
    "asrs r1, #16\n"
    "lsls r1, #2\n"
    "ldr r4, [sp, #28]\n"
    "adds r2, r4\n"
    "adds r1, r4\n"
    "adds r6, r2, r5\n"
    "subs r2, r2, r5\n"
    "adds r4, r1, r3\n"
    "subs r1, r1, r3\n"
    OUTPUTS
    "ldr r5, [sp, #32]\n"
    "cmp r0, r5\n"
    "bhs 3f\n"
    "b 2b\n"
    "3: ldr r1, [sp, #36]\n"
    "ldr r2, [sp, #40]\n"
    "adds r1, r2\n"
    "str r1, [sp, #36]\n"
    "cmp r1, #255\n"
    "bhi 4f\n"
    "b 1b\n"
    "4: ldr r0, [sp, #0]\n"
    "add sp, #52\n"
    RESTORE);
}
/* clang-format on */
#else
typedef int kws_fft_m0_is_empty; /* as C wants a declaration */
#endif
