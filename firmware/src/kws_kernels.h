/* The kernels: loops that some chip has written by hand. Here stands the one prototype and the one
 * contract of each, which every variant keeps to the last bit, and where the variants are.
 * README.md has the same as a table.
 *
 * A kernel is a static function in the file of its only caller; its type here is its prototype, and
 * every variant is declared with it (`static kws_fft_stage_kernel kws_fft_stage;`), so that a
 * compiler compares them. What is called from more than one file has an ordinary prototype, in the
 * header that is named. kws_arch.h says which processor has which variants; a chip's header defines
 * KWS_OWN_... where it brings its own, and the portable C then leaves its own out.
 *
 * `samples`, `z`, `folded`, `shift` and `half` are one value a lane, KWS_LANES of them side by side
 * (kws_fft.h); a chip has one lane. Folded magnitudes are those of kws_fold(), ORed. */
#ifndef KWS_KERNELS_H
#define KWS_KERNELS_H

#include "kws_fft.h"
#include "kws_fixed.h"
#include "kws_matrix.h"
#include "kws_tables.h"

/* ---- window: kws_window.c ------------------------------------------------------------------- */

/* Windows the frames in place, periodic Hann, and scales them so that the largest product of each
 * fills `magnitude` bits: a quiet recording loses nothing. shift: the bits that were shifted out of
 * q30, at least 0; every product is rounded to nearest, halves up.
 * KWS_OWN_WINDOW. Variants: kws_window.c, avr/kws_window_avr.h (256 samples). */
typedef void kws_window_kernel(int16_t *samples, unsigned length, unsigned magnitude,
                               unsigned *shift);

/* ORs the folded magnitudes of all products of samples and weights, q30, to `folded`.
 * KWS_OWN_WINDOW_LOOPS. Variants: kws_window.c, cortex_m0/kws_window_m0.h. */
typedef void kws_window_fold_kernel(const int16_t *samples, unsigned length, uint32_t *folded);

/* Windows all samples but the first and the one in the middle: (sample * weight + half) / 2^shift.
 * The C has it in kws_window() itself.
 * KWS_OWN_WINDOW_LOOPS. Variants: kws_window.c, cortex_m0/kws_window_m0.h. */
typedef void kws_window_sides_kernel(int16_t *middle, unsigned length, unsigned shift,
                                     int32_t half);

/* kws_fft_power_of_samples(), in kws_fft.h: window and transform of 512 samples in one.
 * KWS_OWN_SPECTRUM(length) says of which frames. Variant: cortex_m4/kws_fft_m4.c. */

/* ---- fft: kws_fft.c ------------------------------------------------------------------------- */

/* Brings 256 points, or 128, into the order in which the stages take them: their base-4 digits in
 * reverse; of 128 points three digits and one bit.
 * KWS_OWN_FFT. Variants: kws_fft.c, avr/kws_fft_avr.h (128 points). */
typedef void kws_fft_order_kernel(int16_t *z);

/* Sum and difference of every two neighbours, in place. |points| <= 2^14 on both axes; ORs the
 * folded magnitudes of the results to `folded`.
 * KWS_OWN_FFT. Variants: kws_fft.c, avr/kws_fft_avr.h (an upper byte of `folded` is enough). */
typedef void kws_fft_pairs_kernel(int16_t *z, unsigned points, uint32_t *folded);

/* One radix-4 stage over groups of 4 * quarter points, in place; every output is the exact sum with
 * turned points of two more fractional bits, rounded once, / 2^shift. The points have at most 12
 * bits after the shift. Sets `folded` to the outputs' folded magnitudes.
 * KWS_OWN_FFT or KWS_OWN_FFT_STAGE. Variants: kws_fft.c, cortex_m0/kws_fft_stage_m0.h,
 * avr/kws_fft_avr.h (128 points; an upper byte of `folded` is enough). */
typedef void kws_fft_stage_kernel(int16_t *z, unsigned points, unsigned quarter,
                                  const unsigned *shift, uint32_t *folded);

/* The spectrum of the real samples from the transform of `points` complex ones / 2^shift, and its
 * power, in place: bins 1 to 2 * points - 1, |X|^2 as uint32.
 * KWS_OWN_FFT. Variants: kws_fft.c, avr/kws_fft_avr.h (128 points). */
typedef void kws_fft_untangle_kernel(kws_frames *frames, unsigned points, const unsigned *shift);

/* How a point of 16-bit parts is read, exchanged and stored: point(), exchange(), put(), told() of
 * kws_fft.c.
 * KWS_OWN_POINTS. Variants: kws_fft.c (two numbers), cortex_m0/kws_points_m0.h (one word). */

/* ---- mel: kws_mel.c ------------------------------------------------------------------------- */

/* What the bins of one interval feed: they rise into one band, each with a weight q15, and fall out
 * of the one below with the rest of it. kws_mel_fallen() reads the second from `falling`, which is
 * the variant's own. */
typedef struct {
    uint64_t rising, falling;
} kws_mel_sums;

/* The loop over one interval is statements within kws_mel(): they sum the powers from `power` up to
 * `end`, at least one, times `weight_q15`, exactly, to `sums`, and move `power` to `end` and
 * `weight_q15` to the next interval's weights.
 * KWS_OWN_MEL_FEED, KWS_OWN_MEL_FALLEN. Variants: kws_mel.c, cortex_m0/kws_mel_m0.h,
 * cortex_m4/kws_mel_m4.h. */

/* Powers, in units of 4^shift of the windowed samples' square, to log2 of every band's energy, q10,
 * into the frames' samples.
 * KWS_OWN_MEL. Variants: kws_mel.c, avr/kws_mel_avr.h (24 bands). */
typedef void kws_mel_kernel(kws_frames *frames, unsigned length,
                            const KWS_FLASH kws_mel_table *table, const unsigned *shift);

/* ---- cepstrum: kws_cepstrum.c --------------------------------------------------------------- */

/* Orthonormal DCT-II of the bands' log2 q10 in the frames' samples: n_mfcc coefficients, natural
 * logarithm q7. The sums are exact, and rounded once.
 * KWS_OWN_DCT. Variants: kws_cepstrum.c, avr/kws_dct_avr.h (24 bands). */
typedef void kws_dct_kernel(kws_frames *frames, const KWS_FLASH kws_mel_table *table,
                            unsigned n_mfcc, int16_t *mfcc_q7);

/* ---- matrices: kws_matrix.c ----------------------------------------------------------------- */

/* kws_matrix_rows() and kws_operand_close(), in kws_matrix.h.
 * KWS_OWN_OPERAND, KWS_OWN_ROWS4, KWS_OWN_ROWS. Variants: kws_matrix.c, cortex_m4/kws_matrix_m4.h,
 * avr/kws_matrix_avr.h. */

/* `count` rows of two int4 weights a byte, `bytes` each, dot x, scaled and clamped as
 * kws_matrix_rows() has it.
 * KWS_OWN_ROWS4. Variants: kws_matrix.c, cortex_m4/kws_matrix_m4.h. */
typedef void kws_rows4_kernel(const kws_matrix *matrix, const KWS_FLASH uint8_t *weights,
                              unsigned bytes, const kws_operand *x, unsigned count, int32_t *out);

/* ---- gates: kws_fastgrnn.c ------------------------------------------------------------------ */

/* Sigmoid, q12 in, q15 out: 65 entries of kws_sigmoid_q15, 1/8 apart, between them linear, rounded
 * to nearest, halves up; mirrored below 0.
 * KWS_OWN_SIGMOID. Variants: kws_fastgrnn.c, cortex_m4/kws_sigmoid_m4.h,
 * avr/kws_fastgrnn_avr.h. */
typedef int32_t kws_sigmoid_kernel(int32_t x_q12);

/* The new state of units first to first + count - 1 from their W x and U h.
 * KWS_OWN_UPDATE_UNITS. Variants: kws_fastgrnn.c, cortex_m4/kws_update_m4.h. */
typedef void kws_update_units_kernel(kws_fastgrnn *cell, const kws_model *model, unsigned first,
                                     unsigned count, const int32_t *w_q12, const int32_t *u_q12);

/* The new state of one unit.
 * KWS_OWN_UPDATE(model) says of which cells. Variants: kws_fastgrnn.c, avr/kws_update_avr.h. */
typedef int16_t kws_update_kernel(const kws_model *model, unsigned unit, int32_t pre_q12,
                                  int32_t h_q15);

/* A state of 16 bits to the 8 that a product takes: to nearest, halves up, saturated.
 * KWS_OWN_STATE_TO_INT8. Variants: kws_fastgrnn.c, avr/kws_fastgrnn_avr.h. */
typedef int8_t kws_state_to_int8_kernel(int16_t h_q15);

/* ---- rounding: kws_fixed.h ------------------------------------------------------------------ */

/* kws_sat16() and kws_sat8(): KWS_OWN_SATURATION. Variants: kws_fixed.h, cortex_m4/kws_fixed_m4.h.
 * kws_bits(): KWS_HAS_CLZ of kws_arch.h. Variants: both in kws_fixed.h. */

#endif
