/* A point in one word, for kws_fft.c: the real part is its lower half. On every Arm core, from the
 * Cortex-M0 on, that is fewer instructions. */
#if KWS_ARM
#include <string.h>

#define KWS_OWN_POINTS

static inline uint32_t word_of(const int16_t *z) {
    uint32_t word;
    memcpy(&word, __builtin_assume_aligned(z, 4), sizeof word);
    return word;
}
static inline void put_word(int16_t *z, uint32_t word) {
    memcpy(__builtin_assume_aligned(z, 4), &word, sizeof word);
}
static inline complex32 point(const int16_t *z) {
    uint32_t word = word_of(z);
    complex32 parts = {(int16_t)(uint16_t)word, kws_shift((int32_t)word, 16)};
    return parts;
}
static inline void exchange(int16_t *a, int16_t *b) {
    uint32_t kept = word_of(a);
    put_word(a, word_of(b));
    put_word(b, kept);
}

static inline uint32_t put(int16_t *z, int32_t re, int32_t im, unsigned shift) {
    re = kws_shift(re, shift);
    im = kws_shift(im, shift);
    uint32_t word = (uint16_t)re | (uint32_t)im << 16;
    put_word(z, word);
    return word ^ word << 1;
}

/* A bit that differs from the one below it stands one above the highest of a folded magnitude; what
 * falls from the lower half into the upper is shifted out. */
static inline uint32_t told(uint32_t magnitudes) {
    return (uint16_t)(magnitudes | magnitudes >> 16) >> 1;
}
#endif
