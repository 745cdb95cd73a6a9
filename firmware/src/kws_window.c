/* Stage "window": a frame of samples, windowed, in block floating point. Part of kws_features.c. */
#include "kws_kernels.h"

#include "avr/kws_window_avr.h"

#ifndef KWS_OWN_WINDOW
/* The periodic Hann window, q15, at an angle / 512 of its length from its middle, on either
 * side. */
static inline int32_t window_q15(unsigned angle) {
    return (32768 + kws_sine_q15[angle + KWS_SINE_PERIOD / 4]) >> 1;
}

#include "cortex_m0/kws_window_m0.h"

#ifndef KWS_OWN_WINDOW_LOOPS
static kws_window_fold_kernel kws_window_fold;
static void kws_window_fold(const int16_t *samples, unsigned length, uint32_t *folded) {
    unsigned step = KWS_SINE_PERIOD / length;
    const int16_t *early = samples + length / 2 * KWS_LANES, *late = early;
    for (unsigned angle = 0; angle < KWS_SINE_PERIOD / 2;
         angle += step, early -= KWS_LANES, late += KWS_LANES) {
        int32_t weight = window_q15(angle);
        KWS_FOR_LANES(l) folded[l] |= kws_fold(early[l] * weight) | kws_fold(late[l] * weight);
    }
}
#endif

KWS_STAGE kws_window_kernel kws_window;
KWS_STAGE void kws_window(int16_t *samples, unsigned length, unsigned magnitude, unsigned *shift) {
    int16_t *early = samples + length / 2 * KWS_LANES, *late = early;
    uint32_t folded[KWS_LANES] = {0};
    int32_t half[KWS_LANES];
    kws_window_fold(samples, length, folded);
    KWS_FOR_LANES(l) {
        shift[l] = kws_excess(folded[l], magnitude);
        half[l] = kws_half(shift[l]);
        samples[l] = 0;
        early[l] = (int16_t)kws_shift(early[l] * window_q15(0) + half[l], shift[l]);
    }
#ifdef KWS_OWN_WINDOW_LOOPS
    kws_window_sides(late, length, *shift, *half);
#else
    unsigned step = KWS_SINE_PERIOD / length;
    for (unsigned angle = step; angle < KWS_SINE_PERIOD / 2; angle += step) {
        int32_t weight = window_q15(angle);
        early -= KWS_LANES;
        late += KWS_LANES;
        KWS_FOR_LANES(l) {
            early[l] = (int16_t)kws_shift(early[l] * weight + half[l], shift[l]);
            late[l] = (int16_t)kws_shift(late[l] * weight + half[l], shift[l]);
        }
    }
#endif
}
#endif
