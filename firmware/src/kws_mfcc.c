#include "kws_mfcc.h"

#include <string.h>

#include "kws_features.h"
#include "kws_fixed.h"

void kws_mfcc_reset(kws_mfcc *mfcc, const kws_feature_settings *settings) {
    mfcc->length = settings->frame_length;
    mfcc->filled = 0;
    mfcc->level_is_known = 0;
    mfcc->level_q7 = 0;
}

size_t kws_mfcc_fill(kws_mfcc *mfcc, const int16_t *samples, size_t count) {
    size_t lacking = kws_mfcc_lacking(mfcc);
    size_t used = count < lacking ? count : lacking;
    memcpy(mfcc->frame.samples + mfcc->filled, samples, used * sizeof *samples);
    mfcc->filled = (uint16_t)(mfcc->filled + used);
    return used;
}

void kws_mfcc_remove_level(kws_mfcc *mfcc, const kws_feature_settings *settings,
                           int16_t *features_q7) {
    unsigned carriers = settings->n_mfcc ? 1 : settings->n_features;
    int32_t level = 0;
    for (unsigned i = 0; i < carriers; i++) level += features_q7[i];
    level /= (int32_t)carriers;
    int32_t previous = mfcc->level_is_known ? mfcc->level_q7 : level;
    for (unsigned i = 0; i < carriers; i++) features_q7[i] = kws_sat16(features_q7[i] - previous);
    mfcc->level_q7 = (int16_t)level;
    mfcc->level_is_known = 1;
}

void kws_mfcc_compute(kws_mfcc *mfcc, const kws_feature_settings *settings, int16_t *features_q7) {
    unsigned overlap = (unsigned)(mfcc->length - settings->hop_length);
    memcpy(mfcc->overlap, mfcc->frame.samples + settings->hop_length,
           overlap * sizeof *mfcc->overlap);
    kws_features_of(&mfcc->frame, settings, features_q7);
    memcpy(mfcc->frame.samples, mfcc->overlap, overlap * sizeof *mfcc->overlap);
    mfcc->filled = (uint16_t)overlap;
    if (settings->energy == KWS_ENERGY_DELTA) kws_mfcc_remove_level(mfcc, settings, features_q7);
}
