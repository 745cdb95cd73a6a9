#include "check.h"
#include "kws_detector.h"

static const KWS_FLASH char hey[] = "hey", hey_you[] = "hey\0you", hey_you_other[] = "hey\0you\0_";
static const KWS_FLASH char noise_you[] = "_noise\0you";

static const int16_t certain_silence[] = {-32768, -32768, -32768};
static kws_detector detector;
static kws_model model;

static void with(const KWS_FLASH char *names, uint8_t classes, uint8_t smoothing_shift,
                 uint8_t refractory_frames) {
    model.names = names;
    model.classes = classes;
    model.detector.threshold_q10 = 1000;
    model.detector.release_q10 = 500;
    model.detector.smoothing_shift = smoothing_shift;
    model.detector.refractory_frames = refractory_frames;
    kws_detector_reset(&detector, &model, certain_silence);
}

static uint8_t decide(int16_t first, int16_t second) {
    detector.score_q10[0] = first;
    detector.score_q10[1] = second;
    return kws_detector_decide(&detector, &model);
}

void test_detector_smooths_as_by_hand(void) {
    static const int16_t one[] = {1024}, three[] = {1000, -500, 200},
                         far[] = {32767, -32768, -32768};
    with(hey, 1, 1, 0); /* halfway to the logit itself, from certain silence */
    kws_detector_smooth(&detector, &model, one);
    CHECK_EQUAL(detector.score_q10[0], -15872);
    kws_detector_smooth(&detector, &model, one);
    CHECK_EQUAL(detector.score_q10[0], -7424);
    with(hey_you_other, 3, 0, 0); /* each against the best of the others */
    kws_detector_smooth(&detector, &model, three);
    CHECK_EQUAL(detector.score_q10[0], 800);
    CHECK_EQUAL(detector.score_q10[1], -1500);
    CHECK_EQUAL(detector.score_q10[2], -800);
    kws_detector_smooth(&detector, &model, far);
    CHECK_EQUAL(detector.score_q10[0], 32767);
    CHECK_EQUAL(detector.score_q10[1], -32768);
}

void test_detector_at_rest_is_where_smoothing_ends(void) {
    static const int16_t one[] = {-3000}, three[] = {1000, -500, 200};
    with(hey, 1, 2, 0);
    kws_detector_reset(&detector, &model, one);
    CHECK_EQUAL(detector.score_q10[0], -3000);
    kws_detector_smooth(&detector, &model, one);
    CHECK_EQUAL(detector.score_q10[0], -3000);
    with(hey_you_other, 3, 2, 0);
    kws_detector_reset(&detector, &model, three);
    CHECK_EQUAL(detector.score_q10[0], 800);
    CHECK_EQUAL(detector.score_q10[2], -800);
    kws_detector_smooth(&detector, &model, three);
    CHECK_EQUAL(detector.score_q10[1], -1500);
}

void test_detector_needs_release_between_hits(void) {
    with(hey, 1, 0, 0);
    CHECK_EQUAL(decide(999, 0), KWS_NO_WORD);
    CHECK_EQUAL(decide(1000, 0), 0);
    CHECK_EQUAL(decide(32767, 0), KWS_NO_WORD);
    CHECK_EQUAL(decide(500, 0), KWS_NO_WORD); /* not below release */
    CHECK_EQUAL(decide(1200, 0), KWS_NO_WORD);
    CHECK_EQUAL(decide(499, 0), KWS_NO_WORD);
    CHECK_EQUAL(decide(1200, 0), 0);
    kws_detector_reset(&detector, &model, certain_silence);
    CHECK_EQUAL(decide(1200, 0), 0);
}

void test_detector_waits_the_refractory_frames(void) {
    with(hey_you, 2, 0, 3);
    CHECK_EQUAL(decide(1000, 0), 0);
    CHECK_EQUAL(decide(0, 1000), KWS_NO_WORD); /* frame 1, the other word too */
    CHECK_EQUAL(decide(1000, 0), KWS_NO_WORD); /* 2 */
    CHECK_EQUAL(decide(1000, 0), KWS_NO_WORD); /* 3 */
    CHECK_EQUAL(decide(1000, 0), 0);           /* released in between, still high: now */
    with(hey, 1, 0, 1);
    CHECK_EQUAL(decide(1000, 0), 0);
    CHECK_EQUAL(decide(0, 0), KWS_NO_WORD);
    CHECK_EQUAL(decide(1000, 0), 0);
    with(hey, 1, 0, 255);
    CHECK_EQUAL(decide(1000, 0), 0);
    for (unsigned i = 0; i < 255; i++) CHECK_EQUAL(decide(i & 1 ? 1000 : 0, 0), KWS_NO_WORD);
    CHECK_EQUAL(decide(1000, 0), 0);
}

void test_detector_takes_the_first_of_equals(void) {
    with(hey_you, 2, 0, 0);
    CHECK_EQUAL(decide(1200, 1200), 0);
    CHECK_EQUAL(decide(1200, 1200), 1); /* the first is not armed now */
    CHECK_EQUAL(decide(1200, 1200), KWS_NO_WORD);
}

void test_detector_prefers_the_best_word(void) {
    with(hey_you, 2, 0, 0);
    CHECK_EQUAL(decide(1200, 1300), 1);
    CHECK_EQUAL(decide(1200, 1300), 0); /* the other is still armed */
    CHECK_EQUAL(decide(1200, 1300), KWS_NO_WORD);
    with(noise_you, 2, 0, 0); /* background is no word, however sure */
    CHECK_EQUAL(decide(32767, 0), KWS_NO_WORD);
    CHECK_EQUAL(decide(32767, 1000), 1);
}
