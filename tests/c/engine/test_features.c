#include "check.h"
#include "kws_framing.h"
#include "kws_tables.h"
#include "signal.h"

#if KWS_FRAME_LENGTH == 512
#define HOP 320
#define MELS 40
#define LEVEL_OF_16 4489 /* ln(16^2) sqrt(40) * 128 */
#else
#define HOP 160
#define MELS 24
#define LEVEL_OF_16 3477 /* ln(16^2) sqrt(24) * 128 */
#endif

extern kws_framing kws_test_framing;
kws_framing kws_test_framing; /* of all tests: a small chip has no room for more */
static int16_t features[KWS_MAX_FEATURES];

static void feed(int16_t (*sample)(unsigned n), const kws_feature_settings *settings,
                 unsigned samples) {
    kws_framing_reset(&kws_test_framing, settings, features);
    for (unsigned n = 0; n < samples; n++) {
        int16_t x = sample(n);
        CHECK_EQUAL(kws_framing_fill(&kws_test_framing, &x, 1), 1);
        if (kws_framing_lacking(&kws_test_framing) == 0)
            kws_framing_features(&kws_test_framing, settings, features);
    }
}

static int16_t silence(unsigned n) { return (int16_t)(n * 0); }
static int16_t lowest(unsigned n) { return (int16_t)(n * 0 - 32768); }
static int16_t one_impulse(unsigned n) { return n == 600 ? -32768 : 0; }
static int16_t fastest(unsigned n) { return n & 1 ? 32767 : -32768; }
static int16_t tone(unsigned n) { return n / 8 & 1 ? 32767 : -32768; }

void test_mfcc_of_silence_is_the_floor(void) {
    kws_feature_settings settings = {HOP, MELS, 16, 16, KWS_ENERGY_ABSOLUTE, KWS_FRAME_LENGTH};
    feed(silence, &settings, 832);
    CHECK_EQUAL(features[0], MELS == 40 ? -12906 : -9997); /* ln(2^-23) sqrt(MELS) * 128 */
    for (unsigned i = 1; i < 16; i++) CHECK_EQUAL(features[i], 0);
    settings.n_mfcc = 0;
    settings.n_features = MELS;
    feed(silence, &settings, 832);
    for (unsigned i = 0; i < MELS; i++) CHECK_EQUAL(features[i], -2041); /* ln(2^-23) * 128 */
}

void test_mfcc_at_8_khz_is_that_of_half_the_spectrum(void) {
    kws_feature_settings settings = {160, 24, 16, 16, KWS_ENERGY_ABSOLUTE, 256};
    feed(silence, &settings, 416);
    CHECK_EQUAL(features[0], -9997); /* ln(2^-23) sqrt(24) * 128 */
    for (unsigned i = 1; i < 16; i++) CHECK_EQUAL(features[i], 0);
    settings.n_mfcc = 0;
    settings.n_features = 24;
    /* 500 Hz is bin 16, next to the centre of band 5, which is at 15.6; by hand, as below: its
     * power (4 / pi * 64)^2 = 6640 and two neighbours of 1660 make ln 7800 = 8.96 there, ln 1780 =
     * 7.48 in band 6 */
    feed(tone, &settings, 576);
    CHECK(features[5] > 1147 - 20 && features[5] < 1147 + 20);
    CHECK(features[6] > 958 - 20 && features[6] < 958 + 20);
    CHECK(features[3] < 500);
}

void test_mfcc_of_full_scale_stays_in_range(void) {
    static int16_t (*const signals[])(unsigned) = {lowest, one_impulse, fastest, tone};
    kws_feature_settings settings = {HOP, MELS, 0, MELS, KWS_ENERGY_ABSOLUTE, KWS_FRAME_LENGTH};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        feed(signals[i], &settings, 1152);
        for (unsigned band = 0; band < MELS; band++) {
            CHECK(features[band] >= -2041);
            CHECK(features[band] < 1600); /* e^12.5: all of a full-scale frame in one band */
        }
    }
#if KWS_FRAME_LENGTH == 512
    /* 1 kHz is bin 32, between the centres of bands 12 and 13 (edges_40); by hand, the square
     * wave's fundamental has the amplitude 4 / pi, hence ln((4 / pi * 128)^2 + its two neighbours)
     * = 10.6 */
    CHECK(features[12] > 1200 && features[12] < 1360);
    CHECK(features[13] > 1200 && features[13] < 1360);
    CHECK(features[11] < 700);
    CHECK(features[16] < 0);
#endif
}

void test_mfcc_of_32_bands(void) {
#if KWS_WITH_32_MELS
    kws_feature_settings settings = {160, 32, 0, 32, KWS_ENERGY_ABSOLUTE, 512};
    feed(silence, &settings, 832);
    for (unsigned i = 0; i < 32; i++) CHECK_EQUAL(features[i], -2041); /* ln(2^-23) * 128 */
    /* bin 32 lies between the centres of bands 9 and 10, near the upper. By hand, with the
     * fundamental of above, (4 / pi * 128)^2: band 9 gets 0.23 of it, ln = 8.72, and band 10 1.23,
     * ln = 10.39 */
    feed(tone, &settings, 1152);
    CHECK(features[9] > 1080 && features[9] < 1160);
    CHECK(features[10] > 1300 && features[10] < 1360);
    CHECK(features[8] < 700);
    CHECK(features[13] < 0);
    settings.n_mfcc = settings.n_features = 32;
    feed(silence, &settings, 832);
    CHECK(features[0] >= -11545 && features[0] <= -11543); /* ln(2^-23) sqrt(32) * 128 = -11543.7 */
    for (unsigned i = 1; i < 32; i++) CHECK_EQUAL(features[i], 0);
#else
    CHECK(kws_mel_table_of(512, 32) == 0);
#endif
}

/* The same noise at two gains 16 apart. */
static int16_t loud(unsigned n) { return (int16_t)((int32_t)(n * 2654435761u >> 16) - 32768); }
static int16_t quiet(unsigned n) { return (int16_t)((int32_t)(n * 2654435761u >> 20) - 2048); }

void test_mfcc_delta_ignores_the_gain(void) {
    kws_feature_settings settings = {HOP, MELS, 13, 13, KWS_ENERGY_DELTA, KWS_FRAME_LENGTH};
    int16_t first[13];
    feed(loud, &settings, 1152);
    for (unsigned i = 0; i < 13; i++) first[i] = features[i];
    feed(quiet, &settings, 1152);
    for (unsigned i = 0; i < 13; i++) {
        int32_t difference = first[i] - features[i];
        /* 0.08 nat, of which 16-bit rounding makes most */
        CHECK(difference >= -10 && difference <= 10);
    }
    /* whereas the absolute level is there without delta */
    settings.energy = KWS_ENERGY_ABSOLUTE;
    feed(loud, &settings, 1152);
    first[0] = features[0];
    feed(quiet, &settings, 1152);
    CHECK(first[0] - features[0] > LEVEL_OF_16 - 90 && first[0] - features[0] < LEVEL_OF_16 + 110);
}
