/* "Matrices": rows of packed weights times a vector. */
#include "kws_matrix.h"

#include "kws_kernels.h"

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

#include "cortex_m4/kws_matrix_m4.h"

/* Reads the bytes as signed: with a conversion of each instead, GCC 12 for x86 with VNNI takes its
 * unsigned dot product and the wrong sums (-O3 -march=native). */
static int32_t dot8(const KWS_FLASH int8_t *restrict weights, const kws_operand *restrict x,
                    unsigned cols) {
    int32_t sum = 0;
    for (unsigned i = 0; i < cols; i++) sum += weights[i] * x[KWS_OPERAND_AT(i)];
    return sum;
}

static int32_t dot_sparse8(const KWS_FLASH uint8_t **row, const kws_operand *x, size_t bitmap) {
    const KWS_FLASH uint8_t *map = *row, *weights = map + bitmap;
    int32_t sum = 0;
    for (size_t i = 0; i < bitmap; i++, x += 8) {
        for (unsigned byte = map[i], column = 0; byte; byte >>= 1, column++)
            if (byte & 1) sum += (int8_t)*weights++ * x[KWS_OPERAND_AT(column)];
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

#ifndef KWS_OWN_ROWS4
/* Two weights a byte, the even column in the low half, each in two's complement. They are used
 * where they stand, in the upper half of a byte, and count sixteen times until the end. */
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

#include "avr/kws_matrix_avr.h"

#ifndef KWS_OWN_ROWS
void kws_matrix_rows(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const kws_operand *x,
                     unsigned count, int32_t *out) {
    if (matrix->kind != KWS_MATRIX_INT4) {
        for (; count; count--) *out++ = scaled(matrix, other_row(matrix, row, x));
        return;
    }
    unsigned bytes = (matrix->cols + 1u) / 2u;
    const KWS_FLASH uint8_t *weights = *row;
    *row = weights + count * bytes;
#ifdef KWS_OWN_ROWS4
    kws_rows4(matrix, weights, bytes, x, count, out);
#else
    const kws_matrix same = *matrix; /* in registers: no result can change it */
    for (; count; count--, weights += bytes) *out++ = scaled(&same, dot4(weights, x, same.cols));
#endif
}
#endif
