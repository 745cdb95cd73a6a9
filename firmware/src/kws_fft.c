#include "kws_fft.h"

#include "kws_avr.h"
#include "kws_fixed.h"
#include "kws_tables.h"

/* 512 real samples are 256 complex ones: z[n] = x[2n] + j x[2n+1]. Four radix-4 stages transform
 * them in place (decimation in time, digit-reversed input), one pass untangles the two halves. 256
 * samples are 128 points: pairs of them first, then three radix-4 stages.
 * Before each stage the block is scaled just enough that no output can overflow 16 bits.
 * `z` points at one lane's value; the next value of that lane stands LANES further. */

#define PERIOD KWS_SINE_PERIOD    /* of kws_sine_q15, 512: angle 2 pi i / 512 */
#define LANES KWS_LANES
#define POINT (2 * LANES) /* from a point to the next: all real parts, all imaginary parts */

#ifndef KWS_AVR_ASSEMBLY
typedef struct {
    int32_t re, im;
} complex32;

static int16_t sine(unsigned index) { return kws_sine_q15[index & (PERIOD - 1)]; }
static int16_t cosine(unsigned index) { return kws_sine_q15[(index + PERIOD / 4) & (PERIOD - 1)]; }

static void exchange(int16_t *a, int16_t *b) {
    for (unsigned part = 0; part < POINT; part++) {
        int16_t kept = a[part];
        a[part] = b[part];
        b[part] = kept;
    }
}

/* 256 points: base-4 digits in reverse, two by two. */
static void reverse_digits(int16_t *z) {
    for (unsigned i = 1; i < 255; i++) {
        unsigned j = ((i & 3u) << 6) | ((i & 12u) << 2) | ((i >> 2) & 12u) | (i >> 6);
        if (j > i) exchange(z + i * POINT, z + j * POINT);
    }
}

/* 128 points: three base-4 digits and a bit in reverse. It moves points in rings of seven, and each
 * ring passes one of these. */
static void reverse_digits_and_bit(int16_t *z) {
    for (unsigned ring = 0; ring < sizeof kws_fft_rings; ring++) {
        unsigned first = kws_fft_rings[ring], i = first;
        for (;;) {
            unsigned from = ((i & 1u) << 6) | ((i & 6u) << 3) | ((i >> 1) & 12u) | (i >> 5);
            if (from == first) break;
            exchange(z + i * POINT, z + from * POINT);
            i = from;
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
    complex32 same = {(int32_t)z[0] * 4, (int32_t)z[LANES] * 4};
    return same;
}

static inline complex32 turned_q2(const int16_t *z, turn t) {
    complex32 result = {kws_round_shift(z[0] * t.c + z[LANES] * t.s, 13),
                        kws_round_shift(z[LANES] * t.c - z[0] * t.s, 13)};
    return result;
}

/* Stores a point of which half a step has been added; returns its folded magnitude. */
static inline uint32_t put(int16_t *z, int32_t re, int32_t im, unsigned shift) {
    re = kws_shift(re, shift);
    im = kws_shift(im, shift);
    z[0] = (int16_t)re;
    z[LANES] = (int16_t)im;
    return kws_fold(re) | kws_fold(im);
}

/* Radix 4: p0 and the turned b, c, d of p1, p2, p3 become the four outputs / 2^shift. */
static inline uint32_t butterfly(int16_t *p0, int16_t *p1, int16_t *p2, int16_t *p3, complex32 b, complex32 c,
                                 complex32 d, unsigned shift) {
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

/* One butterfly a lane; ORs the folded magnitudes of the outputs. */
static inline void plain(int16_t *restrict p0, int16_t *restrict p1, int16_t *restrict p2, int16_t *restrict p3,
                         const unsigned *restrict shift, uint32_t *restrict folded) {
    KWS_FOR_LANES(l)
        folded[l] |= butterfly(p0 + l, p1 + l, p2 + l, p3 + l, scaled_q2(p1 + l), scaled_q2(p2 + l),
                               scaled_q2(p3 + l), shift[l] + 2);
}

static inline void turned(int16_t *restrict p0, int16_t *restrict p1, int16_t *restrict p2, int16_t *restrict p3,
                          const turn by[3], const unsigned *restrict shift, uint32_t *restrict folded) {
    KWS_FOR_LANES(l)
        folded[l] |= butterfly(p0 + l, p1 + l, p2 + l, p3 + l, turned_q2(p1 + l, by[0]),
                               turned_q2(p2 + l, by[1]), turned_q2(p3 + l, by[2]), shift[l] + 2);
}

/* One stage over groups of 4 * quarter points; outputs scaled by 2^-shift. The first point of each
 * group needs no turning. ORs the outputs' folded magnitudes. */
static void stage(int16_t *z, unsigned points, unsigned quarter, const unsigned *restrict shift, uint32_t *restrict folded) {
    unsigned stride = quarter * POINT;
    for (unsigned at = 0; at < points * POINT; at += 4 * stride) {
        int16_t *p = z + at;
        plain(p, p + stride, p + 2 * stride, p + 3 * stride, shift, folded);
    }
    for (unsigned k = 1; k < quarter; k++) {
        unsigned angle = k * (PERIOD / 4 / quarter);
        turn by[3] = {turn_by(angle), turn_by(2 * angle), turn_by(3 * angle)};
        for (unsigned at = k * POINT; at < points * POINT; at += 4 * stride) {
            int16_t *p = z + at;
            turned(p, p + stride, p + 2 * stride, p + 3 * stride, by, shift, folded);
        }
    }
}

/* The stage below radix 4: sum and difference of two neighbours, which no angle parts. */
static void pairs(int16_t *z, unsigned points, uint32_t *restrict folded) {
    for (unsigned at = 0; at < points * POINT; at += 2 * POINT) {
        int16_t *p = z + at;
        for (unsigned part = 0; part < POINT; part += LANES) {
            KWS_FOR_LANES(l) {
                int32_t a = p[part + l], b = p[POINT + part + l];
                p[part + l] = (int16_t)(a + b);
                p[POINT + part + l] = (int16_t)(a - b);
                folded[l] |= kws_fold(a + b) | kws_fold(a - b);
            }
        }
    }
}

static uint32_t power(int32_t re, int32_t im, unsigned shift) {
    uint32_t r = (uint32_t)kws_round_shift(re, shift), i = (uint32_t)kws_round_shift(im, shift);
    return r * r + i * i; /* modulo 2^32, hence right for negative parts too */
}

/* X[k] = (Z[k] + Z*[N-k]) / 2 + e^(-pi j k / N) (Z[k] - Z*[N-k]) / 2j, and the same for N - k. */
static void untangle(kws_frames *frames, unsigned points, const unsigned *shift) {
    int16_t *z = frames->samples;
    for (unsigned k = 1; k <= points / 2; k++) {
        const int16_t *low = z + k * POINT, *high = z + (points - k) * POINT;
        uint32_t power_low[LANES], power_high[LANES]; /* takes the points' place once all are read */
        unsigned angle = k * (PERIOD / 2 / points);
        int32_t c = cosine(angle), s = sine(angle);
        KWS_FOR_LANES(l) {
            int32_t low_re = low[l], low_im = low[l + LANES], high_re = high[l], high_im = high[l + LANES];
            int32_t even_re = low_re + high_re, even_im = low_im - high_im;
            int32_t odd_re = low_im + high_im, odd_im = high_re - low_re; /* already divided by j */
            int32_t turned_re = kws_round_shift(odd_re * c + odd_im * s, 13);
            int32_t turned_im = kws_round_shift(odd_im * c - odd_re * s, 13);
            /* eight times the spectrum: both halves of the sum, and two fractional bits */
            power_low[l] = power(even_re * 4 + turned_re, turned_im + even_im * 4, shift[l] + 3);
            power_high[l] = power(even_re * 4 - turned_re, turned_im - even_im * 4, shift[l] + 3);
        }
        KWS_FOR_LANES(l) {
            frames->power[(points - k) * LANES + l] = power_high[l];
            frames->power[k * LANES + l] = power_low[l];
        }
    }
}

#else
/* The upper byte of the folded magnitudes says which of more than 8 bits is the highest. */
static void stage(int16_t *z, unsigned points, unsigned quarter, const unsigned *shift, uint32_t *folded) {
    unsigned total = *shift + 2;
    (void)points;
    *folded |= (uint32_t)kws_avr_stage(z, (uint8_t)quarter, (uint8_t)(256u >> total), (uint8_t)(1u << (total - 1))) << 8;
}

static void reverse_digits(int16_t *z) { (void)z; /* 256 points are not for it */ }
static void reverse_digits_and_bit(int16_t *z) { kws_avr_reverse(z); }

static void pairs(int16_t *z, unsigned points, uint32_t *folded) {
    (void)points;
    *folded |= (uint32_t)kws_avr_pairs(z) << 8;
}

static void untangle(kws_frames *frames, unsigned points, const unsigned *shift) {
    (void)points;
    kws_avr_untangle(frames->samples, (uint8_t)(32u >> *shift));
}
#endif

/* The shift that brings folded magnitudes to so many bits; counted in the total. */
static void choose_shift(const uint32_t *folded, unsigned bits, unsigned *shift, unsigned *total) {
    KWS_FOR_LANES(l) {
        unsigned magnitude = kws_bits(folded[l]);
        shift[l] = magnitude > bits ? magnitude - bits : 0;
        total[l] += shift[l];
    }
}

void kws_fft_power(kws_frames *frames, unsigned length, unsigned magnitude, unsigned *total) {
    uint32_t folded[LANES];
    unsigned shift[LANES], points = length / 2, quarter = 1;
    KWS_FOR_LANES(l) folded[l] = ((uint32_t)1 << magnitude) - 1;
    if (points == 256) {
        reverse_digits(frames->samples);
    } else {
        KWS_FOR_LANES(l) folded[l] = 0;
        reverse_digits_and_bit(frames->samples);
        pairs(frames->samples, points, folded);
        quarter = 2;
    }
    for (; quarter < points; quarter *= 4) {
        /* A component grows at most (1 + 3 sqrt 2) = 5.25 times: 12 bits and 5.25 fill 15. */
        choose_shift(folded, 12, shift, total);
        KWS_FOR_LANES(l) folded[l] = 0;
        stage(frames->samples, points, quarter, shift, folded);
    }
    /* |X| <= 2 sqrt 2 * 2^magnitude: with 14 bits |X|^2 < 2^31. */
    choose_shift(folded, 14, shift, total);
    untangle(frames, points, shift);
}
