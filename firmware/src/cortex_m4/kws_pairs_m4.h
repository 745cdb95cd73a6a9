/* Two halves of a word at once, on a Cortex-M4 and above (KWS_CORTEX_M4): what its loops share. */
#ifndef KWS_PAIRS_M4_H
#define KWS_PAIRS_M4_H

#include "../kws_fixed.h"

#if KWS_CORTEX_M4
#include <arm_acle.h>
#include <string.h>

/* Two neighbours of 16 bits, the first one in the lower half. */
typedef uint32_t kws_two __attribute__((may_alias));
typedef uint32_t kws_near_two __attribute__((may_alias, aligned(2)));
static inline int32_t kws_low(uint32_t two) { return (int16_t)(uint16_t)two; }
static inline int32_t kws_high(uint32_t two) { return kws_shift((int32_t)two, 16); }

/* The compiler does not find this instruction itself. */
static inline uint32_t kws_pair(int32_t low, int32_t high) {
    uint32_t two;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(two) : "r"(low), "r"(high));
    return two;
}
#endif

#endif
