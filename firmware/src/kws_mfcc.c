#include "kws_mfcc.h"

#include <string.h>

#include "kws_fft.h"
#include "kws_fixed.h"
#include "kws_tables.h"

#define PERIOD KWS_SINE_PERIOD
#define PRODUCT_Q 30 /* sample_q15 * window_q15 */
#define WEIGHT_Q 15
#define LOG2_Q 10
#define LOG_FLOOR_EXPONENT (-23) /* added to every band: the noise of 16-bit rounding */

void kws_mfcc_reset(kws_mfcc *mfcc) {
    mfcc->filled = 0;
    mfcc->level_is_known = 0;
    mfcc->level_q7 = 0;
}

size_t kws_mfcc_fill(kws_mfcc *mfcc, const int16_t *samples, size_t count) {
    size_t lacking = kws_mfcc_lacking(mfcc);
    size_t used = count < lacking ? count : lacking;
    memcpy(mfcc->frame.samples + mfcc->filled, samples, used * sizeof *samples);
    mfcc->filled = (uint16_t)(mfcc->filled + used);
    return used;
}

/* The periodic Hann window, q15; it is symmetric: sample n has the weight of sample 512 - n. */
static int32_t window_q15(unsigned n) {
    return (32768 - (int32_t)kws_sine_q15[(n + PERIOD / 4) & (PERIOD - 1)]) >> 1;
}

/* Windows the frame in place, scaled so that the largest sample fills 14 bits: a quiet recording
 * loses nothing. Returns the shift from q30. */
static unsigned apply_window(int16_t *samples) {
    const int32_t middle = samples[KWS_FRAME_LENGTH / 2] * window_q15(KWS_FRAME_LENGTH / 2);
    uint32_t folded = kws_fold(middle);
    for (unsigned n = 1; n < KWS_FRAME_LENGTH / 2; n++) {
        int32_t weight = window_q15(n);
        folded |= kws_fold(samples[n] * weight) | kws_fold(samples[KWS_FRAME_LENGTH - n] * weight);
    }
    unsigned bits = kws_bits(folded), shift = bits > 14 ? bits - 14 : 0;
    for (unsigned n = 1; n < KWS_FRAME_LENGTH / 2; n++) {
        int32_t weight = window_q15(n);
        samples[n] = (int16_t)kws_round_shift(samples[n] * weight, shift);
        samples[KWS_FRAME_LENGTH - n] = (int16_t)kws_round_shift(samples[KWS_FRAME_LENGTH - n] * weight, shift);
    }
    samples[0] = 0;
    samples[KWS_FRAME_LENGTH / 2] = (int16_t)kws_round_shift(middle, shift);
    return shift;
}

/* log2 of a positive integer, q10: 6 bits of the mantissa index a table, 10 interpolate. */
static int32_t log2_q10(uint64_t value) {
    unsigned bits = value >> 32 ? 32 + kws_bits((uint32_t)(value >> 32)) : kws_bits((uint32_t)value);
    uint32_t mantissa = (uint32_t)(bits > 17 ? value >> (bits - 17) : value << (17 - bits)) & 0xffff;
    unsigned index = mantissa >> 10, fraction = mantissa & 1023;
    int32_t low = kws_log2_q15[index], high = kws_log2_q15[index + 1];
    int32_t log_q15 = low + kws_round_shift((high - low) * (int32_t)fraction, 10);
    return ((int32_t)bits - 1) * (1 << LOG2_Q) + kws_round_shift(log_q15, 15 - LOG2_Q);
}

/* 32 by 16 bits in two steps, each one instruction on a chip without a long multiplication. */
static uint64_t product(uint32_t a, uint16_t b) {
    return ((uint64_t)((a >> 16) * b) << 16) + (a & 0xffff) * (uint32_t)b;
}

/* Power bins to log2 of the mel energies. Every bin lies between two band centres and feeds both:
 * it rises into the upper band with weight w and falls out of the lower with 1 - w. The energies
 * are the true ones (samples in [-1, 1)) times 2^exponent. */
static void log_mel(const uint32_t *power, const kws_mel_table *table, int exponent, int16_t *log_q10) {
    int floor_exponent = exponent + LOG_FLOOR_EXPONENT;
    uint64_t floor_energy = floor_exponent >= 0 ? (uint64_t)1 << floor_exponent : 0;
    uint64_t rising = 0, carried;
    const uint16_t *weight_q15 = table->rise_q15;
    for (unsigned interval = 0; interval <= table->n_mels; interval++) {
        uint64_t whole = 0;
        carried = rising;
        rising = 0;
        for (unsigned bin = table->edges[interval]; bin < table->edges[interval + 1]; bin++) {
            whole += power[bin];
            rising += product(power[bin], *weight_q15++);
        }
        uint64_t falling = (whole << WEIGHT_Q) - rising;
        if (interval > 0) {
            uint64_t energy = carried + falling + floor_energy;
            /* no energy and no floor: a digital zero beside a loud band; one unit stands for it */
            int32_t log = log2_q10(energy ? energy : 1) - (int32_t)exponent * (1 << LOG2_Q);
            log_q10[interval - 1] = kws_sat16(log);
        }
    }
}

/* log2 q10 to natural log q7: ln 2 * 2^-3, as a q18 constant. */
static int16_t to_natural_q7(int32_t log_q10) { return kws_sat16(kws_round_shift(log_q10 * 22713, 18)); }

/* Orthonormal DCT-II. Bands m and n-1-m share a cosine up to its sign, so half the products do. */
static void dct(const int16_t *log_q10, const kws_mel_table *table, unsigned n_mfcc, int16_t *mfcc_q7) {
    unsigned n = table->n_mels, period = 4 * n;
    for (unsigned k = 0; k < n_mfcc; k++) {
        int32_t sum = 0; /* q21; |pair| < 2^16, 20 pairs, cosine q11: below 2^31 */
        unsigned angle = k;
        for (unsigned m = 0; m < n / 2; m++) {
            int32_t mirrored = log_q10[n - 1 - m];
            sum += (log_q10[m] + (k & 1 ? -mirrored : mirrored)) * table->cosine_q11[angle];
            angle += 2 * k;
            if (angle >= period) angle -= period;
        }
        int64_t scaled = (int64_t)sum * (k == 0 ? table->scale_first : table->scale_other);
        mfcc_q7[k] = kws_sat16((int32_t)((scaled + ((int64_t)1 << 30)) >> 31));
    }
}

/* Takes the previous frame's level out of this one: out of coefficient 0, which alone carries it, or
 * out of every band. What is left does not change when the whole recording gets louder or quieter;
 * the first frame counts as its own predecessor. */
static void remove_level(kws_mfcc *mfcc, const kws_feature_settings *settings, int16_t *features_q7) {
    unsigned carriers = settings->n_mfcc ? 1 : settings->n_features;
    int32_t level = 0;
    for (unsigned i = 0; i < carriers; i++) level += features_q7[i];
    level /= (int32_t)carriers;
    int32_t previous = mfcc->level_is_known ? mfcc->level_q7 : level;
    for (unsigned i = 0; i < carriers; i++) features_q7[i] = kws_sat16(features_q7[i] - previous);
    mfcc->level_q7 = (int16_t)level;
    mfcc->level_is_known = 1;
}

void kws_mfcc_compute(kws_mfcc *mfcc, const kws_feature_settings *settings, int16_t *features_q7) {
    const kws_mel_table *table = kws_mel_table_of(settings->n_mels);
    unsigned overlap = KWS_FRAME_LENGTH - settings->hop_length;
    int16_t log_q10[KWS_MAX_MELS];

    memcpy(mfcc->overlap, mfcc->frame.samples + settings->hop_length, overlap * sizeof *mfcc->overlap);
    unsigned shift = apply_window(mfcc->frame.samples);
    shift += kws_fft_power(mfcc, 14);
    log_mel(mfcc->frame.power, table, 2 * (PRODUCT_Q - (int)shift) + WEIGHT_Q, log_q10);
    memcpy(mfcc->frame.samples, mfcc->overlap, overlap * sizeof *mfcc->overlap);
    mfcc->filled = (uint16_t)overlap;

    if (settings->n_mfcc) {
        dct(log_q10, table, settings->n_mfcc, features_q7);
    } else {
        for (unsigned m = 0; m < table->n_mels; m++) features_q7[m] = to_natural_q7(log_q10[m]);
    }
    if (settings->energy == KWS_ENERGY_DELTA) remove_level(mfcc, settings, features_q7);
}
