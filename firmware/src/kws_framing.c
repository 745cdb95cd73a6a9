#include "kws_framing.h"

#include <string.h>

#include "kws_features.h"
#include "kws_fixed.h"

/* In how many features the level stands: coefficient 0 alone, or every band. */
static unsigned carriers_of(const kws_feature_settings *settings) {
    return settings->n_mfcc ? 1 : settings->n_features;
}

static int16_t level_of(const kws_feature_settings *settings, const int16_t *features_q7) {
    unsigned carriers = carriers_of(settings);
    int32_t level = 0;
    for (unsigned i = 0; i < carriers; i++) level += features_q7[i];
    return (int16_t)(level / (int32_t)carriers);
}

void kws_framing_reset(kws_framing *framing, const kws_feature_settings *settings,
                       int16_t *silence_q7) {
    framing->length = settings->frame_length;
    memset(framing->frame.samples, 0, settings->frame_length * sizeof *framing->frame.samples);
    kws_features_of(&framing->frame, settings, silence_q7);
    framing->filled = 0;
    framing->level_q7 = level_of(settings, silence_q7);
    if (settings->energy == KWS_ENERGY_DELTA)
        kws_framing_remove_level(framing, settings, silence_q7);
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
    int16_t level_q7 = level_of(settings, features_q7);
    for (unsigned i = 0; i < carriers_of(settings); i++)
        features_q7[i] = kws_sat16((int32_t)features_q7[i] - framing->level_q7);
    framing->level_q7 = level_q7;
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
