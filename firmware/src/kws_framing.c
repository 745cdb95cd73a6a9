#include "kws_framing.h"

#include <string.h>

#include "kws_features.h"
#include "kws_fixed.h"

/* A click of this height has the power of a room's noise at -66 dBFS in every band: it goes before
 * the first frame. After digital silence the first frame would be a jump as no room knows it, and
 * the network would need a second to forget it. */
#define QUIET_ROOM 222

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

/* The features of a frame of zeros but for one sample in its middle. */
static void features_of_click(kws_framing *framing, const kws_feature_settings *settings,
                              int16_t click, int16_t *features_q7) {
    memset(framing->frame.samples, 0, settings->frame_length * sizeof *framing->frame.samples);
    framing->frame.samples[settings->frame_length / 2] = click;
    kws_features_of(&framing->frame, settings, features_q7);
}

void kws_framing_reset(kws_framing *framing, const kws_feature_settings *settings,
                       int16_t *silence_q7) {
    framing->length = settings->frame_length;
    framing->filled = 0;
    features_of_click(framing, settings, QUIET_ROOM, silence_q7);
    int16_t room_q7 = level_of(settings, silence_q7);
    features_of_click(framing, settings, 0, silence_q7);
    framing->level_q7 = level_of(settings, silence_q7);
    if (settings->energy == KWS_ENERGY_DELTA)
        kws_framing_remove_level(framing, settings, silence_q7);
    framing->level_q7 = room_q7;
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
