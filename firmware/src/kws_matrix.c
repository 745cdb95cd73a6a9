#include "kws_matrix.h"

#include "kws_avr.h"
#include "kws_dsp.h"
#include "kws_fixed.h"

#define ROW_LIMIT ((int32_t)1 << 24)

static unsigned bits_set(uint8_t byte) {
    unsigned count = 0;
    for (; byte; byte &= (uint8_t)(byte - 1)) count++;
    return count;
}

/* A sparse row opens with a bitmap, one bit a column, then holds the weights that the bits name. */
static size_t bitmap_bytes(const kws_matrix *matrix) { return (matrix->cols + 7u) / 8u; }

static size_t sparse_bytes(const kws_matrix *matrix, size_t available) {
    size_t total = 0, bitmap = bitmap_bytes(matrix);
    unsigned spare = (unsigned)(8 * bitmap) - matrix->cols;
    for (unsigned row = 0; row < matrix->rows; row++) {
        if (bitmap > available - total) return 0;
        const KWS_FLASH uint8_t *map = matrix->data + total;
        /* names a column that is not there */
        if (spare && map[bitmap - 1] >> (8 - spare)) return 0;
        total += bitmap;
        for (size_t i = 0; i < bitmap; i++) {
            unsigned weights = bits_set(map[i]);
            if (weights > available - total) return 0;
            total += weights;
        }
    }
    return total;
}

size_t kws_matrix_bytes(const kws_matrix *matrix, size_t available) {
    size_t row_bytes = matrix->cols;
    if (matrix->kind == KWS_MATRIX_SPARSE8) return sparse_bytes(matrix, available);
    if (matrix->kind == KWS_MATRIX_INT4) row_bytes = (matrix->cols + 1u) / 2u;
    size_t total = matrix->rows * row_bytes;
    return total <= available ? total : 0;
}

#if KWS_ARM_DSP
/* where value i of a closed operand stands */
#define EIGHTH(i) (((i) & ~7u) | ((i) & 3u) << 1 | ((i) >> 2 & 1u))

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
#else
#define EIGHTH(i) (i)
#endif

/* Reads the bytes as signed: with a conversion of each instead, GCC 12 for x86 with VNNI takes its
 * unsigned dot product and the wrong sums (-O3 -march=native). */
static int32_t dot8(const KWS_FLASH int8_t *restrict weights, const kws_operand *restrict x,
                    unsigned cols) {
    int32_t sum = 0;
    for (unsigned i = 0; i < cols; i++) sum += weights[i] * x[EIGHTH(i)];
    return sum;
}

/* Two weights a byte, the even column in the low half, each in two's complement. They are used
 * where they stand, in the upper half of a byte or of a half word, and count sixteen or 4096 times
 * until the end. */
#if KWS_ARM_DSP
typedef struct {
    int32_t multiplier, half;
    uint32_t shift, surplus; /* bytes that the last word has too many */
    const kws_operand *end;
} scaling;

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wunused-parameter"
#else
#pragma GCC diagnostic ignored "-Wunused-parameter" /* they are in registers */
#endif
/* clang-format off */
/* At least one row, not clamped. r0 weights, r4 eight of them, r1 x, r10 where in it, r9 its end,
 * r5 to r8 eight of its values, lr sum, r12 the uppermost four bits of two halves. */
static __attribute__((naked, noinline)) void rows4(const uint8_t *weights, const kws_operand *x, int32_t *out,
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
#else
#ifndef KWS_AVR_ASSEMBLY /* which has it in kws_avr_row4() */
static int32_t dot4(const KWS_FLASH uint8_t *restrict bytes, const int8_t *restrict x,
                    unsigned cols) {
    const KWS_FLASH int8_t *weights = (const KWS_FLASH int8_t *)bytes;
    int32_t sum = 0;
    unsigned pairs = cols / 2;
    for (unsigned i = 0; i < pairs; i++)
        sum += (int32_t)((int8_t)(weights[i] * 16) * x[2 * i]) + (weights[i] & ~15) * x[2 * i + 1];
    if (cols & 1) sum += (int8_t)(weights[pairs] * 16) * x[cols - 1];
    return sum / 16;
}
#endif
#endif

static int32_t dot_sparse8(const KWS_FLASH uint8_t **row, const kws_operand *x, size_t bitmap) {
    const KWS_FLASH uint8_t *map = *row, *weights = map + bitmap;
    int32_t sum = 0;
    for (size_t i = 0; i < bitmap; i++, x += 8) {
        for (unsigned byte = map[i], column = 0; byte; byte >>= 1, column++)
            if (byte & 1) sum += (int8_t)*weights++ * x[EIGHTH(column)];
    }
    *row = weights;
    return sum;
}

/* The clamp is for hostile scales alone: it lets callers add two results and a bias. */
static inline int32_t scaled(const kws_matrix *matrix, int32_t sum) {
    return kws_clamp(kws_round_shift(sum * matrix->multiplier, matrix->shift), -ROW_LIMIT,
                     ROW_LIMIT);
}

static int32_t other_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row,
                         const kws_operand *x) {
    if (matrix->kind == KWS_MATRIX_SPARSE8) return dot_sparse8(row, x, bitmap_bytes(matrix));
    const KWS_FLASH int8_t *weights = (const KWS_FLASH int8_t *)*row;
    *row += matrix->cols;
    return dot8(weights, x, matrix->cols);
}

#ifdef KWS_AVR_ASSEMBLY
static __attribute__((noinline)) int32_t slow_row(const kws_matrix *matrix,
                                                  const KWS_FLASH uint8_t **row, const int8_t *x) {
    return scaled(matrix, other_row(matrix, row, x));
}

/* Apart from the rest, whose registers it need not save. */
int32_t kws_matrix_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const int8_t *x) {
    const KWS_FLASH uint8_t *weights = *row;
    if (matrix->kind != KWS_MATRIX_INT4) return slow_row(matrix, row, x);
    *row = weights + (uint8_t)(matrix->cols / 2 + (matrix->cols & 1));
    return kws_avr_row4(weights, x, matrix->cols,
                        (uint16_t)(matrix->shift << 8 | matrix->multiplier));
}
#else
void kws_matrix_rows(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const kws_operand *x,
                     unsigned count, int32_t *out) {
    if (matrix->kind != KWS_MATRIX_INT4) {
        for (; count; count--) *out++ = scaled(matrix, other_row(matrix, row, x));
        return;
    }
    unsigned bytes = (matrix->cols + 1u) / 2u;
    const KWS_FLASH uint8_t *weights = *row;
    *row = weights + count * bytes;
#if KWS_ARM_DSP
    unsigned words = (matrix->cols + 7u) / 8u;
    scaling by = {matrix->multiplier, kws_half(matrix->shift), matrix->shift, 4 * words - bytes,
                  x + 8 * words};
    rows4(weights, x, out, count, &by);
    /* |weight x| <= 1024 */
    if ((matrix->cols * 1024 * by.multiplier + by.half) >> by.shift > ROW_LIMIT)
        for (; count; count--, out++) *out = kws_clamp(*out, -ROW_LIMIT, ROW_LIMIT);
#else
    const kws_matrix same = *matrix; /* in registers: no result can change it */
    for (; count; count--, weights += bytes) *out++ = scaled(&same, dot4(weights, x, same.cols));
#endif
}
#endif
