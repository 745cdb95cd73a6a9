/* The one way to round and the one way to saturate. */
#ifndef KWS_FIXED_H
#define KWS_FIXED_H

#include <stdint.h>

#include "kws_arch.h"

/* value / 2^shift, downwards. Shifting a negative number right is arithmetic on every compiler that
 * this engine supports; the test of this helper fails on any other. */
static inline int32_t kws_shift(int32_t value, unsigned shift) { return value >> shift; }

/* value / 2^shift, to nearest, halves up. */
static inline int32_t kws_half(unsigned shift) {
    return shift == 0 ? 0 : (int32_t)1 << (shift - 1);
}
static inline int32_t kws_round_shift(int32_t value, unsigned shift) {
    return kws_shift(value + kws_half(shift), shift);
}

static inline int32_t kws_clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

#include "cortex_m4/kws_fixed_m4.h"

#ifndef KWS_OWN_SATURATION
static inline int16_t kws_sat16(int32_t value) {
    return (int16_t)kws_clamp(value, INT16_MIN, INT16_MAX);
}
static inline int8_t kws_sat8(int32_t value) {
    return (int8_t)kws_clamp(value, INT8_MIN, INT8_MAX);
}
#endif

/* Magnitudes of many values fold together by OR: where the result has b bits, all of them lie in
 * [-2^b, 2^b). Negative values fold to their complement, without a branch. */
static inline uint32_t kws_fold(int32_t value) { return (uint32_t)(value ^ kws_shift(value, 31)); }

/* Bits needed for value: 0 for 0, 32 for 0x80000000. */
static inline unsigned kws_bits(uint32_t value) {
#if KWS_HAS_CLZ
    return value ? 32u - (unsigned)__builtin_clz(value) : 0;
#else
    unsigned bits = 0;
    if (value >> 16) {
        bits = 16;
        value >>= 16;
    }
    if (value >> 8) {
        bits += 8;
        value >>= 8;
    }
    if (value >> 4) {
        bits += 4;
        value >>= 4;
    }
    if (value >> 2) {
        bits += 2;
        value >>= 2;
    }
    return bits + (value > 1 ? 2u : (unsigned)value);
#endif
}

/* The shift that brings folded magnitudes to so many bits. */
static inline unsigned kws_excess(uint32_t folded, unsigned bits) {
    unsigned magnitude = kws_bits(folded);
    return magnitude > bits ? magnitude - bits : 0;
}

#endif
