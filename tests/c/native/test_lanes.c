/* Sixteen frames at once give the integers of each frame alone, sixteen clips those of each
 * clip. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kws_fastgrnn.h"
#include "kws_framing.h"
#include "kws_model.h"
#include "lanes.h"
#include "vectors.h"

#define LANES KWS_LANES_AT_ONCE
#define KINDS 8
#define FRAMES 40

static uint32_t state = 1;
static unsigned compared, failed;

static int32_t noise(void) { /* -32768 to 32767 */
    state = state * 1664525u + 1013904223u;
    return (int32_t)(state >> 16) - 32768;
}

static int16_t sample(unsigned kind, unsigned n, unsigned at, unsigned loudness) {
    switch (kind) {
    case 0: return 0;
    case 1: return -32768;
    case 2: return n & 1 ? 32767 : -32768;
    case 3: return n == at ? -32768 : 0;
    case 4: return noise() < 0 ? -32768 : 32767;
    case 5: return n / 8 & 1 ? 1 : 0;
    case 6: return n < at ? 0 : (int16_t)noise();
    default: return (int16_t)(noise() / ((int32_t)1 << loudness));
    }
}

static void compare_features(void) {
    static const kws_feature_settings settings[] = {
        {320, 40, 16, 16, KWS_ENERGY_ABSOLUTE, 512}, {160, 40, 32, 32, KWS_ENERGY_ABSOLUTE, 512},
        {160, 40, 0, 40, KWS_ENERGY_ABSOLUTE, 512},  {160, 24, 16, 16, KWS_ENERGY_ABSOLUTE, 256},
        {80, 24, 0, 24, KWS_ENERGY_ABSOLUTE, 256},
#if KWS_WITH_32_MELS
        {160, 32, 0, 32, KWS_ENERGY_ABSOLUTE, 512},  {320, 32, 32, 32, KWS_ENERGY_ABSOLUTE, 512},
#endif
    };
    static int16_t samples[LANES][KWS_FRAME_LENGTH];
    static kws_framing framing;
    const int16_t *frames[LANES];
    for (unsigned round = 0; round < 1000; round++) {
        const kws_feature_settings *use = settings + round % (sizeof settings / sizeof *settings);
        int16_t together[KWS_MAX_FEATURES * LANES], alone[KWS_MAX_FEATURES];
        for (unsigned lane = 0; lane < LANES; lane++) {
            unsigned kind = ((uint32_t)noise() >> 3) % KINDS,
                     at = (uint32_t)noise() % KWS_FRAME_LENGTH;
            frames[lane] = samples[lane];
            for (unsigned n = 0; n < KWS_FRAME_LENGTH; n++)
                samples[lane][n] = sample(kind, n, at, at % 16);
        }
        kws_lanes_features(use, frames, together);
        for (unsigned lane = 0; lane < LANES; lane++) {
            kws_framing_reset(&framing, use, alone);
            (void)kws_framing_fill(&framing, samples[lane], use->frame_length);
            kws_framing_features(&framing, use, alone);
            for (unsigned i = 0; i < use->n_features; i++, compared++)
                failed += together[i * LANES + lane] != alone[i];
        }
    }
}

/* Features as they are, or at one of the ends where the products saturate. */
static int16_t feature(unsigned clip) {
    int32_t value = noise();
    return (int16_t)(clip % 3 == 0   ? value
                     : clip % 3 == 1 ? value / 16
                     : value < 0     ? -32768
                                     : 32767);
}

static void compare_network(const kws_model *model, unsigned clips, int with_hidden) {
    static int16_t features[LANES * FRAMES * KWS_MAX_FEATURES];
    static int16_t hidden[LANES * FRAMES * KWS_MAX_HIDDEN],
        logits[LANES * FRAMES * KWS_MAX_CLASSES + 1];
    /* its end is the sanitizer's */
    float *weights = malloc(kws_lanes_weights(model) * sizeof *weights);
    if (weights == NULL) abort();
    for (unsigned i = 0; i < clips * FRAMES * model->features.n_features; i++)
        features[i] = feature(i / (FRAMES * model->features.n_features));
    logits[clips * FRAMES * model->classes] = 12345;
    kws_lanes_unpack(model, weights);
    int16_t rest[KWS_MAX_HIDDEN];
    for (unsigned i = 0; i < model->hidden; i++) rest[i] = (int16_t)noise();
    kws_lanes_network(model, weights, rest, features, clips, FRAMES, with_hidden ? hidden : NULL,
                      logits);
    free(weights);
    failed += logits[clips * FRAMES * model->classes] != 12345; /* wrote beyond the last clip */
    for (unsigned clip = 0, at = 0; clip < clips; clip++) {
        kws_fastgrnn cell;
        memcpy(cell.hidden_q15, rest, model->hidden * sizeof *rest);
        for (unsigned frame = 0; frame < FRAMES; frame++, at++) {
            int16_t alone[KWS_MAX_CLASSES];
            kws_fastgrnn_step(&cell, model, features + at * model->features.n_features, alone);
            for (unsigned i = 0; i < model->classes; i++, compared++)
                failed += logits[at * model->classes + i] != alone[i];
            for (unsigned i = 0; with_hidden && i < model->hidden; i++, compared++)
                failed += hidden[at * model->hidden + i] != cell.hidden_q15[i];
        }
    }
}

/* Every model of the tests, and the same with the largest scales that the format can say. */
static void compare_networks(void) {
    for (unsigned i = 0; i < 2 * KWS_TEST_MODELS; i++) {
        const kws_test_model *vector = kws_test_models + i / 2;
        kws_model model;
        if (kws_model_read(&model, vector->bytes, vector->size) != KWS_OK) {
            failed++;
            continue;
        }
        kws_matrix *matrices[] = {&model.w1, &model.w2, &model.u1, &model.u2, &model.classifier};
        for (unsigned k = 0; i & 1 && k < 5; k++)
            matrices[k]->multiplier = 255, matrices[k]->shift = 0;
        compare_network(&model, LANES, 1);
        compare_network(&model, 1 + i % (LANES - 1), 0);
    }
}

int main(void) {
    compare_features();
    unsigned features = compared;
    compare_networks();
    printf("%u features and %u states and logits compared, %u differ\n", features,
           compared - features, failed);
    return features == 0 || compared == features || failed > 0;
}
