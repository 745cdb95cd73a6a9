/* The mel bands' loop on a Cortex-M0, for kws_mel.c: kws_mel_m0.c has the instructions. */
#include "kws_loops_m0.h"

#if KWS_CORTEX_M0
#define KWS_OWN_MEL_FEED                                   \
    uint32_t halves[4];                                    \
    kws_m0_feed(power, end, weight_q15, halves);           \
    sums->rising = (uint64_t)halves[1] << 32 | halves[0];  \
    sums->falling = (uint64_t)halves[3] << 32 | halves[2]; \
    weight_q15 += end - power;                             \
    power = end;
#endif
