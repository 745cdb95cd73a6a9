/* The ends of every range that a sum may leave. */
#include <string.h>

#include "check.h"
#include "kws_detector.h"
#include "kws_framing.h"
#include "kws_mel.c" /* a stage is static */

void test_saturation_of_the_odds(void) {
    static const KWS_FLASH char names[] = "hey\0you";
    static const int16_t apart[2] = {32767, -32768}, close[2] = {16384, -16384};
    static kws_detector detector;
    static kws_model model;
    model.names = names;
    model.classes = 2;
    kws_detector_reset(&detector, &model, apart);
    CHECK_EQUAL(detector.score_q10[0], 32767);
    CHECK_EQUAL(detector.score_q10[1], -32768);
    kws_detector_reset(&detector, &model, close); /* one more than there is, and just enough */
    CHECK_EQUAL(detector.score_q10[0], 32767);
    CHECK_EQUAL(detector.score_q10[1], -32768);
}

/* A score moves towards the odds and never beyond, so it needs no saturation. */
void test_saturation_is_not_needed_by_a_score(void) {
    static const KWS_FLASH char names[] = "hey";
    static const int16_t ends[] = {-32768, -32767, -1, 0, 1, 2, 1024, 32766, 32767};
    enum { ENDS = sizeof ends / sizeof *ends };
    static kws_detector detector;
    static kws_model model;
    model.names = names;
    model.classes = 1;
    for (uint8_t shift = 0; shift <= 7; shift++) {
        model.detector.smoothing_shift = shift;
        for (unsigned i = 0; i < ENDS * ENDS; i++) {
            int16_t before = ends[i / ENDS], odds = ends[i % ENDS];
            detector.score_q10[0] = before;
            kws_detector_smooth(&detector, &model, &odds);
            int16_t score = detector.score_q10[0];
            CHECK(before < odds ? before <= score && score <= odds
                                : odds <= score && score <= before);
            if (shift == 0) CHECK_EQUAL(score, odds);
        }
    }
}

void test_saturation_of_the_change_of_level(void) {
    kws_feature_settings one = {160, 40, 1, 1, KWS_ENERGY_DELTA, KWS_FRAME_LENGTH};
    static const struct {
        int16_t before, now, change;
    } cases[] = {{-32768, 32767, 32767}, {32767, -32768, -32768}, {-1, 32767, 32767},
                 {1, -32768, -32768},    {0, 32767, 32767},       {-16384, 16383, 32767}};
    /* one for all tests: a small chip has no room for more */
    extern kws_framing kws_test_framing;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int16_t feature = cases[i].now;
        kws_test_framing.level_q7 = cases[i].before;
        kws_framing_remove_level(&kws_test_framing, &one, &feature);
        CHECK_EQUAL(feature, cases[i].change);
        CHECK_EQUAL(kws_test_framing.level_q7, cases[i].now);
    }
}

/* Powers and a shift beyond those of any frame. An AVR's own bands have no such end. */
void test_saturation_of_the_logarithm(void) {
#if !KWS_AVR
    static kws_frames frames;
    static const unsigned shift[KWS_LANES] = {37}; /* energies times 2 */
    unsigned n_mels = KWS_FRAME_LENGTH == 512 ? 40 : 24;
    const KWS_FLASH kws_mel_table *table = kws_mel_table_of(KWS_FRAME_LENGTH, (uint8_t)n_mels);
    memset(&frames, 0xff, sizeof frames);
    kws_mel(&frames, KWS_FRAME_LENGTH, table, shift);
    for (unsigned i = 0; i < n_mels; i++) CHECK_EQUAL(frames.samples[i], 32767);
#endif
}
