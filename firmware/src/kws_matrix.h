/* Dot products with packed weight rows: dense int8, dense int4, sparse int8. */
#ifndef KWS_MATRIX_H
#define KWS_MATRIX_H

#include "kws.h"

/* Bytes of all rows, or 0 where they do not fit in `available` (or hold more weights than columns). */
size_t kws_matrix_bytes(const kws_matrix *matrix, size_t available);

/* Row dot x (x: int8 [cols]), scaled: round(sum * multiplier / 2^shift). `row` points at the packed
 * row and moves on to the next one. |sum| < 2^22 for 255 columns, hence 30 bits with the multiplier. */
int32_t kws_matrix_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const int8_t *x);

#endif
