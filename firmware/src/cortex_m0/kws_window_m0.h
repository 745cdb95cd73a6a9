/* The window's loops on a Cortex-M0, for kws_window.c: kws_window_m0.c has the instructions. */
#include "kws_loops_m0.h"

#if KWS_CORTEX_M0
#define KWS_OWN_WINDOW_LOOPS

static kws_window_fold_kernel kws_window_fold;
static void kws_window_fold(const int16_t *samples, unsigned length, uint32_t *folded) {
    unsigned step = KWS_SINE_PERIOD / length;
    *folded = kws_m0_fold(samples + length / 2, kws_sine_q15 + KWS_SINE_PERIOD / 4, length,
                          2 * (step - 1));
}

KWS_PART kws_window_sides_kernel kws_window_sides;
KWS_PART void kws_window_sides(int16_t *middle, unsigned length, unsigned shift, int32_t half) {
    unsigned step = KWS_SINE_PERIOD / length;
    kws_m0_window(middle, kws_sine_q15 + KWS_SINE_PERIOD / 4 + step - 1, length, 2 * (step - 1),
                  shift, half);
}
#endif
