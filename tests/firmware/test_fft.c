/* Known answers: by hand, by Parseval's theorem, and from numpy (vectors.h). */
#include "check.h"
#include "kws_fft.h"
#include "kws_tables.h"
#include "vectors.h"

#define N KWS_FRAME_LENGTH

static kws_mfcc mfcc;

static unsigned power_shift(unsigned magnitude) {
    unsigned shift = 0;
    kws_fft_power(&mfcc.frame, magnitude, &shift);
    return shift;
}

/* |X[k]|^2 in units of the squared input. */
static uint64_t power_of(unsigned bin, unsigned shift) { return (uint64_t)mfcc.frame.power[bin] << 2 * shift; }

static uint64_t square_root(uint64_t value) {
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 31; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= value) root += bit;
    return root;
}

static int64_t distance(uint64_t a, uint64_t b) { return (int64_t)(a > b ? a - b : b - a); }

void test_fft_of_an_impulse_is_flat(void) {
    static const uint16_t places[] = {0, 1, 2, 255, 256, 257, 511};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        for (unsigned n = 0; n < N; n++) mfcc.frame.samples[n] = 0;
        mfcc.frame.samples[places[i]] = i & 1 ? -16000 : 16000;
        unsigned shift = power_shift(14);
        for (unsigned bin = 1; bin < N / 2; bin++) {
            int64_t amplitude = (int64_t)square_root(power_of(bin, shift));
            CHECK(amplitude >= 16000 - 40 && amplitude <= 16000 + 40);
        }
    }
}

void test_fft_of_a_cosine_is_one_bin(void) {
    static const uint8_t bins[] = {1, 2, 3, 4, 63, 64, 65, 127, 128, 129, 200, 253, 254, 255};
    for (unsigned i = 0; i < sizeof bins; i++) {
        /* half the table's amplitude: 16384 cos(2 pi bin n / 512), whose transform is 256 * 16384 */
        for (unsigned n = 0; n < N; n++)
            mfcc.frame.samples[n] = (int16_t)(kws_sine_q15[(bins[i] * n + N / 4) % N] / 2);
        unsigned shift = power_shift(14);
        uint64_t expected = (uint64_t)256 * 16384 * 256 * 16384;
        for (unsigned bin = 1; bin < N / 2; bin++) {
            uint64_t power = power_of(bin, shift);
            if (bin == bins[i]) {
                CHECK(distance(power, expected) < (int64_t)(expected / 500));
            } else {
                CHECK(power < expected / 1000000); /* 60 dB below */
            }
        }
    }
}

void test_fft_keeps_the_energy(void) {
    for (unsigned vector = 0; vector < KWS_FFT_VECTORS; vector++) {
        uint64_t energy = 0, spectrum = 0;
        int64_t constant = 0, alternating = 0;
        for (unsigned n = 0; n < N; n++) {
            int32_t x = kws_fft_input[vector][n];
            mfcc.frame.samples[n] = (int16_t)x;
            energy += (uint64_t)((int64_t)x * x);
            constant += x;
            alternating += n & 1 ? -x : x;
        }
        unsigned shift = power_shift(14);
        for (unsigned bin = 1; bin < N / 2; bin++) spectrum += 2 * power_of(bin, shift);
        spectrum += (uint64_t)(constant * constant) + (uint64_t)(alternating * alternating);
        CHECK(distance(spectrum, N * energy) < (int64_t)(N * energy / 500));
    }
}

void test_fft_is_60_db_true(void) {
    for (unsigned vector = 0; vector < KWS_FFT_VECTORS; vector++) {
        uint64_t signal = 0, noise = 0;
        for (unsigned n = 0; n < N; n++) mfcc.frame.samples[n] = kws_fft_input[vector][n];
        unsigned shift = power_shift(14);
        for (unsigned bin = 1; bin < N / 2; bin++) {
            uint64_t expected = kws_fft_amplitude_q4[vector][bin - 1];
            int64_t error = distance(square_root(power_of(bin, shift) << 8), expected);
            signal += expected * expected;
            noise += (uint64_t)(error * error);
        }
        CHECK(signal > 0);
        CHECK(noise < signal / 1000000);
    }
}

/* The sanitizers watch over this one; the energy tells whether anything wrapped. */
static void check_full_scale(int16_t (*sample)(unsigned n)) {
    uint64_t spectrum = 0, energy = 0;
    int64_t constant = 0, alternating = 0;
    for (unsigned n = 0; n < N; n++) {
        int16_t x = sample(n);
        mfcc.frame.samples[n] = x;
        energy += (uint64_t)((int64_t)x * x);
        constant += x;
        alternating += n & 1 ? -x : x;
    }
    unsigned shift = power_shift(15);
    for (unsigned bin = 1; bin < N / 2; bin++) spectrum += 2 * power_of(bin, shift);
    spectrum += (uint64_t)(constant * constant) + (uint64_t)(alternating * alternating);
    CHECK(distance(spectrum, N * energy) < (int64_t)(N * energy / 200));
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
