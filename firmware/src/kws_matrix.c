#include "kws_matrix.h"

#include "kws_avr.h"
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

/* Reads the bytes as signed: with a conversion of each instead, GCC 12 for x86 with VNNI takes its
 * unsigned dot product and the wrong sums (-O3 -march=native). */
static int32_t dot8(const KWS_FLASH int8_t *restrict weights, const int8_t *restrict x, unsigned cols) {
    int32_t sum = 0;
    for (unsigned i = 0; i < cols; i++) sum += weights[i] * x[i];
    return sum;
}

/* Two weights a byte, the even column in the low half, each in two's complement. They are used where
 * they stand, in the upper half of a byte, and count sixteen times until the end. */
static int32_t dot4(const KWS_FLASH int8_t *restrict weights, const int8_t *restrict x, unsigned cols) {
    int32_t sum = 0;
    unsigned pairs = cols / 2;
    for (unsigned i = 0; i < pairs; i++)
        sum += (int32_t)((int8_t)(weights[i] * 16) * x[2 * i]) + (weights[i] & ~15) * x[2 * i + 1];
    if (cols & 1) sum += (int8_t)(weights[pairs] * 16) * x[cols - 1];
    return sum / 16;
}

static int32_t dot_sparse8(const KWS_FLASH uint8_t **row, const int8_t *x, size_t bitmap) {
    const KWS_FLASH uint8_t *map = *row, *weights = map + bitmap;
    int32_t sum = 0;
    for (size_t i = 0; i < bitmap; i++, x += 8) {
        for (unsigned byte = map[i], column = 0; byte; byte >>= 1, column++)
            if (byte & 1) sum += (int8_t)*weights++ * x[column];
    }
    *row = weights;
    return sum;
}

#ifdef KWS_AVR_ASSEMBLY
static __attribute__((noinline)) int32_t slow_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const int8_t *x);

/* Apart from the rest, whose registers it need not save. */
int32_t kws_matrix_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const int8_t *x) {
    const KWS_FLASH uint8_t *weights = *row;
    if (matrix->kind != KWS_MATRIX_INT4) return slow_row(matrix, row, x);
    *row = weights + (uint8_t)(matrix->cols / 2 + (matrix->cols & 1));
    return kws_avr_row4(weights, x, matrix->cols, (uint16_t)(matrix->shift << 8 | matrix->multiplier));
}
#define kws_matrix_row slow_row
static
#endif
int32_t kws_matrix_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const int8_t *x) {
    int32_t sum;
    if (matrix->kind == KWS_MATRIX_INT8) {
        sum = dot8((const KWS_FLASH int8_t *)*row, x, matrix->cols);
        *row += matrix->cols;
    } else if (matrix->kind == KWS_MATRIX_INT4) {
        sum = dot4((const KWS_FLASH int8_t *)*row, x, matrix->cols);
        *row += (matrix->cols + 1u) / 2u;
    } else {
        sum = dot_sparse8(row, x, bitmap_bytes(matrix));
    }
    /* the clamp is for hostile scales alone: it lets callers add two results and a bias */
    return kws_clamp(kws_round_shift(sum * matrix->multiplier, matrix->shift), -ROW_LIMIT, ROW_LIMIT);
}
