/* Stage "mel": powers of bins to log2 of the energies of mel bands. Part of kws_features.c. */
#include <string.h>

#include "kws_kernels.h"

#define PRODUCT_Q 30 /* sample_q15 * window_q15 */
#define WEIGHT_Q 15
#define LOG2_Q 10
#define LOG_FLOOR_EXPONENT (-23) /* added to every band: the noise of 16-bit rounding */

#include "avr/kws_mel_avr.h"

#ifndef KWS_OWN_MEL
/* log2 of a number of so many bits, q10, from the 16 bits below its first: 6 of them index a table,
 * 10 interpolate. */
static inline int32_t log2_q10(unsigned bits, uint32_t mantissa) {
    const KWS_FLASH uint16_t *low = kws_log2_q15 + (mantissa >> 10);
    int32_t log_q15 = low[0] + kws_round_shift((low[1] - low[0]) * (int32_t)(mantissa & 1023), 10);
    return ((int32_t)bits - 1) * (1 << LOG2_Q) + kws_round_shift(log_q15, 15 - LOG2_Q);
}

static inline int32_t log2_of(uint64_t value) {
    uint32_t high = (uint32_t)(value >> 32), low = (uint32_t)value;
    unsigned bits = kws_bits(high ? high : low);
    if (!high) return log2_q10(bits, low << (32 - bits) >> 15 & 0xffff);
    return log2_q10(bits + 32, (high << (32 - bits) | low >> bits) >> 15 & 0xffff);
}

#include "cortex_m0/kws_mel_m0.h"
#include "cortex_m4/kws_mel_m4.h"

/* What falls is the rest of all: `falling` is their sum. */
#ifndef KWS_OWN_MEL_FALLEN
static inline uint64_t kws_mel_fallen(const kws_mel_sums *sums) {
    return (sums->falling << WEIGHT_Q) - sums->rising;
}
#endif

#ifndef KWS_OWN_MEL_FEED
/* 32 by 16 bits in two steps, each one instruction on a chip without a long multiplication. */
static inline void feed(kws_mel_sums *sums, uint32_t power, uint32_t weight) {
    sums->rising += ((uint64_t)((power >> 16) * weight) << 16) + (power & 0xffff) * weight;
    sums->falling += power;
}
#endif

/* Powers that kws_fft.c leaves in the order of their bins can be overwritten from the first on. */
#ifndef KWS_BINS_IN_ORDER
#define KWS_BINS_IN_ORDER 1
#endif

/* Every bin lies between two band centres and feeds both: it rises into the upper band with weight
 * w and falls out of the lower with 1 - w. The energies are the true ones (samples in [-1, 1))
 * times 2^exponent. Band m takes the place of half a power long used up, samples[m]. */
KWS_STAGE kws_mel_kernel kws_mel;
KWS_STAGE void kws_mel(kws_frames *frames, unsigned length, const KWS_FLASH kws_mel_table *table,
                       const unsigned *shift) {
    const KWS_FLASH uint8_t *edges = table->edges;
    const KWS_FLASH uint16_t *weight_q15 = table->rise_q15;
    const uint32_t *power = frames->power + *edges * KWS_LANES;
    (void)length; /* which is for a chip that has the bins in another order */
    int16_t apart_q10[KWS_MAX_MELS], *log_q10 = KWS_BINS_IN_ORDER ? frames->samples : apart_q10;
    uint64_t carried[KWS_LANES] = {0}, floor[KWS_LANES];
    int32_t exponent_q10[KWS_LANES];
    KWS_FOR_LANES(l) {
        int exponent = 2 * (PRODUCT_Q - (int)shift[l]) + WEIGHT_Q;
        int place = exponent + LOG_FLOOR_EXPONENT;
        exponent_q10[l] = (int32_t)exponent * (1 << LOG2_Q);
        floor[l] = place >= 0 ? (uint64_t)1 << place : 0;
    }
    for (unsigned interval = 0; interval <= table->n_mels; interval++) {
        const uint32_t *end = frames->power + *++edges * KWS_LANES;
        kws_mel_sums sums[KWS_LANES];
#ifdef KWS_OWN_MEL_FEED
        KWS_OWN_MEL_FEED
#else
        KWS_FOR_LANES(l) sums[l].rising = sums[l].falling = 0;
        for (; power < end; power += KWS_LANES) {
            uint16_t weight = *weight_q15++;
            KWS_FOR_LANES(l) feed(&sums[l], power[l], weight);
        }
#endif
        if (interval) {
            KWS_FOR_LANES(l) {
                uint64_t energy = carried[l] + kws_mel_fallen(&sums[l]);
                /* a digital zero beside a loud band has no energy and no floor: one unit */
                log_q10[l] = kws_sat16(log2_of(energy ? energy : 1) - exponent_q10[l]);
            }
            log_q10 += KWS_LANES;
        }
        KWS_FOR_LANES(l) carried[l] = sums[l].rising + floor[l];
    }
    if (!KWS_BINS_IN_ORDER) memcpy(frames->samples, apart_q10, table->n_mels * sizeof *apart_q10);
}
#endif
