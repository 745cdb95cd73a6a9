#include "kws_fft.h"

#include "kws_fixed.h"
#include "kws_tables.h"

/* 512 real samples are 256 complex ones: z[n] = x[2n] + j x[2n+1]. Four radix-4 stages transform
 * them in place (decimation in time, digit-reversed input), one pass untangles the two halves.
 * Before each stage the block is scaled just enough that no output can overflow 16 bits. */

#define N KWS_FFT_POINTS          /* complex points */
#define PERIOD KWS_SINE_PERIOD    /* of kws_sine_q15, 512: angle 2 pi i / 512 */

typedef struct {
    int32_t re, im;
} complex32;

static int16_t sine(unsigned index) { return kws_sine_q15[index & (PERIOD - 1)]; }
static int16_t cosine(unsigned index) { return kws_sine_q15[(index + PERIOD / 4) & (PERIOD - 1)]; }

static void digit_reverse(int16_t *z) {
    for (unsigned i = 1; i < N - 1; i++) {
        unsigned j = ((i & 3u) << 6) | ((i & 12u) << 2) | ((i >> 2) & 12u) | (i >> 6);
        if (j > i) {
            int16_t re = z[2 * i], im = z[2 * i + 1];
            z[2 * i] = z[2 * j];
            z[2 * i + 1] = z[2 * j + 1];
            z[2 * j] = re;
            z[2 * j + 1] = im;
        }
    }
}

typedef struct {
    int32_t c, s;
} turn; /* e^(-2 pi j angle / 512): cosine and sine, q15 */

static turn turn_by(unsigned angle) {
    turn t = {cosine(angle), sine(angle)};
    return t;
}

/* Two fractional bits: enough that rounding each factor costs less than rounding the sum. */
static inline complex32 scaled_q2(const int16_t *z) {
    complex32 same = {(int32_t)z[0] * 4, (int32_t)z[1] * 4};
    return same;
}

static inline complex32 turned_q2(const int16_t *z, turn t) {
    complex32 result = {kws_round_shift(z[0] * t.c + z[1] * t.s, 13), kws_round_shift(z[1] * t.c - z[0] * t.s, 13)};
    return result;
}

/* Stores a point of which half a step has been added; returns its folded magnitude. */
static inline uint32_t put(int16_t *z, int32_t re, int32_t im, unsigned shift) {
    z[0] = (int16_t)kws_shift(re, shift);
    z[1] = (int16_t)kws_shift(im, shift);
    return kws_fold(z[0]) | kws_fold(z[1]);
}

/* Radix 4: p0 and the turned b, c, d from `stride` values apart become the four outputs / 2^shift. */
static inline uint32_t butterfly(int16_t *p0, unsigned stride, complex32 b, complex32 c, complex32 d, unsigned shift) {
    int16_t *p1 = p0 + stride, *p2 = p1 + stride, *p3 = p2 + stride;
    complex32 a = scaled_q2(p0);
    a.re += kws_half(shift); /* every output has a in it once: this rounds all four */
    a.im += kws_half(shift);
    complex32 sum = {a.re + c.re, a.im + c.im}, difference = {a.re - c.re, a.im - c.im};
    complex32 even = {b.re + d.re, b.im + d.im}, odd = {b.re - d.re, b.im - d.im};
    return put(p0, sum.re + even.re, sum.im + even.im, shift) |
           put(p1, difference.re + odd.im, difference.im - odd.re, shift) |
           put(p2, sum.re - even.re, sum.im - even.im, shift) |
           put(p3, difference.re - odd.im, difference.im + odd.re, shift);
}

/* One stage over groups of 4 * quarter points; outputs scaled by 2^-shift. The first point of each
 * group needs no turning. Returns the folded magnitudes of the outputs. */
static uint32_t stage(int16_t *z, unsigned quarter, unsigned shift) {
    unsigned stride = 2 * quarter, shift_q2 = shift + 2;
    uint32_t folded = 0;
    for (unsigned at = 0; at < 2 * N; at += 4 * stride) {
        int16_t *p = z + at;
        folded |= butterfly(p, stride, scaled_q2(p + stride), scaled_q2(p + 2 * stride),
                            scaled_q2(p + 3 * stride), shift_q2);
    }
    for (unsigned k = 1; k < quarter; k++) {
        unsigned angle = k * (PERIOD / 4 / quarter);
        turn by1 = turn_by(angle), by2 = turn_by(2 * angle), by3 = turn_by(3 * angle);
        for (unsigned at = 2 * k; at < 2 * N; at += 4 * stride) {
            int16_t *p = z + at;
            folded |= butterfly(p, stride, turned_q2(p + stride, by1), turned_q2(p + 2 * stride, by2),
                                turned_q2(p + 3 * stride, by3), shift_q2);
        }
    }
    return folded;
}

static uint32_t power(int32_t re, int32_t im, unsigned shift) {
    uint32_t r = (uint32_t)kws_round_shift(re, shift), i = (uint32_t)kws_round_shift(im, shift);
    return r * r + i * i; /* modulo 2^32, hence right for negative parts too */
}

/* X[k] = (Z[k] + Z*[N-k]) / 2 + e^(-2 pi j k / 512) (Z[k] - Z*[N-k]) / 2j, and the same for N - k. */
static void untangle(kws_mfcc *mfcc, unsigned shift) {
    int16_t *z = mfcc->frame.samples;
    for (unsigned k = 1; k <= N / 2; k++) {
        const int16_t *low = z + 2 * k, *high = z + 2 * (N - k);
        int32_t c = cosine(k), s = sine(k);
        int32_t even_re = (int32_t)low[0] + high[0], even_im = (int32_t)low[1] - high[1];
        int32_t odd_re = (int32_t)low[1] + high[1], odd_im = (int32_t)high[0] - low[0]; /* already divided by j */
        int32_t turned_re = kws_round_shift(odd_re * c + odd_im * s, 13);
        int32_t turned_im = kws_round_shift(odd_im * c - odd_re * s, 13);
        /* eight times the spectrum: both halves of the sum, and two fractional bits */
        uint32_t power_low = power(even_re * 4 + turned_re, turned_im + even_im * 4, shift + 3);
        uint32_t power_high = power(even_re * 4 - turned_re, turned_im - even_im * 4, shift + 3);
        mfcc->frame.power[N - k] = power_high;
        mfcc->frame.power[k] = power_low;
    }
}

unsigned kws_fft_power(kws_mfcc *mfcc, unsigned magnitude) {
    int16_t *z = mfcc->frame.samples;
    unsigned total = 0;
    digit_reverse(z);
    for (unsigned quarter = 1; quarter < N; quarter *= 4) {
        /* A component grows at most (1 + 3 sqrt 2) = 5.25 times: 12 bits and 5.25 fill 15. */
        unsigned shift = magnitude > 12 ? magnitude - 12 : 0;
        magnitude = kws_bits(stage(z, quarter, shift));
        total += shift;
    }
    /* |X| <= 2 sqrt 2 * 2^magnitude: with 14 bits |X|^2 < 2^31. */
    unsigned shift = magnitude > 14 ? magnitude - 14 : 0;
    untangle(mfcc, shift);
    return total + shift;
}
