/* Two halves of a word at once, on a Cortex-M4 and above (KWS_ARM_DSP): what its loops share. */
#ifndef KWS_DSP_H
#define KWS_DSP_H

#include "kws_fixed.h"

#if KWS_ARM_DSP
#include <arm_acle.h>
#include <string.h>

/* Two neighbours of 16 bits, the first one in the lower half. */
static inline uint32_t kws_two(const void *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}
static inline int32_t kws_low(uint32_t two) { return (int16_t)(uint16_t)two; }
static inline int32_t kws_high(uint32_t two) { return kws_shift((int32_t)two, 16); }

/* The compiler does not find these instructions itself. */
static inline uint32_t kws_pair(int32_t low, int32_t high) {
    uint32_t two;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(two) : "r"(low), "r"(high));
    return two;
}
static inline uint32_t kws_pair_of_quarters(int32_t low, int32_t high) { /* both / 4 */
    uint32_t two;
    __asm__("pkhtb %0, %1, %2, asr #2" : "=r"(two) : "r"((uint32_t)high << 14), "r"(low));
    return two;
}

/* The periodic Hann window, q15, of two neighbours from their cosines c: (1 - c) / 2, and half a length on
 * (1 + c) / 2. Less 32768 it fits 16 bits; then that is put right. */
#define KWS_TWICE_32768 0x80008000u
static inline uint32_t kws_two_early_q15(uint32_t c) {
    return (uint32_t)__shsub16((int16x2_t)KWS_TWICE_32768, (int16x2_t)c) ^ KWS_TWICE_32768;
}
static inline uint32_t kws_two_late_q15(uint32_t c) {
    return (uint32_t)__shadd16((int16x2_t)KWS_TWICE_32768, (int16x2_t)c) ^ KWS_TWICE_32768;
}
#endif

#endif
