/* Dot products with packed weight rows: dense int8, dense int4, sparse int8. */
#ifndef KWS_MATRIX_H
#define KWS_MATRIX_H

#include "kws.h"
#include "kws_fixed.h"

/* A vector that rows are multiplied with. It is filled with its int8 values, one after another, and then
 * closed, which brings them into the order in which the core takes them. */
#if KWS_ARM_DSP /* two products at once, of values 0 and 4, 1 and 5, 2 and 6, 3 and 7 of each eight; zeros fill up */
typedef int16_t kws_operand;
#define KWS_OPERAND(name, cols) kws_operand name[((cols) + 7) / 8 * 8] __attribute__((aligned(4)))
void kws_operand_close(kws_operand *x, unsigned cols);
#else
typedef int8_t kws_operand;
#define KWS_OPERAND(name, cols) kws_operand name[cols]
static inline void kws_operand_close(kws_operand *x, unsigned cols) { (void)x, (void)cols; }
#endif
static inline int8_t *kws_operand_values(kws_operand *x) { return (int8_t *)x; }

/* Bytes of all rows, or 0 where they do not fit in `available` (or hold more weights than columns). */
size_t kws_matrix_bytes(const kws_matrix *matrix, size_t available);

/* Row dot x (x: int8 [cols], closed), scaled: round(sum * multiplier / 2^shift). `row` points at the packed
 * row and moves on to the next one; up to three bytes behind the row may be read, where in a model others stand. |sum| < 2^22 for 255 columns, hence 30 bits with the multiplier. */
int32_t kws_matrix_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row, const kws_operand *x);

#endif
