/* 512 samples to powers on a core that multiplies halves of words in pairs: what kws_window() and
 * kws_fft_power() do, integer for integer, but the digits are never reversed. Point (d3 d2 d1 d0),
 * base-4 digits, stands where (d0 d1 d2 d3) would: so points of one angle follow each other, and a
 * last butterfly is four words in a row. Bin k is left at kws_fft_places[k]. */
#include "../kws_by_hand.h"
#include "../kws_kernels.h"
#include "kws_pairs_m4.h"

#if KWS_FFT_M4
#define POINTS 256

/* clang-format off */
/* Magnitudes of all products of samples and weights, eight at once: r2 folded, r3 end, r4 to r7
 * weights. */
#define FOLD(weight)                 \
    "smulbb r9, r8, " weight "\n"    \
    "smultt r8, r8, " weight "\n"    \
    "eor r9, r9, r9, asr #31\n"  \
    "eor r8, r8, r8, asr #31\n"  \
    "orr r2, r2, r9\n"           \
    "orr r2, r2, r8\n"
static KWS_BY_HAND uint32_t fold_products(const kws_two *z, const uint32_t *weights) {
    __asm__ volatile(
        ".syntax unified\n"
        "push {r4-r9}\n"
        "add r3, r0, #256\n"
        "mov r2, #0\n"
        "1: ldm r1!, {r4, r5, r6, r7}\n"
        "ldr r8, [r0, #256]\n"
        FOLD("r4")
        "ldr r8, [r0, #768]\n"
        FOLD("r5")
        "ldr r8, [r0, #512]\n"
        FOLD("r6")
        "ldr r8, [r0], #4\n"
        FOLD("r7")
        "cmp r0, r3\n"
        "blo 1b\n"
        "mov r0, r2\n"
        "pop {r4-r9}\n"
        "bx lr\n");
}
/* clang-format on */

/* Magnitudes of a word's halves, to be ORed and told: a bit that differs from the one below it
 * stands one above the highest of kws_fold(); what falls from the lower half into the upper is
 * shifted out. */
static inline uint32_t magnitudes_of(uint32_t word) { return word ^ word << 1; }
static inline uint32_t told_of_pairs(uint32_t magnitudes) {
    return (uint16_t)(magnitudes | magnitudes >> 16) >> 1;
}

/* clang-format off */
/* The first stage has no turns and always the shift of 2 that takes 14 bits to 12: it goes with the
 * window. Imaginary parts are kept where they will stand in a word, 14 bits up. r0 z, r1 weights,
 * r2 half a step, lr magnitudes, r12 the shift and above it a counter; even and odd in r4 to r7,
 * then sum and difference in r8, r9, r3, r11. */
#define WINDOWED(re, samples_then_im, weights)                        \
    "smlabb " re ", " samples_then_im ", " weights ", r2\n"           \
    "smlatt " samples_then_im ", " samples_then_im ", " weights ", r2\n" \
    "asr " re ", " re ", r12\n"                                       \
    "asr " samples_then_im ", " samples_then_im ", r12\n"
static KWS_BY_HAND uint32_t first_stage(kws_two *z, const uint32_t *weights, int32_t half,
                                        unsigned counter_and_shift) {
    __asm__ volatile(
        ".syntax unified\n"
        "push {r4-r11, lr}\n"
        "mov r12, r3\n"
        "mov lr, #0\n"
        "1: ldrd r6, r8, [r1], #8\n"
        "ldr r5, [r0, #256]\n"
        WINDOWED("r4", "r5", "r6")
        "ldr r7, [r0, #768]\n"
        WINDOWED("r6", "r7", "r8")
        "add r4, r4, r6\n" /* even_re, odd_re, even_im, odd_im: r4, r6, r5, r7 */
        "sub r6, r4, r6, lsl #1\n"
        "add r5, r5, r7\n"
        "sub r7, r5, r7, lsl #1\n"
        "ldr r10, [r1], #4\n"
        "ldr r9, [r0, #512]\n"
        WINDOWED("r8", "r9", "r10")
        "ldr r10, [r1], #4\n"
        "ldr r11, [r0]\n"
        WINDOWED("r3", "r11", "r10")
        "add r3, r3, #2\n"
        "lsl r11, r11, #14\n"
        "add r11, r11, #32768\n"
        "add r3, r3, r8\n" /* sum_re, difference_re, sum_up, difference_up: r3, r8, r11, r9 */
        "sub r8, r3, r8, lsl #1\n"
        "add r11, r11, r9, lsl #14\n"
        "sub r9, r11, r9, lsl #15\n"
        "add r3, r3, r4\n" /* the first output in r10, the third in r4 */
        "sub r4, r3, r4, lsl #1\n"
        "add r11, r11, r5, lsl #14\n"
        "sub r5, r11, r5, lsl #15\n"
        "pkhtb r10, r11, r3, asr #2\n"
        "pkhtb r4, r5, r4, asr #2\n"
        "add r8, r8, r7\n" /* the second in r8, the fourth in r7 */
        "sub r7, r8, r7, lsl #1\n"
        "sub r9, r9, r6, lsl #14\n"
        "add r6, r9, r6, lsl #15\n"
        "pkhtb r8, r9, r8, asr #2\n"
        "pkhtb r7, r6, r7, asr #2\n"
        "str r8, [r0, #256]\n"
        "str r4, [r0, #512]\n"
        "str r7, [r0, #768]\n"
        "str r10, [r0], #4\n"
        "eor r8, r8, r8, lsl #1\n"
        "eor r4, r4, r4, lsl #1\n"
        "eor r7, r7, r7, lsl #1\n"
        "eor r10, r10, r10, lsl #1\n"
        "orr lr, lr, r8\n"
        "orr lr, lr, r4\n"
        "orr lr, lr, r7\n"
        "orr lr, lr, r10\n"
        "subs r12, r12, #256\n"
        "bcs 1b\n"
        "mov r0, lr\n"
        "pop {r4-r11, pc}\n");
}
/* clang-format on */

static inline uint32_t put_point(kws_two *z, int32_t re, int32_t im, unsigned shift) {
    uint32_t word = kws_pair(kws_shift(re, shift), kws_shift(im, shift));
    *z = word;
    return magnitudes_of(word);
}

/* The butterflies of angle 0 in a stage: `count` of them, points as far apart. */
static __attribute__((noinline)) uint32_t plain_points(kws_two *z, unsigned count, unsigned shift) {
    uint32_t magnitudes = 0;
    int32_t half = kws_half(shift);
    for (const kws_two *end = z + count; z < end; z++) {
        uint32_t a = z[0], b = z[count], c = z[2 * count], d = z[3 * count];
        int32_t a_re = kws_low(a) + half, a_im = kws_high(a) + half;
        int32_t even_re = kws_low(b) + kws_low(d), odd_re = kws_low(b) - kws_low(d);
        int32_t even_im = kws_high(b) + kws_high(d), odd_im = kws_high(b) - kws_high(d);
        int32_t sum_re = a_re + kws_low(c), difference_re = a_re - kws_low(c);
        int32_t sum_im = a_im + kws_high(c), difference_im = a_im - kws_high(c);
        magnitudes |= put_point(z, sum_re + even_re, sum_im + even_im, shift);
        magnitudes |= put_point(z + count, difference_re + odd_im, difference_im - odd_re, shift);
        magnitudes |= put_point(z + 2 * count, sum_re - even_re, sum_im - even_im, shift);
        magnitudes |=
            put_point(z + 3 * count, difference_re - odd_im, difference_im + odd_re, shift);
    }
    return magnitudes;
}

/* clang-format off */
/* The turned butterflies of a stage, `count` of each angle. r0 z, r1 turns, r2 4 and above it a
 * counter, r3 half a step, r12 shift, lr magnitudes. */
#define TURNED_STAGE(name) \
    static KWS_BY_HAND uint32_t name(kws_two *z, const uint32_t *turns, uint32_t counter_and_4, \
                          int32_t half, unsigned shift, const kws_two *end)
#define OPEN ".syntax unified\npush {r4-r11, lr}\nldr r12, [sp, #36]\nmov lr, #0\n"
#define CLOSE "mov r0, lr\npop {r4-r11, pc}\n"

/* Turned points, before 13 bits are shifted out: b in r9 and r10, d in r11 and r6, c in r8 and r5;
 * r7 is half of 2^13. */
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

/* Butterflies of one angle follow each other, their points `once`, `twice` and `thrice` as many
 * bytes apart. */
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

/* X[k] = (Z[k] + Z*[N-k]) / 2 + e^(-pi j k / N) (Z[k] - Z*[N-k]) / 2j, and the same for N - k, as
 * untangle() of kws_fft.c: eight times the spectrum. r0 low, r1 high, r2 table, r3 4 and above it
 * -4, r4 half a step, r12 r11 half of 2^13, r12 the same and half a step above, lr the shift and
 * above it a counter, r5 turn. */
#define UNTANGLE(low, low_at, high, high_at)   \
    "ldr r6, [" low ", #" low_at "]\n"     \
    "ldr r7, [" high ", #" high_at "]\n"    \
    "smlsdx r8, r5, r6, r11\n"      \
    "smladx r8, r7, r5, r8\n"      \
    "smlsd r9, r7, r5, r12\n"      \
    "smuad r10, r6, r5\n"          \
    "sub r9, r9, r10\n"            \
    "smlabb r10, r6, r3, r4\n"     \
    "smlabb r10, r7, r3, r10\n"    \
    "smultb r6, r6, r3\n"          \
    "smlatt r6, r7, r3, r6\n"      \
    "add r7, r10, r8, asr #13\n"   \
    "sub r10, r10, r8, asr #13\n"  \
    "add r8, r6, r9, asr #13\n"    \
    "rsb r6, r6, r9, asr #13\n"    \
    "asr r7, r7, lr\n"             \
    "asr r10, r10, lr\n"           \
    "asr r8, r8, lr\n"             \
    "asr r6, r6, lr\n"             \
    "mul r7, r7, r7\n"             \
    "mul r10, r10, r10\n"          \
    "mla r7, r8, r8, r7\n"         \
    "mla r10, r6, r6, r10\n"       \
    "str r10, [" high ", #" high_at "]\n"   \
    "str r7, [" low ", #" low_at "]\n"
/* From one entry of the table to the next `low` and `high` move on by what its first word says. Bin
 * 128 - k is where the same entry finds it, its turn is the same with the parts exchanged. The last
 * two entries are for one bin. */
static KWS_BY_HAND void untangle_places(kws_two *low, kws_two *high, const uint32_t *table,
                                        unsigned counter_and_shift, int32_t half,
                                        int32_t half_q13) {
    __asm__ volatile(
        ".syntax unified\n"
        "push {r4-r11, lr}\n"
        "mov lr, r3\n"
        "ldr r4, [sp, #36]\n"
        "ldr r12, [sp, #40]\n"
        "mov r11, #4096\n"
        "mov r3, #4\n"
        "movt r3, #65532\n"
        "1: ldrd r6, r5, [r2], #8\n"
        "sxtah r0, r0, r6\n"
        "sxtah r1, r1, r6, ror #16\n"
        UNTANGLE("r0", "0", "r1", "12")
        "subs lr, lr, #256\n"
        "bmi 2f\n"
        "ror r5, r5, #16\n"
        UNTANGLE("r1", "4", "r0", "8")
        "b 1b\n"
        "2: cmn lr, #256\n"
        "bpl 1b\n"
        "pop {r4-r11, pc}\n");
}
/* clang-format on */

void kws_fft_power_of_samples(kws_frames *frames, unsigned *total) {
    kws_two *z = frames->power;
    unsigned shift = kws_excess(fold_products(z, kws_window_q15), 14);
    uint32_t folded =
        told_of_pairs(first_stage(z, kws_window_q15, kws_half(shift), 63u << 8 | shift));
    *total = shift + 2;
    for (unsigned count = 16; count; count /= 4) {
        /* A component grows at most (1 + 3 sqrt 2) = 5.25 times: 12 bits and 5.25 fill 15. */
        shift = kws_excess(folded, 12);
        *total += shift;
        kws_two *first = z + 4 * count, *end = z + POINTS;
        uint32_t magnitudes = plain_points(z, count, shift);
        int32_t half = kws_half(shift + 2);
        if (count == 16)
            magnitudes |= turned_by_16(first, kws_turns_q15, 15u << 16 | 4, half, shift + 2, end);
        else if (count == 4)
            magnitudes |= turned_by_4(first, kws_turns_q15, 3u << 16 | 4, half, shift + 2, end);
        else magnitudes |= turned_alone(first, kws_turns_q15, 62u << 16 | 4, half, shift + 2, end);
        folded = told_of_pairs(magnitudes);
    }
    /* |X| <= 2 sqrt 2 * 2^magnitude: with 14 bits |X|^2 < 2^31. */
    shift = kws_excess(folded, 14);
    *total += shift;
    shift += 3; /* eight times the spectrum: both halves of the sum, and two fractional bits */
    untangle_places(z, z, kws_untangle, 63u << 8 | shift, kws_half(shift),
                    4096 + kws_half(shift + 13));
}
#else
typedef int kws_fft_m4_is_empty; /* as C wants a declaration */
#endif
