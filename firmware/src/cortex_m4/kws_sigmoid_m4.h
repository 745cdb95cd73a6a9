/* Sigmoid on a Cortex-M4, for kws_fastgrnn.c: low (512 - f) + high f + 256 over 512, one SMLAD. */
#include "kws_pairs_m4.h"

#if KWS_CORTEX_M4
#define KWS_OWN_SIGMOID

static kws_sigmoid_kernel sigmoid_q15;
static int32_t sigmoid_q15(int32_t x_q12) {
    int32_t magnitude = x_q12 < 0 ? -x_q12 : x_q12;
    uint32_t within = __usat(magnitude, 15), fraction = within & 511;
    uint32_t parts = 512 - fraction + (fraction << 16);
    const void *low_and_high = kws_sigmoid_q15 + (within >> 9);
    uint32_t two = *(const kws_near_two *)low_and_high;
    int32_t y = kws_shift(__smlad((int16x2_t)two, (int16x2_t)parts, 256), 9);
    return x_q12 < 0 ? ONE_Q15 - y : y;
}
#endif
