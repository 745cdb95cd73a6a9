/* The loops that an AVR takes most of its time for, in assembly (*.S in this folder): the same
 * integers in a quarter of the cycles. Compiled in with -DKWS_AVR_ASSEMBLY and
 * -DKWS_MAX_SAMPLE_RATE_HZ=8000; without them the C runs on an AVR too. Beside each prototype
 * stands what the C says in its place. */
#ifndef KWS_AVR_H
#define KWS_AVR_H

#if defined(KWS_AVR_ASSEMBLY)
#include "../kws_kernels.h"

#if KWS_MAX_SAMPLE_RATE_HZ != 8000
#error "the AVR's assembly is for 8 kHz: compile with -DKWS_MAX_SAMPLE_RATE_HZ=8000"
#endif

/* kws_fft_stage(): 128 points, quarter 2, 8 or 32; unshift 2^(8 - shift), half 2^(shift - 1),
 * shift 2 to 6. Returns the upper byte of the outputs' folded magnitudes. */
uint8_t kws_avr_stage(int16_t *z, uint8_t quarter, uint8_t unshift, uint8_t half);

/* kws_fft_order_128(). */
void kws_avr_reverse(int16_t *z);

/* kws_fft_pairs(); returns the upper byte of the folded magnitudes. */
uint8_t kws_avr_pairs(int16_t *z);

/* kws_fft_untangle(); unshift is 2^(5 - shift), shift 0 to 2. */
void kws_avr_untangle(int16_t *z, uint8_t unshift);

/* kws_window_fold(): 256 samples; without the lowest byte. */
uint32_t kws_avr_window_bits(const int16_t *samples);

/* kws_window(), the second pass: shift 1 to 24, whole_bytes = (shift - 1) / 8, and unshift is
 * 2^(8 - what is left of it); for a shift of 0 unshift is 0. */
void kws_avr_window(int16_t *samples, uint8_t whole_bytes, uint8_t unshift);

/* kws_mel(): what rises into the next band, and the floor; both below 2^56, low bytes first. */
typedef struct {
    uint8_t rising[7], floor[7];
} kws_avr_mel;

/* One interval of it: the energy's 16 bits below its first, and above them its number of bits. */
uint32_t kws_avr_band(kws_avr_mel *mel, const uint32_t *power, const KWS_FLASH uint16_t *rise_q15,
                      uint8_t bins);

/* What log2_q10() says of such an energy, less the exponent: saturated, q10. */
int16_t kws_avr_log(uint32_t energy, uint8_t exponent);

/* kws_dct(): the sum of one coefficient over 24 bands. */
int32_t kws_avr_dct(const int16_t *log_q10, const KWS_FLASH int16_t *cosine_q11, uint8_t k);

/* kws_matrix_row() of an int4 row; scale is the shift above the multiplier. */
int32_t kws_avr_row4(const KWS_FLASH uint8_t *weights, const int8_t *x, uint8_t cols,
                     uint16_t scale);

/* sigmoid_q15() of kws_fastgrnn.c. */
uint16_t kws_avr_sigmoid(int32_t x_q12);

/* update() of a FastGRNN that is not hard; the gate's bias is the lower byte, and zeta. */
int16_t kws_avr_update(int32_t pre_q12, uint16_t biases_q5, uint16_t zeta_nu_q8, int16_t h_q15);

#endif
#endif
