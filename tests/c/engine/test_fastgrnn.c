#include "check.h"
#include "kws_fastgrnn.h"
#include "kws_model.h"
#include "limits.h"
#include "vectors.h"

static kws_fastgrnn cell;
static kws_model model;

/* One unit, one feature, no weights: only the biases and scalars are at work. */
static const KWS_FLASH uint8_t zero_weight[] = {0}, weight[] = {100}, input[] = {0, 64},
                               bias_class[] = {0x10, 0xff};

static void without_weights(kws_cell_kind kind, int8_t gate, int8_t update, uint8_t zeta,
                            uint8_t nu) {
    static uint8_t biases[2];
    static const kws_matrix zero = {zero_weight, KWS_MATRIX_INT8, 1, 1, 1, 0};
    static const kws_matrix classifier = {weight, KWS_MATRIX_INT8, 1, 1, 1, 0};
    model.features.n_features = 1;
    model.cell = (uint8_t)kind;
    model.hard = 0;
    model.hidden = model.classes = 1;
    model.rank_w = model.rank_u = 0;
    model.input = input;
    model.w1 = model.u1 = zero;
    model.classifier = classifier;
    biases[0] = (uint8_t)gate;
    biases[1] = (uint8_t)update;
    model.bias_gate = kws_in_flash(biases, sizeof biases);
    model.bias_update = model.bias_gate + 1;
    model.bias_class = bias_class;
    model.zeta_q8 = zeta;
    model.nu_q8 = nu;
}

static int16_t steps(unsigned count) {
    static const int16_t feature[1] = {1234};
    int16_t logit[1] = {0};
    for (unsigned i = 0; i < count; i++) kws_fastgrnn_step(&cell, &model, feature, logit);
    return logit[0];
}

/* tanh(1) = 24956 / 2^15; z = 1/2, write 1/4: h = 0.25 tanh(1), then h / 2 + 0.25 tanh(1), ... */
static void check_halving(void) {
    kws_fastgrnn_reset(&cell);
    CHECK_EQUAL(steps(1), 24 * 100 - 240);
    CHECK_EQUAL(cell.hidden_q15[0], 6239);
    CHECK_EQUAL(steps(1), 37 * 100 - 240);
    CHECK_EQUAL(cell.hidden_q15[0], 9359);
    CHECK_EQUAL(steps(1), 43 * 100 - 240);
    CHECK_EQUAL(cell.hidden_q15[0], 10919);
}

void test_cell_without_weights_follows_its_biases(void) {
    without_weights(KWS_FASTGRNN, 0, 32, 128, 0);
    check_halving();
    /* beta 1/2, alpha 1/4; the gate is not looked at */
    without_weights(KWS_FASTRNN, 77, 32, 64, 128);
    check_halving();
    without_weights(KWS_FASTGRNN, 0, -32, 128, 0);
    kws_fastgrnn_reset(&cell);
    (void)steps(1);
    CHECK_EQUAL(cell.hidden_q15[0], -6239);
}

/* clip(3/4, -1, 1) = 3/4; z = 1/2, write 1/4: h = 3/16, then h / 2 + 3/16, ...; then what lies
 * outside. */
void test_hard_cell_is_piecewise_linear(void) {
    without_weights(KWS_FASTGRNN, 0, 24, 128, 0);
    model.hard = 1;
    kws_fastgrnn_reset(&cell);
    (void)steps(1);
    CHECK_EQUAL(cell.hidden_q15[0], 6144);
    (void)steps(1);
    CHECK_EQUAL(cell.hidden_q15[0], 9216);
    without_weights(KWS_FASTGRNN, -32, 64, 64, 64); /* z = 0: h = (1/4 + 1/4) clip(2) */
    model.hard = 1;
    (void)steps(1);
    CHECK_EQUAL(cell.hidden_q15[0], 16384);
    /* z at its limit keeps all but one part in 2^15 */
    without_weights(KWS_FASTGRNN, 127, -127, 0, 0);
    model.hard = 1;
    (void)steps(1);
    CHECK_EQUAL(cell.hidden_q15[0], 16384);
    cell.hidden_q15[0] = 32767;
    (void)steps(2);
    CHECK_EQUAL(cell.hidden_q15[0], 32765);
    without_weights(KWS_FASTRNN, 0, -127, 128, 0);
    model.hard = 1;
    (void)steps(1);
    CHECK_EQUAL(cell.hidden_q15[0], -16384);
}

static int32_t magnitude(int32_t value) { return value < 0 ? -value : value; }

static void check_two_pasts_end_alike(const kws_test_model *vector) {
    static int16_t first[KWS_MAX_HIDDEN];
    int16_t features[KWS_MAX_FEATURES], logits[KWS_MAX_CLASSES];
    kws_status status = kws_model_read(&model, vector->bytes, vector->size);
    CHECK_EQUAL(status, KWS_OK);
    if (status != KWS_OK) return;
    for (unsigned past = 0; past < 2; past++) {
        kws_fastgrnn_reset(&cell);
        for (unsigned frame = 0; frame < 2000; frame++) { /* all features stuck at one end */
            for (unsigned i = 0; i < model.features.n_features; i++)
                features[i] = past ? 32767 : -32768;
            kws_fastgrnn_step(&cell, &model, features, logits);
        }
        for (unsigned frame = 0; frame < 400; frame++) {
            for (unsigned i = 0; i < model.features.n_features; i++)
                features[i] = (int16_t)((frame * 97 + i * 31) % 1024);
            kws_fastgrnn_step(&cell, &model, features, logits);
        }
        for (unsigned i = 0; i < model.hidden; i++) {
            if (past == 0) first[i] = cell.hidden_q15[i];
            else CHECK(magnitude(first[i] - cell.hidden_q15[i]) <= 64); /* 0.002 */
        }
    }
}

void test_cell_state_is_bounded_and_forgets(void) {
    /* driven as hard as a file can: it ends at the last integer of each side, and stays */
    without_weights(KWS_FASTGRNN, 127, 127, 255, 255);
    kws_fastgrnn_reset(&cell);
    (void)steps(5000);
    CHECK_EQUAL(cell.hidden_q15[0], 32767);
    without_weights(KWS_FASTGRNN, 127, -127, 255, 255);
    (void)steps(5000);
    CHECK_EQUAL(cell.hidden_q15[0], -32768);
    /* let go, with z = sigmoid(127 / 32) = 0.981: it falls to where rounding holds it, 0.5 / (1 -
     * z) */
    without_weights(KWS_FASTGRNN, 127, 0, 255, 255);
    (void)steps(5000);
    CHECK(magnitude(cell.hidden_q15[0]) <= 27);
    /* the highest z of all, 32757 / 2^15 at 8 and beyond: 0.5 / (11 / 2^15) */
    static const KWS_FLASH uint8_t high[] = {127};
    static const kws_matrix large = {high, KWS_MATRIX_INT8, 1, 1, 255, 0};
    without_weights(KWS_FASTGRNN, 127, -128, 255, 0);
    model.u1 = large; /* u h: far beyond 8 while h > 0, so that z stays at its largest */
    cell.hidden_q15[0] = 32767;
    int32_t before = cell.hidden_q15[0];
    for (unsigned i = 0; i < 2000; i++) {
        (void)steps(1);
        CHECK(cell.hidden_q15[0] <= before + 11);
        before = cell.hidden_q15[0];
    }
    for (unsigned i = 0; i < KWS_TEST_MODELS; i++)
        if (kws_test_models[i].is_calm && within_limits(&kws_test_models[i]))
            check_two_pasts_end_alike(&kws_test_models[i]);
}
