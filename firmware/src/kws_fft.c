#include "kws_kernels.h"

/* 512 real samples are 256 complex ones: z[n] = x[2n] + j x[2n+1]. Four radix-4 stages transform
 * them in place (decimation in time, digit-reversed input), one pass untangles the two halves. 256
 * samples are 128 points: pairs of them first, then three radix-4 stages.
 * Before each stage the block is scaled just enough that no output can overflow 16 bits.
 * `z` points at one lane's value; the next value of that lane stands KWS_LANES further. */

#if KWS_FFT_C
#define POINT (2 * KWS_LANES) /* from a point to the next: all real parts, all imaginary parts */

#include "avr/kws_fft_avr.h"

#ifndef KWS_OWN_FFT
typedef struct {
    int32_t re, im;
} complex32;

/* Of angle / 512 of a circle, up to three quarters of it. */
static inline int32_t sine(unsigned angle) { return kws_sine_q15[angle]; }
static inline int32_t cosine(unsigned angle) { return kws_sine_q15[angle + KWS_SINE_PERIOD / 4]; }

/* A point is read, exchanged and stored part by part. */
#include "cortex_m0/kws_points_m0.h"

#ifndef KWS_OWN_POINTS
static inline complex32 point(const int16_t *z) {
    complex32 parts = {z[0], z[KWS_LANES]};
    return parts;
}
static inline void exchange(int16_t *a, int16_t *b) {
    for (unsigned part = 0; part < POINT; part++) {
        int16_t kept = a[part];
        a[part] = b[part];
        b[part] = kept;
    }
}

/* Stores a point of which half a step has been added; returns its magnitudes, to be ORed and
 * told. */
static inline uint32_t put(int16_t *z, int32_t re, int32_t im, unsigned shift) {
    re = kws_shift(re, shift);
    im = kws_shift(im, shift);
    z[0] = (int16_t)re;
    z[KWS_LANES] = (int16_t)im;
    return kws_fold(re) | kws_fold(im);
}

/* Folded magnitudes from what put() returned. */
static inline uint32_t told(uint32_t magnitudes) { return magnitudes; }
#endif

/* Two base-4 digits in reverse. */
static unsigned swapped(unsigned digits) { return (digits & 3u) << 2 | digits >> 2; }

/* 256 points: four base-4 digits in reverse. As a matrix of 16 by 16, place (row, column) takes
 * what is at (swapped column, swapped row). */
static kws_fft_order_kernel kws_fft_order_256;
static void kws_fft_order_256(int16_t *z) {
    for (unsigned row = 0; row < 15; row++) {
        int16_t *in_row = z + 16 * row * POINT, *in_column = z + swapped(row) * POINT;
        for (unsigned other = row + 1; other < 16; other++)
            exchange(in_row + swapped(other) * POINT, in_column + 16 * other * POINT);
    }
}

/* 128 points: three base-4 digits and a bit in reverse. It moves points in rings of seven, and each
 * ring passes one of these. */
static kws_fft_order_kernel kws_fft_order_128;
static void kws_fft_order_128(int16_t *z) {
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

/* the fractional bits that a product with a sine has more than a turned point */
#define TURNED_Q 13

#include "cortex_m0/kws_fft_stage_m0.h"

#ifndef KWS_OWN_FFT_STAGE
/* e^(-2 pi j angle / 512), q15, and points times it with two fractional bits more: enough that
 * rounding each factor costs less than rounding the sum. */
typedef struct {
    int32_t c, s;
} turn;
static inline turn turn_by(unsigned angle) {
    turn t = {cosine(angle), sine(angle)};
    return t;
}
static inline complex32 turned_q2(const int16_t *z, turn t) {
    complex32 a = point(z);
    complex32 result = {kws_round_shift(a.re * t.c + a.im * t.s, TURNED_Q),
                        kws_round_shift(a.im * t.c - a.re * t.s, TURNED_Q)};
    return result;
}

/* Radix 4: a of p0 and b, c, d of p1, p2, p3 become the four outputs / 2^shift. */
static inline uint32_t butterfly(int16_t *p0, int16_t *p1, int16_t *p2, int16_t *p3, complex32 a,
                                 complex32 b, complex32 c, complex32 d, unsigned shift) {
    complex32 sum = {a.re + c.re, a.im + c.im}, difference = {a.re - c.re, a.im - c.im};
    complex32 even = {b.re + d.re, b.im + d.im}, odd = {b.re - d.re, b.im - d.im};
    return put(p0, sum.re + even.re, sum.im + even.im, shift) |
           put(p1, difference.re + odd.im, difference.im - odd.re, shift) |
           put(p2, sum.re - even.re, sum.im - even.im, shift) |
           put(p3, difference.re - odd.im, difference.im + odd.re, shift);
}

/* Every output has the first point in it once: half a step there rounds all four. */
static inline complex32 with_half(complex32 a, unsigned factor, unsigned shift) {
    complex32 result = {a.re * (int32_t)factor + kws_half(shift),
                        a.im * (int32_t)factor + kws_half(shift)};
    return result;
}

/* One butterfly a lane; ORs the magnitudes of the outputs. */
static inline void plain(int16_t *p0, int16_t *p1, int16_t *p2, int16_t *p3,
                         const unsigned *restrict shift, uint32_t *restrict magnitudes) {
    KWS_FOR_LANES(l)
        magnitudes[l] |= butterfly(p0 + l, p1 + l, p2 + l, p3 + l,
                                   with_half(point(p0 + l), 1, shift[l]), point(p1 + l),
                                   point(p2 + l), point(p3 + l), shift[l]);
}

static inline void turned(int16_t *p0, int16_t *p1, int16_t *p2, int16_t *p3, const turn by[3],
                          const unsigned *restrict shift, uint32_t *restrict magnitudes) {
    KWS_FOR_LANES(l)
        magnitudes[l] |= butterfly(p0 + l, p1 + l, p2 + l, p3 + l,
                                   with_half(point(p0 + l), 4, shift[l] + 2),
                                   turned_q2(p1 + l, by[0]), turned_q2(p2 + l, by[1]),
                                   turned_q2(p3 + l, by[2]), shift[l] + 2);
}

static inline void turned_stage(int16_t *z, const int16_t *end, unsigned stride, unsigned step,
                                const unsigned *restrict shift, uint32_t *restrict magnitudes) {
    for (unsigned angle = step; angle < KWS_SINE_PERIOD / 4; angle += step) {
        turn by[3] = {turn_by(angle), turn_by(2 * angle), turn_by(3 * angle)};
        z += POINT;
        for (int16_t *p = z; p < end; p += 4 * stride)
            turned(p, p + stride, p + 2 * stride, p + 3 * stride, by, shift, magnitudes);
    }
}

/* One stage over groups of 4 * quarter points; outputs scaled by 2^-shift. The first point of each
 * group needs no turning. Tells the outputs' folded magnitudes. */
static kws_fft_stage_kernel kws_fft_stage;
static void kws_fft_stage(int16_t *z, unsigned points, unsigned quarter, const unsigned *to_shift,
                          uint32_t *folded) {
    unsigned stride = quarter * POINT, step = KWS_SINE_PERIOD / 4 / quarter, shift[KWS_LANES];
    uint32_t magnitudes[KWS_LANES];
    KWS_FOR_LANES(l) {
        shift[l] = to_shift[l];
        magnitudes[l] = 0;
    }
    int16_t *end = z + points * POINT;
    for (int16_t *p = z; p < end; p += 4 * stride)
        plain(p, p + stride, p + 2 * stride, p + 3 * stride, shift, magnitudes);
    turned_stage(z, end, stride, step, shift, magnitudes);
    KWS_FOR_LANES(l) folded[l] = told(magnitudes[l]);
}
#endif

/* The stage below radix 4: sum and difference of two neighbours, which no angle parts. */
static kws_fft_pairs_kernel kws_fft_pairs;
static void kws_fft_pairs(int16_t *z, unsigned points, uint32_t *restrict folded) {
    for (unsigned at = 0; at < points * POINT; at += 2 * POINT) {
        int16_t *p = z + at;
        for (unsigned part = 0; part < POINT; part += KWS_LANES) {
            KWS_FOR_LANES(l) {
                int32_t a = p[part + l], b = p[POINT + part + l];
                p[part + l] = (int16_t)(a + b);
                p[POINT + part + l] = (int16_t)(a - b);
                folded[l] |= kws_fold(a + b) | kws_fold(a - b);
            }
        }
    }
}

/* modulo 2^32, hence right for negative parts too */
static inline uint32_t power(int32_t re, int32_t im) {
    return (uint32_t)re * (uint32_t)re + (uint32_t)im * (uint32_t)im;
}

/* X[k] = (Z[k] + Z*[N-k]) / 2 + e^(-pi j k / N) (Z[k] - Z*[N-k]) / 2j, and the same for N - k. */
static kws_fft_untangle_kernel kws_fft_untangle;
static void kws_fft_untangle(kws_frames *frames, unsigned points, const unsigned *to_shift) {
    unsigned shift[KWS_LANES], step = KWS_SINE_PERIOD / 2 / points;
    /* eight times the spectrum: both halves of the sum, and two fractional bits */
    KWS_FOR_LANES(l) shift[l] = to_shift[l] + 3;
    for (unsigned k = 1, angle = step; k <= points / 2; k++, angle += step) {
        const int16_t *low = frames->samples + k * POINT,
                      *high = frames->samples + (points - k) * POINT;
        /* takes the points' place once all are read */
        uint32_t power_low[KWS_LANES], power_high[KWS_LANES];
        int32_t c = cosine(angle), s = sine(angle);
        KWS_FOR_LANES(l) {
            complex32 a = point(low + l), b = point(high + l);
            int32_t half = kws_half(shift[l]);
            int32_t even_re = (a.re + b.re) * 4 + half, even_im = (a.im - b.im) * 4;
            int32_t odd_re = a.im + b.im, odd_im = b.re - a.re; /* already divided by j */
            int32_t turned_re = kws_round_shift(odd_re * c + odd_im * s, TURNED_Q);
            int32_t turned_im = kws_round_shift(odd_im * c - odd_re * s, TURNED_Q) + half;
            power_low[l] = power(kws_shift(even_re + turned_re, shift[l]),
                                 kws_shift(turned_im + even_im, shift[l]));
            power_high[l] = power(kws_shift(even_re - turned_re, shift[l]),
                                  kws_shift(turned_im - even_im, shift[l]));
        }
        KWS_FOR_LANES(l) {
            frames->power[(points - k) * KWS_LANES + l] = power_high[l];
            frames->power[k * KWS_LANES + l] = power_low[l];
        }
    }
}

#endif

/* A shift for each lane; counted in the total. */
static void choose_shift(const uint32_t *folded, unsigned bits, unsigned *shift, unsigned *total) {
    KWS_FOR_LANES(l) {
        shift[l] = kws_excess(folded[l], bits);
        total[l] += shift[l];
    }
}

static void stages(kws_frames *frames, unsigned points, unsigned quarter, uint32_t *folded,
                   unsigned *total) {
    unsigned shift[KWS_LANES];
    for (; quarter < points; quarter *= 4) {
        /* A component grows at most (1 + 3 sqrt 2) = 5.25 times: 12 bits and 5.25 fill 15. */
        choose_shift(folded, 12, shift, total);
        kws_fft_stage(frames->samples, points, quarter, shift, folded);
    }
    /* |X| <= 2 sqrt 2 * 2^magnitude: with 14 bits |X|^2 < 2^31. */
    choose_shift(folded, 14, shift, total);
    kws_fft_untangle(frames, points, shift);
}

void kws_fft_power(kws_frames *frames, unsigned length, unsigned magnitude, unsigned *total) {
    uint32_t folded[KWS_LANES];
    if (length == 512) {
        KWS_FOR_LANES(l) folded[l] = ((uint32_t)1 << magnitude) - 1;
        kws_fft_order_256(frames->samples);
        stages(frames, 256, 1, folded, total);
    } else {
        KWS_FOR_LANES(l) folded[l] = 0;
        kws_fft_order_128(frames->samples);
        kws_fft_pairs(frames->samples, 128, folded);
        stages(frames, 128, 2, folded, total);
    }
}
#else
typedef int kws_fft_is_empty; /* as C wants a declaration */
#endif
