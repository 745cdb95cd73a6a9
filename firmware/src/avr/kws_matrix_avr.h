/* Rows on an AVR, for kws_matrix.c: one at a time; kws_network_avr.S has the instructions. */
#if defined(KWS_AVR_ASSEMBLY)
#include "kws_avr.h"

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
#endif
