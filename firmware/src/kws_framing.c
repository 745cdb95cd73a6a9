#include "kws_framing.h"

#include <string.h>

#include "kws_features.h"
#include "kws_fixed.h"

void kws_framing_reset(kws_framing *framing, const kws_feature_settings *settings) {
    framing->length = settings->frame_length;
    framing->filled = 0;
    framing->level_is_known = 0;
    framing->level_q7 = 0;
}

size_t kws_framing_fill(kws_framing *framing, const int16_t *samples, size_t count) {
    size_t lacking = kws_framing_lacking(framing);
    size_t used = count < lacking ? count : lacking;
    memcpy(framing->frame.samples + framing->filled, samples, used * sizeof *samples);
    framing->filled = (uint16_t)(framing->filled + used);
    return used;
}

void kws_framing_remove_level(kws_framing *framing, const kws_feature_settings *settings,
                              int16_t *features_q7) {
    unsigned carriers = settings->n_mfcc ? 1 : settings->n_features;
    int32_t level = 0;
    for (unsigned i = 0; i < carriers; i++) level += features_q7[i];
    level /= (int32_t)carriers;
    int32_t previous = framing->level_is_known ? framing->level_q7 : level;
    for (unsigned i = 0; i < carriers; i++) features_q7[i] = kws_sat16(features_q7[i] - previous);
    framing->level_q7 = (int16_t)level;
    framing->level_is_known = 1;
}

void kws_framing_features(kws_framing *framing, const kws_feature_settings *settings,
                          int16_t *features_q7) {
    unsigned overlap = (unsigned)(framing->length - settings->hop_length);
    memcpy(framing->overlap, framing->frame.samples + settings->hop_length,
           overlap * sizeof *framing->overlap);
    kws_features_of(&framing->frame, settings, features_q7);
    memcpy(framing->frame.samples, framing->overlap, overlap * sizeof *framing->overlap);
    framing->filled = (uint16_t)overlap;
    if (settings->energy == KWS_ENERGY_DELTA)
        kws_framing_remove_level(framing, settings, features_q7);
}
