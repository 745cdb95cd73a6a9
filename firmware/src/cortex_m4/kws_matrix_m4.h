/* Rows of int4 weights on a Cortex-M4, for kws_matrix.c: four weights of a word at a time. */
#include "../kws_by_hand.h"
#include "kws_pairs_m4.h"

#if KWS_CORTEX_M4
#define KWS_OWN_ROWS4

void kws_operand_close(kws_operand *x, unsigned cols) {
    unsigned group = (cols + 7) / 8;
    for (; cols < 8 * group; cols++) kws_operand_values(x)[cols] = 0;
    while (group--) { /* from the last on: they grow to twice their length */
        uint32_t a, b, words[4];
        memcpy(&a, __builtin_assume_aligned(x + 4 * group, 4), sizeof a);
        memcpy(&b, __builtin_assume_aligned(x + 4 * group + 2, 4), sizeof b);
        uint32_t a_even = (uint32_t)__sxtb16((int8x4_t)a),
                 a_odd = (uint32_t)__sxtb16((int8x4_t)(a >> 8));
        uint32_t b_even = (uint32_t)__sxtb16((int8x4_t)b),
                 b_odd = (uint32_t)__sxtb16((int8x4_t)(b >> 8));
        words[0] = (a_even & 0xffffu) | b_even << 16;
        words[1] = (a_odd & 0xffffu) | b_odd << 16;
        words[2] = a_even >> 16 | (b_even & 0xffff0000u);
        words[3] = a_odd >> 16 | (b_odd & 0xffff0000u);
        memcpy(__builtin_assume_aligned(x + 8 * group, 4), words, sizeof words);
    }
}

typedef struct {
    int32_t multiplier, half;
    uint32_t shift, surplus; /* bytes that the last word has too many */
    const kws_operand *end;
} scaling;

/* clang-format off */
/* At least one row, not clamped. r0 weights, r4 eight of them, r1 x, r10 where in it, r9 its end,
 * r5 to r8 eight of its values, lr sum, r12 the uppermost four bits of two halves. */
static KWS_BY_HAND void rows4(const uint8_t *weights, const kws_operand *x, int32_t *out,
                                                   unsigned count, const scaling *by) {
    __asm__ volatile(
        ".syntax unified\n"
        "push {r4-r11, lr}\n"
        "ldr r4, [sp, #36]\n"
        "ldr r9, [r4, #16]\n"
        "mov r12, #0xf000f000\n"
        "1: mov lr, #0\n"
        "mov r10, r1\n"
        "2: ldr r4, [r0], #4\n"
        "ldm r10!, {r5, r6, r7, r8}\n"
        "and r11, r12, r4, lsl #12\n"
        "smlad lr, r11, r5, lr\n"
        "and r11, r12, r4, lsl #8\n"
        "smlad lr, r11, r6, lr\n"
        "and r11, r12, r4, lsl #4\n"
        "smlad lr, r11, r7, lr\n"
        "and r11, r12, r4\n"
        "smlad lr, r11, r8, lr\n"
        "cmp r10, r9\n"
        "blo 2b\n"
        "ldr r4, [sp, #36]\n"
        "ldm r4, {r5, r6, r7, r8}\n"
        "asr lr, lr, #12\n"
        "mla lr, lr, r5, r6\n"
        "asr lr, lr, r7\n"
        "sub r0, r0, r8\n"
        "str lr, [r2], #4\n"
        "subs r3, r3, #1\n"
        "bne 1b\n"
        "pop {r4-r11, pc}\n");
}
/* clang-format on */

/* A weight stands in the upper half of a byte or of a half word, and counts 4096 times. */
KWS_PART kws_rows4_kernel kws_rows4;
KWS_PART void kws_rows4(const kws_matrix *matrix, const uint8_t *weights, unsigned bytes,
                        const kws_operand *x, unsigned count, int32_t *out) {
    unsigned words = (matrix->cols + 7u) / 8u;
    scaling by = {matrix->multiplier, kws_half(matrix->shift), matrix->shift, 4 * words - bytes,
                  x + 8 * words};
    rows4(weights, x, out, count, &by);
    /* |weight x| <= 1024 */
    if ((matrix->cols * 1024 * by.multiplier + by.half) >> by.shift > ROW_LIMIT)
        for (; count; count--, out++) *out = kws_clamp(*out, -ROW_LIMIT, ROW_LIMIT);
}
#endif
