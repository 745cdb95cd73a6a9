/* 512 samples to powers on a core that multiplies halves of words in pairs: what apply_window() and
 * kws_fft_power() do, integer for integer, but the digits are never reversed. Point (d3 d2 d1 d0), base-4 digits,
 * stands where (d0 d1 d2 d3) would: so points of one angle follow each other, and a last butterfly is four words
 * in a row. Bin k is left at kws_fft_places[k]. */
#include "kws_dsp.h"
#include "kws_fft.h"
#include "kws_tables.h"

#if KWS_FFT_DSP
#define POINTS 256

/* Magnitudes of all products of samples and weights, eight at once. */
static uint32_t fold_products(const kws_two *z) {
    const uint32_t *weights = kws_window_q15;
    const kws_two *end = z + POINTS / 4;
    uint32_t folded = 0;
    for (; z < end; z++) {
        for (unsigned quarter = 0; quarter < 4; quarter++) {
            uint32_t samples = z[quarter * POINTS / 4], weight = *weights++;
            folded |= kws_fold(kws_low(samples) * kws_low(weight)) | kws_fold(kws_high(samples) * kws_high(weight));
        }
    }
    return folded;
}

typedef struct {
    int32_t re, im;
} complex32;

static inline complex32 windowed(uint32_t samples, uint32_t weights, int32_t half, unsigned shift) {
    complex32 result = {kws_shift(kws_low(samples) * kws_low(weights) + half, shift),
                        kws_shift(kws_high(samples) * kws_high(weights) + half, shift)};
    return result;
}

/* Magnitudes of a word's halves, to be ORed and told: a bit that differs from the one below it stands one above the
 * highest of kws_fold(); what falls from the lower half into the upper is shifted out. */
static inline uint32_t magnitudes_of(uint32_t word) { return word ^ word << 1; }
static inline uint32_t told(uint32_t magnitudes) { return (uint16_t)(magnitudes | magnitudes >> 16) >> 1; }

/* The first stage has no turns and always the shift of 2 that takes 14 bits to 12: it goes with the window. Imaginary
 * parts are kept where they will stand in a word, 14 bits up. */
static uint32_t first_stage(kws_two *z, unsigned shift) {
    const uint32_t *weights = kws_window_q15;
    const kws_two *end = z + POINTS / 4;
    int32_t half = kws_half(shift), half_of_both = half + (int32_t)(2u << shift);
    uint32_t magnitudes = 0;
    for (; z < end; z++, weights += 4) {
        complex32 a = windowed(z[0], weights[0], half_of_both, shift), b = windowed(z[64], weights[1], half, shift);
        complex32 c = windowed(z[128], weights[2], half, shift), d = windowed(z[192], weights[3], half, shift);
        int32_t even_re = b.re + d.re, even_im = b.im + d.im, odd_re = b.re - d.re, odd_im = b.im - d.im;
        int32_t sum_re = a.re + c.re, difference_re = a.re - c.re;
        uint32_t a_up = (uint32_t)a.im << 14;
        uint32_t sum_up = a_up + ((uint32_t)c.im << 14), difference_up = a_up - ((uint32_t)c.im << 14);
        z[0] = kws_quarter_below(sum_re + even_re, sum_up + ((uint32_t)even_im << 14));
        z[64] = kws_quarter_below(difference_re + odd_im, difference_up - ((uint32_t)odd_re << 14));
        z[128] = kws_quarter_below(sum_re - even_re, sum_up - ((uint32_t)even_im << 14));
        z[192] = kws_quarter_below(difference_re - odd_im, difference_up + ((uint32_t)odd_re << 14));
        magnitudes |= magnitudes_of(z[0]) | magnitudes_of(z[64]) | magnitudes_of(z[128]) | magnitudes_of(z[192]);
    }
    return told(magnitudes);
}

static inline uint32_t put(kws_two *z, int32_t re, int32_t im, unsigned shift) {
    *z = kws_pair(kws_shift(re, shift), kws_shift(im, shift));
    return magnitudes_of(*z);
}

/* The butterflies of angle 0 in a stage: `count` of them, points as far apart. */
static uint32_t plain(kws_two *z, unsigned count, unsigned shift) {
    kws_two *b_at = z + count, *c_at = b_at + count, *d_at = c_at + count;
    uint32_t magnitudes = 0;
    int32_t half = kws_half(shift);
    for (unsigned i = 0; i < count; i++) {
        uint32_t a = z[i], b = b_at[i], c = c_at[i], d = d_at[i];
        int32_t a_re = kws_low(a) + half, a_im = kws_high(a) + half;
        int32_t even_re = kws_low(b) + kws_low(d), odd_re = kws_low(b) - kws_low(d);
        int32_t even_im = kws_high(b) + kws_high(d), odd_im = kws_high(b) - kws_high(d);
        int32_t sum_re = a_re + kws_low(c), difference_re = a_re - kws_low(c);
        int32_t sum_im = a_im + kws_high(c), difference_im = a_im - kws_high(c);
        magnitudes |= put(z + i, sum_re + even_re, sum_im + even_im, shift) |
                      put(b_at + i, difference_re + odd_im, difference_im - odd_re, shift) |
                      put(c_at + i, sum_re - even_re, sum_im - even_im, shift) |
                      put(d_at + i, difference_re - odd_im, difference_im + odd_re, shift);
    }
    return magnitudes;
}

/* The turned butterflies of a stage, `count` of each angle: by hand, as a compiler takes more registers than there
 * are. r0 z, r1 turns, r2 4 and above it a counter, r3 half a step, r12 shift, lr magnitudes. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wunused-parameter"
#else
#pragma GCC diagnostic ignored "-Wunused-parameter" /* they are in registers */
#endif
#define TURNED_STAGE(name) \
    static __attribute__((naked, noinline)) uint32_t name(kws_two *z, const uint32_t *turns, uint32_t counter_and_4, \
                                                          int32_t half, unsigned shift, const kws_two *end)
#define OPEN ".syntax unified\npush {r4-r11, lr}\nldr r12, [sp, #36]\nmov lr, #0\n"
#define CLOSE "mov r0, lr\npop {r4-r11, pc}\n"

/* Turned points, before 13 bits are shifted out: b in r9 and r10, d in r11 and r6, c in r8 and r5; r7 is half of 2^13. */
#define TURN_B                 \
    "mov r7, #4096\n"          \
    "smlad r9, r8, r4, r7\n"   \
    "smlsdx r10, r4, r8, r7\n"
#define TURN_D                 \
    "smlad r11, r8, r6, r7\n"  \
    "smlsdx r6, r6, r8, r7\n"
#define TURN_C                 \
    "smlad r8, r4, r5, r7\n"   \
    "smlsdx r5, r5, r4, r7\n"

/* From these and the first point: the four outputs in r6, r7, r9 and r11. */
#define OUTPUTS                      \
    "asrs r9, r9, #13\n"             \
    "sub r4, r9, r11, asr #13\n"     \
    "add r9, r9, r11, asr #13\n"     \
    "asr r10, r10, #13\n"            \
    "sub r11, r10, r6, asr #13\n"    \
    "add r10, r10, r6, asr #13\n"    \
    "ldr r6, [r0]\n"                 \
    "smlabb r7, r6, r2, r3\n"        \
    "smlatb r6, r6, r2, r3\n"        \
    "sub r8, r7, r8, asr #13\n"      \
    "rsb r7, r8, r7, lsl #1\n"       \
    "sub r5, r6, r5, asr #13\n"      \
    "rsb r6, r5, r6, lsl #1\n"       \
    "add r7, r7, r9\n"               \
    "sub r9, r7, r9, lsl #1\n"       \
    "add r6, r6, r10\n"              \
    "sub r10, r6, r10, lsl #1\n"     \
    "asr r7, r7, r12\n"              \
    "asr r9, r9, r12\n"              \
    "asr r6, r6, r12\n"              \
    "asr r10, r10, r12\n"            \
    "pkhbt r6, r7, r6, lsl #16\n"    \
    "pkhbt r9, r9, r10, lsl #16\n"   \
    "add r7, r8, r11\n"              \
    "sub r11, r8, r11\n"             \
    "sub r10, r5, r4\n"              \
    "add r5, r5, r4\n"               \
    "asr r7, r7, r12\n"              \
    "asr r11, r11, r12\n"            \
    "asr r10, r10, r12\n"            \
    "asr r5, r5, r12\n"              \
    "pkhbt r7, r7, r10, lsl #16\n"   \
    "pkhbt r11, r11, r5, lsl #16\n"
#define MAGNITUDES                   \
    "eor r6, r6, r6, lsl #1\n"       \
    "eor r7, r7, r7, lsl #1\n"       \
    "eor r9, r9, r9, lsl #1\n"       \
    "eor r11, r11, r11, lsl #1\n"    \
    "orr lr, lr, r6\n"               \
    "orr lr, lr, r7\n"               \
    "orr lr, lr, r9\n"               \
    "orr lr, lr, r11\n"              \
    "subs r2, r2, #65536\n"          \
    "bcs 1b\n"

/* Butterflies of one angle follow each other, their points `once`, `twice` and `thrice` as many bytes apart. */
#define SEVERAL_AN_ANGLE(once, twice, thrice, counts) \
    OPEN                           \
    "1: ldm r1, {r4, r5, r6}\n"    \
    "ldr r8, [r0, #" once "]\n"    \
    TURN_B                         \
    "ldr r8, [r0, #" thrice "]\n"  \
    TURN_D                         \
    "ldr r4, [r0, #" twice "]\n"   \
    TURN_C                         \
    OUTPUTS                        \
    "str r7, [r0, #" once "]\n"    \
    "str r9, [r0, #" twice "]\n"   \
    "str r11, [r0, #" thrice "]\n" \
    "str r6, [r0], #4\n"           \
    MAGNITUDES                     \
    "add r0, r0, #" thrice "\n"    \
    "add r1, r1, #12\n"            \
    "add r2, r2, #" counts "\n"    \
    "ldr r4, [sp, #40]\n"          \
    "cmp r0, r4\n"                 \
    "blo 1b\n"                     \
    CLOSE

TURNED_STAGE(turned_by_16) { __asm__ volatile(SEVERAL_AN_ANGLE("64", "128", "192", "0x100000")); }
TURNED_STAGE(turned_by_4) { __asm__ volatile(SEVERAL_AN_ANGLE("16", "32", "48", "0x40000")); }
TURNED_STAGE(turned_alone) {
    __asm__ volatile(
        OPEN
        "1: ldm r1!, {r4, r5, r6}\n"
        "ldr r8, [r0, #4]\n"
        TURN_B
        "ldrd r4, r8, [r0, #8]\n"
        TURN_D
        TURN_C
        OUTPUTS
        "stm r0!, {r6, r7, r9, r11}\n"
        MAGNITUDES
        CLOSE);
}

/* X[k] = (Z[k] + Z*[N-k]) / 2 + e^(-pi j k / N) (Z[k] - Z*[N-k]) / 2j, and the same for N - k, as untangle() of
 * kws_fft.c: eight times the spectrum. */
typedef struct {
    unsigned shift;
    int32_t half, half_q13;
    uint32_t four; /* and above it -4 */
} untangling;

static inline void untangle(kws_two *low, kws_two *high, uint32_t turn, untangling by) {
    uint32_t a = *low, b = *high;
    int32_t turned_re = __smladx((int16x2_t)b, (int16x2_t)turn, __smlsdx((int16x2_t)turn, (int16x2_t)a, 4096));
    int32_t turned_im = __smlsd((int16x2_t)b, (int16x2_t)turn, by.half_q13) - __smuad((int16x2_t)a, (int16x2_t)turn);
    int32_t even_re = __smlabb((int32_t)b, (int32_t)by.four, __smlabb((int32_t)a, (int32_t)by.four, by.half));
    int32_t even_im = __smlatt((int32_t)b, (int32_t)by.four, kws_high(a) * kws_low(by.four));
    int32_t low_re = kws_shift(even_re + kws_shift(turned_re, 13), by.shift);
    int32_t low_im = kws_shift(kws_shift(turned_im, 13) + even_im, by.shift);
    int32_t high_re = kws_shift(even_re - kws_shift(turned_re, 13), by.shift);
    int32_t high_im = kws_shift(kws_shift(turned_im, 13) - even_im, by.shift);
    *high = (uint32_t)high_re * (uint32_t)high_re + (uint32_t)high_im * (uint32_t)high_im;
    *low = (uint32_t)low_re * (uint32_t)low_re + (uint32_t)low_im * (uint32_t)low_im;
}

/* Bins m, m + 64, m + 128 and m + 192 are four words in a row; they belong to those of 64 - m, in reverse. */
static void untangle_all(kws_two *z, unsigned shift) {
    const uint32_t *turns = kws_untangle_q15;
    untangling by = {shift + 3, kws_half(shift + 3), 4096 + kws_half(shift + 3 + 13), 0xfffc0004u};
    for (const uint8_t *low = kws_fft_places + 1, *high = kws_fft_places + 63; low < high; low++, high--, turns += 2) {
        kws_two *a = z + *low, *b = z + *high;
        uint32_t first = turns[0], second = turns[1];
        untangle(a, b + 3, first, by);
        untangle(a + 1, b + 2, second, by);
        untangle(b, a + 3, kws_swapped(second), by);
        untangle(b + 1, a + 2, kws_swapped(first), by);
    }
    kws_two *own = z + kws_fft_places[32];
    untangle(own, own + 3, turns[0], by);
    untangle(own + 1, own + 2, turns[1], by);
    untangle(z + 1, z + 3, turns[2], by);
    untangle(z + 2, z + 2, turns[3], by);
}

void kws_fft_power_of_samples(kws_frames *frames, unsigned *total) {
    kws_two *z = frames->power;
    unsigned shift = kws_excess(fold_products(z), 14);
    uint32_t folded = first_stage(z, shift);
    *total = shift + 2;
    for (unsigned count = 16; count; count /= 4) {
        /* A component grows at most (1 + 3 sqrt 2) = 5.25 times: 12 bits and 5.25 fill 15. */
        shift = kws_excess(folded, 12);
        *total += shift;
        kws_two *first = z + 4 * count, *end = z + POINTS;
        uint32_t magnitudes = plain(z, count, shift);
        int32_t half = kws_half(shift + 2);
        if (count == 16) magnitudes |= turned_by_16(first, kws_turns_q15, 15u << 16 | 4, half, shift + 2, end);
        else if (count == 4) magnitudes |= turned_by_4(first, kws_turns_q15, 3u << 16 | 4, half, shift + 2, end);
        else magnitudes |= turned_alone(first, kws_turns_q15, 62u << 16 | 4, half, shift + 2, end);
        folded = told(magnitudes);
    }
    /* |X| <= 2 sqrt 2 * 2^magnitude: with 14 bits |X|^2 < 2^31. */
    shift = kws_excess(folded, 14);
    *total += shift;
    untangle_all(z, shift);
}
#else
typedef int kws_fft_dsp_is_empty; /* as C wants a declaration */
#endif
