/* Dot products with packed weight rows: dense int8, dense int4, sparse int8. */
#ifndef KWS_MATRIX_H
#define KWS_MATRIX_H

#include "kws.h"
#include "kws_fixed.h"

/* A vector that rows are multiplied with. It is filled with its int8 values, one after another, and
 * then closed, which brings them into the order in which the core takes them. */
#include "cortex_m4/kws_operand_m4.h"

#ifndef KWS_OWN_OPERAND
typedef int8_t kws_operand;
#define KWS_OPERAND(name, cols) kws_operand name[cols]
#define KWS_OPERAND_AT(i) (i)
static inline void kws_operand_close(kws_operand *x, unsigned cols) { (void)x, (void)cols; }
#endif
static inline int8_t *kws_operand_values(kws_operand *x) { return (int8_t *)x; }

/* Bytes of all rows, or 0 where they do not fit in `available` (or hold more weights than
 * columns). */
size_t kws_matrix_bytes(const kws_matrix *matrix, size_t available);

/* `count` rows dot x (x: int8 [cols], closed), scaled: round(sum * multiplier / 2^shift). `row`
 * points at the first one, packed, and moves on to the next; up to three bytes behind it may be
 * read, where in a model others stand. |sum| < 2^22 for 255 columns, hence 30 bits with the
 * multiplier. */
#include "avr/kws_rows_avr.h"

#ifndef KWS_OWN_ROWS
#define KWS_ROWS_AT_ONCE 8 /* as many as pay: what they share is read once */
void kws_matrix_rows(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const kws_operand *x,
                     unsigned count, int32_t *out);
static inline int32_t kws_matrix_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row,
                                     const kws_operand *x) {
    int32_t out;
    kws_matrix_rows(matrix, row, x, 1, &out);
    return out;
}
#endif

#endif
