/* The vector of a product on a Cortex-M4, for kws_matrix.h: two products at once, of values 0 and
 * 4, 1 and 5, 2 and 6, 3 and 7 of each eight, in 16 bits; zeros fill up. */
#if KWS_CORTEX_M4
#define KWS_OWN_OPERAND

typedef int16_t kws_operand;
#define KWS_OPERAND(name, cols) kws_operand name[((cols) + 7) / 8 * 8] __attribute__((aligned(4)))
/* where value i of a closed operand stands */
#define KWS_OPERAND_AT(i) (((i) & ~7u) | ((i) & 3u) << 1 | ((i) >> 2 & 1u))
void kws_operand_close(kws_operand *x, unsigned cols);
#endif
