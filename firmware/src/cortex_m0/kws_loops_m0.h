/* The loops that a Cortex-M0 takes most of its time for, by hand: its eight registers are too few
 * for a compiler, which takes up to twice as many instructions. Beside each stands the
 * kernel of kws_kernels.h that it is part of. */
#ifndef KWS_LOOPS_M0_H
#define KWS_LOOPS_M0_H

#include "../kws_kernels.h"

#if KWS_CORTEX_M0
/* kws_window_fold(): from the middle sample and the cosine of angle 0 on. `bytes` are
 * those of half the samples; from one angle to the next the table moves on by 2 and `skip`
 * bytes. */
uint32_t kws_m0_fold(const int16_t *middle, const int16_t *cosine, uint32_t bytes, uint32_t skip);

/* kws_window(), all but the first sample and the one in the middle: from the cosine of the first
 * angle, less 2. */
void kws_m0_window(int16_t *middle, const int16_t *cosine, uint32_t bytes, uint32_t skip,
                   uint32_t shift, int32_t half);

/* kws_mel(): all bins of an interval, at least one: lower and upper half of what rises, then of
 * all. */
void kws_m0_feed(const uint32_t *power, const uint32_t *end, const uint16_t *weight_q15,
                 uint32_t sums[4]);

/* kws_fft_stage(): the first points of the groups, and then all others, from quarter 4 on;
 * return what put() does. `half` is half a step of a shift that counts the turned points' two
 * fractional bits too. */
uint32_t kws_m0_plain(int16_t *z, const int16_t *end, uint32_t stride_bytes, uint32_t shift);
uint32_t kws_m0_turned(int16_t *z, const int16_t *end, uint32_t stride_bytes, uint32_t step_bytes,
                       uint32_t shift, int32_t half, const int16_t *sine);
#endif

#endif
