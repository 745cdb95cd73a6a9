/* Stage "cepstrum": log2 of the mel bands to features. Part of kws_features.c. */
#include "kws_kernels.h"

/* sum * scale / 2^31 from two products of 32 bits: what is below 2^16 of the whole decides
 * nothing. */
static inline int16_t scaled_q7(int32_t sum, int16_t scale) {
    uint32_t low = (uint32_t)(uint16_t)sum * (uint16_t)scale;
    int32_t high = (int32_t)(int16_t)kws_shift(sum, 16) * scale;
    return kws_sat16(kws_round_shift(high + (int32_t)(low >> 16), 15));
}

/* log2 q10 to natural log q7: ln 2 * 2^-3, as a q18 constant. */
KWS_STAGE int16_t kws_natural_q7(int32_t log_q10) {
    return (int16_t)kws_round_shift(log_q10 * 22713, 18); /* 14 bits at most */
}

#include "avr/kws_dct_avr.h"

#ifndef KWS_OWN_DCT
/* Of n values those at m and n - 1 - m become their sum, at m, and their difference, half of n
 * further. */
static void fold_in_two(const int32_t *low, unsigned n, int32_t *sums) {
    const int32_t *high = low + (n - 1) * KWS_LANES;
    int32_t *differences = sums + n / 2 * KWS_LANES;
    for (; low < high;
         low += KWS_LANES, high -= KWS_LANES, sums += KWS_LANES, differences += KWS_LANES) {
        KWS_FOR_LANES(l) {
            sums[l] = low[l] + high[l];
            differences[l] = low[l] - high[l];
        }
    }
}

/* Bands m and n-1-m share a cosine up to its sign: an odd coefficient takes their differences, an
 * even one the sums, and of these again differences or sums. The sums are below 2^31 (q21): 40
 * logarithms of at most 23 * 2^10, cosine q11. */
KWS_STAGE kws_dct_kernel kws_dct;
KWS_STAGE void kws_dct(kws_frames *frames, const KWS_FLASH kws_mel_table *table, unsigned n_mfcc,
                       int16_t *mfcc_q7) {
    unsigned n = table->n_mels;
    int period = 4 * table->n_mels;
    const KWS_FLASH int16_t *end = table->cosine_q11 + period;
    int32_t *logs = (int32_t *)frames->power + KWS_LANES * KWS_MAX_MELS; /* beyond the logarithms */
    int32_t *halves = logs + n * KWS_LANES, *quarters = halves + n * KWS_LANES;
    int32_t *eighths = quarters + n / 2 * KWS_LANES;
    for (unsigned i = 0; i < n * KWS_LANES; i++) logs[i] = frames->samples[i];
    fold_in_two(logs, n, halves);
    fold_in_two(halves, n / 2, quarters);
    fold_in_two(quarters, n / 4, eighths);
    for (unsigned k = 0; k < n_mfcc; k++) {
        unsigned count = k & 1 ? n / 2 : k & 2 ? n / 4 : n / 8;
        int angle = (int)k - period; /* from the end of the table: below 0 */
        const int32_t *value = k & 1 ? halves : k & 2 ? quarters : eighths;
        int32_t sum[KWS_LANES] = {0};
        if (k & 7) value += count * KWS_LANES; /* the differences */
        for (; count; count--, value += KWS_LANES) {
            int32_t c = end[angle];
            KWS_FOR_LANES(l) sum[l] += value[l] * c;
            angle += 2 * (int)k;
            if (angle >= 0) angle -= period;
        }
        int16_t scale = k == 0 ? table->scale_first : table->scale_other;
        KWS_FOR_LANES(l) mfcc_q7[k * KWS_LANES + l] = scaled_q7(sum[l], scale);
    }
}
#endif
