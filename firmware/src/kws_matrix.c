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
        if (spare && map[bitmap - 1] >> (8 - spare)) return 0; /* names a column that is not there */
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
#define EIGHTH(i) (((i) & ~7u) | ((i) & 3u) << 1 | ((i) >> 2 & 1u)) /* where value i of a closed operand stands */

void kws_operand_close(kws_operand *x, unsigned cols) {
    unsigned group = (cols + 7) / 8;
    for (; cols < 8 * group; cols++) kws_operand_values(x)[cols] = 0;
    while (group--) { /* from the last on: they grow to twice their length */
        uint32_t a, b, words[4];
        memcpy(&a, __builtin_assume_aligned(x + 4 * group, 4), sizeof a);
        memcpy(&b, __builtin_assume_aligned(x + 4 * group + 2, 4), sizeof b);
        uint32_t a_even = (uint32_t)__sxtb16((int8x4_t)a), a_odd = (uint32_t)__sxtb16((int8x4_t)(a >> 8));
        uint32_t b_even = (uint32_t)__sxtb16((int8x4_t)b), b_odd = (uint32_t)__sxtb16((int8x4_t)(b >> 8));
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
static int32_t dot8(const KWS_FLASH int8_t *restrict weights, const kws_operand *restrict x, unsigned cols) {
    int32_t sum = 0;
    for (unsigned i = 0; i < cols; i++) sum += weights[i] * x[EIGHTH(i)];
    return sum;
}

/* Two weights a byte, the even column in the low half, each in two's complement. They are used where
 * they stand, in the upper half of a byte or of a half word, and count sixteen or 4096 times until the end. */
#if KWS_ARM_DSP
static inline int32_t dot4(const uint8_t *weights, const kws_operand *x, unsigned cols) {
    uint32_t uppermost = 0xf000f000u;
    int32_t sum = 0;
    __asm__("" : "+r"(uppermost)); /* in a register it goes with a shift of the other operand */
    for (const kws_operand *end = x + cols; x < end; x += 8, weights += 4) {
        uint32_t word;
        int16x2_t pair[4];
        memcpy(&word, weights, sizeof word);
        memcpy(pair, __builtin_assume_aligned(x, 4), sizeof pair);
        sum = __smlad((int16x2_t)(word << 12 & uppermost), pair[0], sum);
        sum = __smlad((int16x2_t)(word << 8 & uppermost), pair[1], sum);
        sum = __smlad((int16x2_t)(word << 4 & uppermost), pair[2], sum);
        sum = __smlad((int16x2_t)(word & uppermost), pair[3], sum);
    }
    return kws_shift(sum, 12);
}
#else
#ifndef KWS_AVR_ASSEMBLY /* which has it in kws_avr_row4() */
static int32_t dot4(const KWS_FLASH uint8_t *restrict bytes, const int8_t *restrict x, unsigned cols) {
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
    return kws_clamp(kws_round_shift(sum * matrix->multiplier, matrix->shift), -ROW_LIMIT, ROW_LIMIT);
}

static int32_t other_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const kws_operand *x) {
    if (matrix->kind == KWS_MATRIX_SPARSE8) return dot_sparse8(row, x, bitmap_bytes(matrix));
    const KWS_FLASH int8_t *weights = (const KWS_FLASH int8_t *)*row;
    *row += matrix->cols;
    return dot8(weights, x, matrix->cols);
}

#ifdef KWS_AVR_ASSEMBLY
static __attribute__((noinline)) int32_t slow_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const int8_t *x) {
    return scaled(matrix, other_row(matrix, row, x));
}

/* Apart from the rest, whose registers it need not save. */
int32_t kws_matrix_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const int8_t *x) {
    const KWS_FLASH uint8_t *weights = *row;
    if (matrix->kind != KWS_MATRIX_INT4) return slow_row(matrix, row, x);
    *row = weights + (uint8_t)(matrix->cols / 2 + (matrix->cols & 1));
    return kws_avr_row4(weights, x, matrix->cols, (uint16_t)(matrix->shift << 8 | matrix->multiplier));
}
#else
void kws_matrix_rows(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const kws_operand *x, unsigned count,
                     int32_t *out) {
    if (matrix->kind != KWS_MATRIX_INT4) {
        for (; count; count--) *out++ = scaled(matrix, other_row(matrix, row, x));
        return;
    }
    const kws_matrix same = *matrix; /* in registers: no result can change it */
    const KWS_FLASH uint8_t *weights = *row;
    unsigned bytes = (same.cols + 1u) / 2u;
    for (; count; count--, weights += bytes) *out++ = scaled(&same, dot4(weights, x, same.cols));
    *row = weights;
}
#endif
