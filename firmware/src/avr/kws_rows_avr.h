/* Rows on an AVR, for kws_matrix.h: one is as fast as several. */
#if defined(KWS_AVR_ASSEMBLY)
#define KWS_OWN_ROWS
#define KWS_OWN_ROWS4

#define KWS_ROWS_AT_ONCE 1
int32_t kws_matrix_row(const kws_matrix *matrix, const KWS_FLASH uint8_t **row,
                       const kws_operand *x);
static inline void kws_matrix_rows(const kws_matrix *matrix, const KWS_FLASH uint8_t **row,
                                   const kws_operand *x, unsigned count, int32_t *out) {
    for (; count; count--) *out++ = kws_matrix_row(matrix, row, x);
}
#endif
