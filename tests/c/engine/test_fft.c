/* Known answers: by hand, by Parseval's theorem, and from numpy (vectors.h). */
#include "check.h"
#include "kws_fft.h"
#include "kws_tables.h"
#include "vectors.h"

#define N KWS_FRAME_LENGTH

/* one for all tests: a small chip has no room for more */
extern kws_framing kws_test_framing;
/* The transforms that there are, and the bits of a full scale that each takes. */
static const struct {
    uint16_t length;
    uint8_t magnitude;
} transforms[] = {
    {256, 13},
#if KWS_FRAME_LENGTH == 512
    {512, 15},
#endif
};
#define TRANSFORMS (sizeof transforms / sizeof *transforms)

static unsigned power_shift(unsigned length, unsigned magnitude) {
    unsigned shift = 0;
    kws_fft_power(&kws_test_framing.frame, length, magnitude, &shift);
    return shift;
}

/* |X[k]|^2 in units of the squared input. */
static uint64_t power_of(unsigned bin, unsigned shift) {
    return (uint64_t)kws_test_framing.frame.power[bin] << 2 * shift;
}

static uint64_t square_root(uint64_t value) {
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 31; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= value) root += bit;
    return root;
}

static int64_t distance(uint64_t a, uint64_t b) { return (int64_t)(a > b ? a - b : b - a); }

static void check_impulse(unsigned length, unsigned place, int16_t height) {
    for (unsigned n = 0; n < length; n++) kws_test_framing.frame.samples[n] = 0;
    kws_test_framing.frame.samples[place] = height;
    unsigned shift = power_shift(length, 13);
    for (unsigned bin = 1; bin < length / 2; bin++) {
        int64_t amplitude = (int64_t)square_root(power_of(bin, shift));
        CHECK(amplitude >= 8000 - 20 && amplitude <= 8000 + 20);
    }
}

void test_fft_of_an_impulse_is_flat(void) {
    static const uint16_t eighths[] = {0, 1, 2, 4, 5, 7};
    for (unsigned t = 0; t < TRANSFORMS; t++) {
        unsigned length = transforms[t].length;
        for (unsigned i = 0; i < sizeof eighths / sizeof *eighths; i++) {
            check_impulse(length, eighths[i] * length / 8, 8000);
            check_impulse(length, eighths[i] * length / 8 + 1, -8000);
        }
        check_impulse(length, length - 1, 8000);
    }
}

/* 8192 cos(2 pi bin n / length), whose transform is length / 2 * 8192: a quarter of the table's. */
static void check_cosine(unsigned length, unsigned at) {
    unsigned step = KWS_SINE_PERIOD / length;
    for (unsigned n = 0; n < length; n++)
        kws_test_framing.frame.samples[n] =
            (int16_t)(kws_sine_q15[(at * n * step + KWS_SINE_PERIOD / 4) % KWS_SINE_PERIOD] / 4);
    unsigned shift = power_shift(length, 13);
    uint64_t amplitude = (uint64_t)length / 2 * 8192, expected = amplitude * amplitude;
    for (unsigned bin = 1; bin < length / 2; bin++) {
        uint64_t power = power_of(bin, shift);
        if (bin == at) {
            CHECK(distance(power, expected) < (int64_t)(expected / 500));
        } else {
            CHECK(power < expected / 1000000); /* 60 dB below */
        }
    }
}

void test_fft_of_a_cosine_is_one_bin(void) {
    for (unsigned t = 0; t < TRANSFORMS; t++) {
        unsigned half = transforms[t].length / 2;
        for (unsigned bin = 1; bin < 5; bin++) {
            check_cosine(2 * half, bin);
            check_cosine(2 * half, half - bin);
            check_cosine(2 * half, half / 2 - 2 + bin);
            check_cosine(2 * half, half / 4 - 2 + bin);
        }
        check_cosine(2 * half, half * 25 / 32);
    }
}

/* Parseval: the energy of the samples in the frame is that of the spectrum, within 1 / `part`. */
static void check_energy(unsigned length, unsigned magnitude, int64_t part) {
    uint64_t spectrum = 0, energy = 0;
    int64_t constant = 0, alternating = 0;
    for (unsigned n = 0; n < length; n++) {
        int64_t x = kws_test_framing.frame.samples[n];
        energy += (uint64_t)(x * x);
        constant += x;
        alternating += n & 1 ? -x : x;
    }
    unsigned shift = power_shift(length, magnitude);
    for (unsigned bin = 1; bin < length / 2; bin++) spectrum += 2 * power_of(bin, shift);
    spectrum += (uint64_t)(constant * constant) + (uint64_t)(alternating * alternating);
    CHECK(distance(spectrum, length * energy) < (int64_t)(length * energy) / part);
}

/* The 512-point vectors; of the shorter transform the first half, halved. */
static void load_vector(unsigned length, unsigned vector) {
    for (unsigned n = 0; n < length; n++)
        kws_test_framing.frame.samples[n] =
            (int16_t)(kws_fft_input[vector][n] / (length == 512 ? 1 : 2));
}

void test_fft_keeps_the_energy(void) {
    for (unsigned t = 0; t < TRANSFORMS; t++) {
        unsigned length = transforms[t].length;
        for (unsigned vector = 0; vector < KWS_FFT_VECTORS; vector++) {
            load_vector(length, vector);
            check_energy(length, length == 512 ? 14 : 13, 500);
        }
    }
}

void test_fft_is_60_db_true(void) {
    for (unsigned i = 0; i < TRANSFORMS * KWS_FFT_VECTORS; i++) {
        unsigned length = transforms[i / KWS_FFT_VECTORS].length, vector = i % KWS_FFT_VECTORS;
        const KWS_FLASH uint32_t *amplitude = length == 512 ? kws_fft_amplitude_q4[vector]
                                                            : kws_fft_short_amplitude_q4[vector];
        uint64_t signal = 0, noise = 0;
        load_vector(length, vector);
        unsigned shift = power_shift(length, length == 512 ? 14 : 13);
        for (unsigned bin = 1; bin < length / 2; bin++) {
            uint64_t expected = amplitude[bin - 1];
            int64_t error = distance(square_root(power_of(bin, shift) << 8), expected);
            signal += expected * expected;
            noise += (uint64_t)(error * error);
        }
        CHECK(signal > 0);
        CHECK(noise < signal / 1000000);
    }
}

/* The sanitizers watch over this one; the energy tells whether anything wrapped. Full scale of the
 * shorter transform is 2^magnitude at both ends, as rounding the window's products can give. */
static void check_full_scale(int16_t (*sample)(unsigned n)) {
    for (unsigned t = 0; t < TRANSFORMS; t++) {
        unsigned length = transforms[t].length, magnitude = transforms[t].magnitude;
        for (unsigned n = 0; n < length; n++) {
            int32_t x = sample(n);
            if (magnitude < 15) x = (x + (x > 0)) / ((int32_t)1 << (15 - magnitude));
            kws_test_framing.frame.samples[n] = (int16_t)x;
        }
        check_energy(length, magnitude, 200);
    }
}

static int16_t lowest(unsigned n) { return (int16_t)(n < N ? -32768 : 0); }
static int16_t highest_frequency(unsigned n) { return n & 1 ? 32767 : -32768; }
static int16_t square_wave(unsigned n) { return n / 2 & 1 ? 32767 : -32768; }
static int16_t slow_square(unsigned n) { return n / 64 & 1 ? -32768 : 32767; }
static int16_t random_signs(unsigned n) { return n * 2654435761u >> 31 ? -32768 : 32767; }

void test_fft_of_full_scale_does_not_overflow(void) {
    check_full_scale(lowest);
    check_full_scale(highest_frequency);
    check_full_scale(square_wave);
    check_full_scale(slow_square);
    check_full_scale(random_signs);
}
