/* Sixteen frames at once give the integers of each frame alone. */
#include <stdio.h>
#include <string.h>

#include "kws_mfcc.h"
#include "lanes.h"

#define LANES KWS_LANES_AT_ONCE
#define KINDS 8

static uint32_t state = 1;

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

int main(void) {
    static const kws_feature_settings settings[] = {
        {320, 40, 16, 16, KWS_ENERGY_ABSOLUTE, 512}, {160, 40, 32, 32, KWS_ENERGY_ABSOLUTE, 512},
        {160, 40, 0, 40, KWS_ENERGY_ABSOLUTE, 512},  {160, 24, 16, 16, KWS_ENERGY_ABSOLUTE, 256},
        {80, 24, 0, 24, KWS_ENERGY_ABSOLUTE, 256},
#if KWS_WITH_32_MELS
        {160, 32, 0, 32, KWS_ENERGY_ABSOLUTE, 512},  {320, 32, 32, 32, KWS_ENERGY_ABSOLUTE, 512},
#endif
    };
    static int16_t samples[LANES][KWS_FRAME_LENGTH];
    static kws_mfcc mfcc;
    const int16_t *frames[LANES];
    unsigned compared = 0, failed = 0;
    for (unsigned round = 0; round < 1000; round++) {
        const kws_feature_settings *use = settings + round % (sizeof settings / sizeof *settings);
        int16_t together[KWS_MAX_FEATURES * LANES], alone[KWS_MAX_FEATURES];
        for (unsigned lane = 0; lane < LANES; lane++) {
            unsigned kind = ((uint32_t)noise() >> 3) % KINDS, at = (uint32_t)noise() % KWS_FRAME_LENGTH;
            frames[lane] = samples[lane];
            for (unsigned n = 0; n < KWS_FRAME_LENGTH; n++) samples[lane][n] = sample(kind, n, at, at % 16);
        }
        kws_lanes_features(use, frames, together);
        for (unsigned lane = 0; lane < LANES; lane++) {
            kws_mfcc_reset(&mfcc, use);
            (void)kws_mfcc_fill(&mfcc, samples[lane], use->frame_length);
            kws_mfcc_compute(&mfcc, use, alone);
            for (unsigned i = 0; i < use->n_features; i++, compared++) failed += together[i * LANES + lane] != alone[i];
        }
    }
    printf("%u features compared, %u differ\n", compared, failed);
    return compared == 0 || failed > 0;
}
