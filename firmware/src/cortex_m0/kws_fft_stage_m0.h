/* A stage of the transform on a Cortex-M0, for kws_fft.c: kws_fft_m0.c has the instructions. */
#include "kws_loops_m0.h"

#if KWS_CORTEX_M0
#define KWS_OWN_FFT_STAGE

static kws_fft_stage_kernel kws_fft_stage;
static void kws_fft_stage(int16_t *z, unsigned points, unsigned quarter, const unsigned *shift,
                          uint32_t *folded) {
    const int16_t *end = z + points * POINT;
    uint32_t stride_bytes = quarter * POINT * (uint32_t)sizeof *z,
             step = KWS_SINE_PERIOD / 4 / quarter;
    uint32_t magnitudes = kws_m0_plain(z, end, stride_bytes, *shift);
    if (quarter > 1)
        magnitudes |= kws_m0_turned(z, end, stride_bytes, step * (uint32_t)sizeof *kws_sine_q15,
                                    *shift + 2, kws_half(*shift + 2), kws_sine_q15);
    *folded = told(magnitudes);
}
#endif
