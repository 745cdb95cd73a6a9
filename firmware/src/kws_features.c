#include "kws_features.h"

#include <string.h>

#include "kws_avr.h"
#include "kws_fft.h"
#include "kws_fixed.h"
#include "kws_tables.h"
#include "kws_thumb.h"

#define PERIOD KWS_SINE_PERIOD
#define PRODUCT_Q 30 /* sample_q15 * window_q15 */
#define WEIGHT_Q 15
#define LOG2_Q 10
#define LANES KWS_LANES
#define PLACED (KWS_FFT_DSP && KWS_LANES == 1) /* powers of 512 samples stand at kws_fft_places */
#define WINDOWED_HERE (!PLACED || KWS_FFT_C)   /* or in kws_fft_dsp.c */
#define LOG_FLOOR_EXPONENT (-23) /* added to every band: the noise of 16-bit rounding */

/* sum * scale / 2^31 from two products of 32 bits: what is below 2^16 of the whole decides
 * nothing. */
static inline int16_t scaled_q7(int32_t sum, int16_t scale) {
    uint32_t low = (uint32_t)(uint16_t)sum * (uint16_t)scale;
    int32_t high = (int32_t)(int16_t)kws_shift(sum, 16) * scale;
    return kws_sat16(kws_round_shift(high + (int32_t)(low >> 16), 15));
}

/* log2 q10 to natural log q7: ln 2 * 2^-3, as a q18 constant. */
static int16_t to_natural_q7(int32_t log_q10) {
    return kws_sat16(kws_round_shift(log_q10 * 22713, 18));
}

#ifndef KWS_AVR_ASSEMBLY
#if WINDOWED_HERE
/* The periodic Hann window, q15, at an angle / 512 of its length from its middle, on either
 * side. */
static inline int32_t window_q15(unsigned angle) {
    return (32768 + kws_sine_q15[angle + PERIOD / 4]) >> 1;
}

/* Magnitudes of all products of samples and weights. */
static void fold_windowed(const int16_t *samples, unsigned length, uint32_t *folded) {
    unsigned step = PERIOD / length;
    const int16_t *early = samples + length / 2 * LANES, *late = early;
#if KWS_ARM_THUMB1 && KWS_LANES == 1
    *folded = kws_thumb_fold(late, kws_sine_q15 + PERIOD / 4, length, 2 * (step - 1));
#else
    for (unsigned angle = 0; angle < PERIOD / 2; angle += step, early -= LANES, late += LANES) {
        int32_t weight = window_q15(angle);
        KWS_FOR_LANES(l) folded[l] |= kws_fold(early[l] * weight) | kws_fold(late[l] * weight);
    }
#endif
}

/* Windows the frames in place, scaled so that the largest sample of each fills so many bits: a
 * quiet recording loses nothing. Writes the shifts from q30. */
static void apply_window(int16_t *samples, unsigned length, unsigned magnitude, unsigned *shift) {
    unsigned step = PERIOD / length;
    int16_t *early = samples + length / 2 * LANES, *late = early;
    uint32_t folded[LANES] = {0};
    int32_t half[LANES];
    fold_windowed(samples, length, folded);
    KWS_FOR_LANES(l) {
        shift[l] = kws_excess(folded[l], magnitude);
        half[l] = kws_half(shift[l]);
        samples[l] = 0;
        early[l] = (int16_t)kws_shift(early[l] * window_q15(0) + half[l], shift[l]);
    }
#if KWS_ARM_THUMB1 && KWS_LANES == 1
    kws_thumb_window(late, kws_sine_q15 + PERIOD / 4 + step - 1, length, 2 * (step - 1), *shift,
                     *half);
#else
    for (unsigned angle = step; angle < PERIOD / 2; angle += step) {
        int32_t weight = window_q15(angle);
        early -= LANES;
        late += LANES;
        KWS_FOR_LANES(l) {
            early[l] = (int16_t)kws_shift(early[l] * weight + half[l], shift[l]);
            late[l] = (int16_t)kws_shift(late[l] * weight + half[l], shift[l]);
        }
    }
#endif
}
#endif

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

/* What a bin of this power feeds: it rises into one band with a weight, and falls out of the one
 * below with the rest of it. */
typedef struct {
    uint64_t rising, falling;
} kws_mel_sums;

#if KWS_ARM_DSP
static inline void feed(kws_mel_sums *sums, uint32_t power, uint32_t weight) {
    sums->rising += (uint64_t)power * weight;
    sums->falling += (uint64_t)power * ((1u << WEIGHT_Q) - weight);
}
static inline uint64_t fallen(const kws_mel_sums *sums) { return sums->falling; }
#else
#if !KWS_ARM_THUMB1
/* 32 by 16 bits in two steps, each one instruction on a chip without a long multiplication; what
 * falls is the rest of all. */
static inline void feed(kws_mel_sums *sums, uint32_t power, uint32_t weight) {
    sums->rising += ((uint64_t)((power >> 16) * weight) << 16) + (power & 0xffff) * weight;
    sums->falling += power;
}
#endif
static inline uint64_t fallen(const kws_mel_sums *sums) {
    return (sums->falling << WEIGHT_Q) - sums->rising;
}
#endif

/* Power bins to log2 of the mel energies. Every bin lies between two band centres and feeds both:
 * it rises into the upper band with weight w and falls out of the lower with 1 - w. The energies
 * are the true ones (samples in [-1, 1)) times 2^exponent. Band m takes the place of half a power
 * long used up, samples[m]. */
static void log_mel(kws_frames *frames, unsigned length, const KWS_FLASH kws_mel_table *table,
                    const unsigned *shift) {
    const KWS_FLASH uint8_t *edges = table->edges;
    const KWS_FLASH uint16_t *weight_q15 = table->rise_q15;
    const uint32_t *power = frames->power + *edges * LANES;
#if PLACED
    int16_t logs_q10[KWS_MAX_MELS], *log_q10 = logs_q10; /* any power may still be wanted */
#else
    int16_t *log_q10 = frames->samples;
#endif
    (void)length;
    uint64_t carried[LANES] = {0}, floor[LANES];
    int32_t exponent_q10[LANES];
    KWS_FOR_LANES(l) {
        int exponent = 2 * (PRODUCT_Q - (int)shift[l]) + WEIGHT_Q,
            place = exponent + LOG_FLOOR_EXPONENT;
        exponent_q10[l] = (int32_t)exponent * (1 << LOG2_Q);
        floor[l] = place >= 0 ? (uint64_t)1 << place : 0;
    }
    for (unsigned interval = 0; interval <= table->n_mels; interval++) {
        const uint32_t *end = frames->power + *++edges * LANES;
        kws_mel_sums sums[LANES];
#if KWS_ARM_THUMB1 && KWS_LANES == 1
        uint32_t halves[4];
        kws_thumb_feed(power, end, weight_q15, halves);
        sums->rising = (uint64_t)halves[1] << 32 | halves[0];
        sums->falling = (uint64_t)halves[3] << 32 | halves[2];
        weight_q15 += end - power;
        power = end;
#else
        KWS_FOR_LANES(l) sums[l].rising = sums[l].falling = 0;
#if PLACED
        if (length == PERIOD) {
            const uint8_t *place = kws_fft_places + (power - frames->power),
                          *last = place + (end - power);
            for (; place < last; place++) feed(sums, frames->power[*place], *weight_q15++);
            power = end;
        }
#endif
        for (; power < end; power += LANES) {
            uint16_t weight = *weight_q15++;
            KWS_FOR_LANES(l) feed(&sums[l], power[l], weight);
        }
#endif
        if (interval) {
            KWS_FOR_LANES(l) {
                uint64_t energy = carried[l] + fallen(&sums[l]);
                /* no energy and no floor: a digital zero beside a loud band; one unit stands for
                 * it */
                log_q10[l] = kws_sat16(log2_of(energy ? energy : 1) - exponent_q10[l]);
            }
            log_q10 += LANES;
        }
        KWS_FOR_LANES(l) carried[l] = sums[l].rising + floor[l];
    }
#if PLACED
    memcpy(frames->samples, logs_q10, table->n_mels * sizeof *logs_q10);
#endif
}

/* Of n values those at m and n - 1 - m become their sum, at m, and their difference, half of n
 * further. */
static void fold_in_two(const int32_t *low, unsigned n, int32_t *sums) {
    const int32_t *high = low + (n - 1) * LANES;
    int32_t *differences = sums + n / 2 * LANES;
    for (; low < high; low += LANES, high -= LANES, sums += LANES, differences += LANES) {
        KWS_FOR_LANES(l) {
            sums[l] = low[l] + high[l];
            differences[l] = low[l] - high[l];
        }
    }
}

/* Orthonormal DCT-II. Bands m and n-1-m share a cosine up to its sign: an odd coefficient takes
 * their differences, an even one the sums, and of these again differences or sums. The sums are
 * below 2^31 (q21): 40 logarithms of at most 23 * 2^10, cosine q11. */
static void dct(kws_frames *frames, const KWS_FLASH kws_mel_table *table, unsigned n_mfcc,
                int16_t *mfcc_q7) {
    unsigned n = table->n_mels;
    int period = 4 * table->n_mels;
    const KWS_FLASH int16_t *end = table->cosine_q11 + period;
    int32_t *logs = (int32_t *)frames->power + LANES * KWS_MAX_MELS; /* beyond the logarithms */
    int32_t *halves = logs + n * LANES, *quarters = halves + n * LANES,
            *eighths = quarters + n / 2 * LANES;
    for (unsigned i = 0; i < n * LANES; i++) logs[i] = frames->samples[i];
    fold_in_two(logs, n, halves);
    fold_in_two(halves, n / 2, quarters);
    fold_in_two(quarters, n / 4, eighths);
    for (unsigned k = 0; k < n_mfcc; k++) {
        unsigned count = k & 1 ? n / 2 : k & 2 ? n / 4 : n / 8;
        int angle = (int)k - period; /* from the end of the table: below 0 */
        const int32_t *value = k & 1 ? halves : k & 2 ? quarters : eighths;
        int32_t sum[LANES] = {0};
        if (k & 7) value += count * LANES; /* the differences */
        for (; count; count--, value += LANES) {
            int32_t c = end[angle];
            KWS_FOR_LANES(l) sum[l] += value[l] * c;
            angle += 2 * (int)k;
            if (angle >= 0) angle -= period;
        }
        int16_t scale = k == 0 ? table->scale_first : table->scale_other;
        KWS_FOR_LANES(l) mfcc_q7[k * LANES + l] = scaled_q7(sum[l], scale);
    }
}

#else
static void apply_window(int16_t *samples, unsigned length, unsigned magnitude, unsigned *shift) {
    unsigned bits = kws_bits(kws_avr_window_bits(samples)),
             less = bits > magnitude ? bits - magnitude - 1 : 0;
    (void)length;
    *shift = bits > magnitude ? bits - magnitude : 0;
    kws_avr_window(samples, (uint8_t)(less / 8), (uint8_t)(*shift ? 128u >> less % 8 : 0));
}

static void log_mel(kws_frames *frames, unsigned length, const KWS_FLASH kws_mel_table *table,
                    const unsigned *shift) {
    int exponent = 2 * (PRODUCT_Q - (int)*shift) + WEIGHT_Q, floor = exponent + LOG_FLOOR_EXPONENT;
    (void)length;
    kws_avr_mel mel = {{0}, {0}};
    const KWS_FLASH uint16_t *weight_q15 = table->rise_q15;
    if (floor >= 0) mel.floor[floor / 8] = (uint8_t)(1u << floor % 8);
    for (uint8_t interval = 0; interval <= table->n_mels; interval++) {
        uint8_t first = table->edges[interval],
                bins = (uint8_t)(table->edges[interval + 1] - first);
        uint32_t energy = kws_avr_band(&mel, frames->power + first, weight_q15, bins);
        weight_q15 += bins;
        if (interval == 0) continue;
        frames->samples[interval - 1] = kws_avr_log(energy, (uint8_t)exponent);
    }
}

static void dct(kws_frames *frames, const KWS_FLASH kws_mel_table *table, unsigned n_mfcc,
                int16_t *mfcc_q7) {
    for (uint8_t k = 0; k < n_mfcc; k++)
        mfcc_q7[k] = scaled_q7(kws_avr_dct(frames->samples, table->cosine_q11, k),
                               k == 0 ? table->scale_first : table->scale_other);
}
#endif

void kws_features_of(kws_frames *frames, const kws_feature_settings *settings,
                     int16_t *features_q7) {
    const
        KWS_FLASH kws_mel_table *table = kws_mel_table_of(settings->frame_length, settings->n_mels);
    const int16_t *log_q10 = frames->samples;
    unsigned length = settings->frame_length;
    unsigned shift[LANES];

#if PLACED
    if (length == PERIOD) kws_fft_power_of_samples(frames, shift);
#endif
#if WINDOWED_HERE
    if (!PLACED || length != PERIOD) {
        /* the pairs of 128 points take one bit more */
        unsigned magnitude = length == 512 ? 14 : 13;
        apply_window(frames->samples, length, magnitude, shift);
        kws_fft_power(frames, length, magnitude, shift);
    }
#endif
    log_mel(frames, length, table, shift);
    if (settings->n_mfcc) {
        dct(frames, table, settings->n_mfcc, features_q7);
    } else {
        for (unsigned i = 0; i < table->n_mels * LANES; i++)
            features_q7[i] = to_natural_q7(log_q10[i]);
    }
}
