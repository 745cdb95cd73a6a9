#include "kws_features.h"

#include "kws_avr.h"
#include "kws_fft.h"
#include "kws_fixed.h"
#include "kws_tables.h"

#define PERIOD KWS_SINE_PERIOD
#define PRODUCT_Q 30 /* sample_q15 * window_q15 */
#define WEIGHT_Q 15
#define LOG2_Q 10
#define LANES KWS_LANES
#define LOG_FLOOR_EXPONENT (-23) /* added to every band: the noise of 16-bit rounding */

/* log2 q10 to natural log q7: ln 2 * 2^-3, as a q18 constant. */
static int16_t to_natural_q7(int32_t log_q10) { return kws_sat16(kws_round_shift(log_q10 * 22713, 18)); }

#ifndef KWS_AVR_ASSEMBLY
/* The periodic Hann window at n / 512 of its length, q15; it is symmetric: sample n has the weight of
 * sample 512 - n. */
static int32_t window_q15(unsigned n) {
    return (32768 - (int32_t)kws_sine_q15[(n + PERIOD / 4) & (PERIOD - 1)]) >> 1;
}

/* Windows the frames in place, scaled so that the largest sample of each fills so many bits: a quiet
 * recording loses nothing. Writes the shifts from q30. */
static void apply_window(int16_t *samples, unsigned length, unsigned magnitude, unsigned *shift) {
    uint32_t folded[LANES] = {0};
    unsigned step = PERIOD / length;
    for (unsigned n = 1; n <= length / 2; n++) {
        const int16_t *early = samples + n * LANES, *late = samples + (length - n) * LANES;
        int32_t weight = window_q15(n * step);
        KWS_FOR_LANES(l) folded[l] |= kws_fold(early[l] * weight) | kws_fold(late[l] * weight);
    }
    KWS_FOR_LANES(l) {
        unsigned bits = kws_bits(folded[l]);
        shift[l] = bits > magnitude ? bits - magnitude : 0;
        samples[l] = 0;
    }
    for (unsigned n = 1; n < length; n++) {
        int16_t *at = samples + n * LANES;
        int32_t weight = window_q15(n * step);
        KWS_FOR_LANES(l) at[l] = (int16_t)kws_round_shift(at[l] * weight, shift[l]);
    }
}

/* log2 of a number of so many bits, q10, from the 16 bits below its first: 6 of them index a table, 10
 * interpolate. */
static int32_t log2_q10(unsigned bits, uint16_t mantissa) {
    unsigned index = mantissa >> 10, fraction = mantissa & 1023;
    uint16_t low = kws_log2_q15[index], step = (uint16_t)(kws_log2_q15[index + 1] - low);
    int32_t log_q15 = low + kws_round_shift((int32_t)((uint32_t)step * fraction), 10);
    return ((int32_t)bits - 1) * (1 << LOG2_Q) + kws_round_shift(log_q15, 15 - LOG2_Q);
}

static int32_t log2_of(uint64_t value) {
    unsigned bits = value >> 32 ? 32 + kws_bits((uint32_t)(value >> 32)) : kws_bits((uint32_t)value);
    return log2_q10(bits, (uint16_t)(bits > 17 ? value >> (bits - 17) : value << (17 - bits)));
}

/* 32 by 16 bits in two steps, each one instruction on a chip without a long multiplication. */
static uint64_t product(uint32_t a, uint16_t b) {
    return ((uint64_t)((a >> 16) * b) << 16) + (a & 0xffff) * (uint32_t)b;
}

/* Power bins to log2 of the mel energies. Every bin lies between two band centres and feeds both:
 * it rises into the upper band with weight w and falls out of the lower with 1 - w. The energies
 * are the true ones (samples in [-1, 1)) times 2^exponent. Band m takes the place of half a power
 * long used up, samples[m]. */
static void log_mel(kws_frames *frames, const KWS_FLASH kws_mel_table *table, const unsigned *shift) {
    uint64_t rising[LANES] = {0};
    const KWS_FLASH uint16_t *weight_q15 = table->rise_q15;
    for (unsigned interval = 0; interval <= table->n_mels; interval++) {
        uint64_t whole[LANES] = {0}, carried[LANES];
        KWS_FOR_LANES(l) {
            carried[l] = rising[l];
            rising[l] = 0;
        }
        for (unsigned bin = table->edges[interval]; bin < table->edges[interval + 1]; bin++) {
            uint16_t weight = *weight_q15++;
            KWS_FOR_LANES(l) {
                whole[l] += frames->power[bin * LANES + l];
                rising[l] += product(frames->power[bin * LANES + l], weight);
            }
        }
        if (interval == 0) continue;
        KWS_FOR_LANES(l) {
            int exponent = 2 * (PRODUCT_Q - (int)shift[l]) + WEIGHT_Q, floor = exponent + LOG_FLOOR_EXPONENT;
            uint64_t energy = carried[l] + (whole[l] << WEIGHT_Q) - rising[l];
            if (floor >= 0) energy += (uint64_t)1 << floor;
            /* no energy and no floor: a digital zero beside a loud band; one unit stands for it */
            int32_t log = log2_of(energy ? energy : 1) - (int32_t)exponent * (1 << LOG2_Q);
            frames->samples[(interval - 1) * LANES + l] = kws_sat16(log);
        }
    }
}

/* Orthonormal DCT-II. Bands m and n-1-m share a cosine up to its sign. */
static void dct(const int16_t *log_q10, const KWS_FLASH kws_mel_table *table, unsigned n_mfcc, int16_t *mfcc_q7) {
    unsigned n = table->n_mels, period = 4 * n;
    for (unsigned k = 0; k < n_mfcc; k++) {
        int32_t sum[LANES] = {0}; /* q21; |pair| < 2^16, 20 pairs, cosine q11: below 2^31 */
        unsigned angle = k;
        for (unsigned m = 0; m < n / 2; m++) {
            const int16_t *low = log_q10 + m * LANES, *high = log_q10 + (n - 1 - m) * LANES;
            int32_t cosine = table->cosine_q11[angle], mirrored = k & 1 ? -cosine : cosine;
            KWS_FOR_LANES(l) sum[l] += low[l] * cosine + high[l] * mirrored;
            angle += 2 * k;
            if (angle >= period) angle -= period;
        }
        int32_t scale = k == 0 ? table->scale_first : table->scale_other;
        KWS_FOR_LANES(l) {
            int64_t scaled = (int64_t)sum[l] * scale;
            mfcc_q7[k * LANES + l] = kws_sat16((int32_t)((scaled + ((int64_t)1 << 30)) >> 31));
        }
    }
}

#else
static void apply_window(int16_t *samples, unsigned length, unsigned magnitude, unsigned *shift) {
    unsigned bits = kws_bits(kws_avr_window_bits(samples)), less = bits > magnitude ? bits - magnitude - 1 : 0;
    (void)length;
    *shift = bits > magnitude ? bits - magnitude : 0;
    kws_avr_window(samples, (uint8_t)(less / 8), (uint8_t)(*shift ? 128u >> less % 8 : 0));
}

static void log_mel(kws_frames *frames, const KWS_FLASH kws_mel_table *table, const unsigned *shift) {
    int exponent = 2 * (PRODUCT_Q - (int)*shift) + WEIGHT_Q, floor = exponent + LOG_FLOOR_EXPONENT;
    kws_avr_mel mel = {{0}, {0}};
    const KWS_FLASH uint16_t *weight_q15 = table->rise_q15;
    if (floor >= 0) mel.floor[floor / 8] = (uint8_t)(1u << floor % 8);
    for (uint8_t interval = 0; interval <= table->n_mels; interval++) {
        uint8_t first = table->edges[interval], bins = (uint8_t)(table->edges[interval + 1] - first);
        uint32_t energy = kws_avr_band(&mel, frames->power + first, weight_q15, bins);
        weight_q15 += bins;
        if (interval == 0) continue;
        frames->samples[interval - 1] = kws_avr_log(energy, (uint8_t)exponent);
    }
}

/* sum * scale / 2^31 from two products of 32 bits: what is below 2^16 of the whole decides nothing. */
static void dct(const int16_t *log_q10, const KWS_FLASH kws_mel_table *table, unsigned n_mfcc, int16_t *mfcc_q7) {
    for (uint8_t k = 0; k < n_mfcc; k++) {
        int32_t sum = kws_avr_dct(log_q10, table->cosine_q11, k);
        int16_t scale = k == 0 ? table->scale_first : table->scale_other;
        uint32_t low = (uint32_t)(uint16_t)sum * (uint16_t)scale;
        int32_t high = (int32_t)(int16_t)kws_shift(sum, 16) * scale;
        mfcc_q7[k] = kws_sat16(kws_round_shift(high + (int32_t)(low >> 16), 15));
    }
}
#endif

void kws_features_of(kws_frames *frames, const kws_feature_settings *settings, int16_t *features_q7) {
    const KWS_FLASH kws_mel_table *table = kws_mel_table_of(settings->frame_length, settings->n_mels);
    const int16_t *log_q10 = frames->samples;
    unsigned length = settings->frame_length;
    unsigned magnitude = length == 512 ? 14 : 13; /* the pairs of 128 points take one bit more */
    unsigned shift[LANES];

    apply_window(frames->samples, length, magnitude, shift);
    kws_fft_power(frames, length, magnitude, shift);
    log_mel(frames, table, shift);
    if (settings->n_mfcc) {
        dct(log_q10, table, settings->n_mfcc, features_q7);
    } else {
        for (unsigned i = 0; i < table->n_mels * LANES; i++) features_q7[i] = to_natural_q7(log_q10[i]);
    }
}
