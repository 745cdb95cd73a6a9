#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "kws_detector.h"
#include "kws_fastgrnn.h"
#include "kws_framing.h"
#include "kws_model.h"
#include "lanes.h"

#define WORTH_LANES 4 /* clips: fewer are as fast one by one */

size_t kws_batch_frames(size_t samples, const kws_feature_settings *settings) {
    size_t frame_length = settings->frame_length;
    return samples < frame_length ? 0 : 1 + (samples - frame_length) / settings->hop_length;
}

/* Frames need one another for their levels alone, so they are taken 16 at a time across the
 * clips. */
void kws_batch_features(const kws_feature_settings *settings, const int16_t *clips,
                        size_t clip_count, size_t samples, int16_t *features_q7) {
    size_t per_clip = kws_batch_frames(samples, settings), n_features = settings->n_features;
    size_t total = clip_count * per_clip, clip = 0, frame = 0;
    kws_framing framing;
    int16_t silence_q7[KWS_MAX_FEATURES];
    kws_framing_reset(&framing, settings, silence_q7);
    int16_t room_level_q7 = framing.level_q7;
    for (size_t first = 0; first < total; first += KWS_LANES_AT_ONCE) {
        const int16_t *frames[KWS_LANES_AT_ONCE];
        int16_t features[KWS_MAX_FEATURES * KWS_LANES_AT_ONCE];
        size_t count = total - first < KWS_LANES_AT_ONCE ? total - first : KWS_LANES_AT_ONCE;
        for (size_t lane = 0; lane < KWS_LANES_AT_ONCE; lane++) {
            frames[lane] = lane < count ? clips + clip * samples + frame * settings->hop_length
                                        : frames[0];
            if (lane < count && ++frame == per_clip) frame = 0, clip++;
        }
        kws_lanes_features(settings, frames, features);
        for (size_t lane = 0; lane < count; lane++, features_q7 += n_features) {
            for (size_t i = 0; i < n_features; i++)
                features_q7[i] = features[i * KWS_LANES_AT_ONCE + lane];
            if (settings->energy != KWS_ENERGY_DELTA) continue;
            if ((first + lane) % per_clip == 0) framing.level_q7 = room_level_q7;
            kws_framing_remove_level(&framing, settings, features_q7);
        }
    }
}

/* One clip after another, as on a chip. */
static void network_alone(const kws_spotter *rest, const int16_t *features_q7, size_t clip_count,
                          size_t frames, int16_t *hidden_q15, int16_t *logits_q10) {
    const kws_model *m = &rest->model;
    for (size_t clip = 0; clip < clip_count; clip++) {
        kws_fastgrnn cell = rest->fastgrnn;
        for (size_t frame = 0; frame < frames; frame++) {
            kws_fastgrnn_step(&cell, m, features_q7, logits_q10);
            features_q7 += m->features.n_features;
            logits_q10 += m->classes;
            if (hidden_q15 != NULL) {
                memcpy(hidden_q15, cell.hidden_q15, m->hidden * sizeof *hidden_q15);
                hidden_q15 += m->hidden;
            }
        }
    }
}

kws_status kws_batch_network(const void *model, size_t size, const int16_t *features_q7,
                             size_t clip_count, size_t frames, int16_t *hidden_q15,
                             int16_t *logits_q10) {
    kws_spotter rest;
    kws_status status = kws_spotter_init(&rest, model, size);
    if (status != KWS_OK) return status;
    const kws_model *m = &rest.model;
    /* without memory for the weights, alone: nothing but time is lost */
    float *weights = clip_count < WORTH_LANES ? NULL
                                              : malloc(kws_lanes_weights(m) * sizeof *weights);
    if (weights != NULL) kws_lanes_unpack(m, weights);
    while (clip_count > 0) {
        size_t clips = clip_count < KWS_LANES_AT_ONCE ? clip_count : KWS_LANES_AT_ONCE;
        if (weights == NULL || clips < WORTH_LANES)
            network_alone(&rest, features_q7, clips, frames, hidden_q15, logits_q10);
        else
            kws_lanes_network(m, weights, rest.fastgrnn.hidden_q15, features_q7, clips, frames,
                              hidden_q15, logits_q10);
        features_q7 += clips * frames * m->features.n_features;
        logits_q10 += clips * frames * m->classes;
        if (hidden_q15 != NULL) hidden_q15 += clips * frames * m->hidden;
        clip_count -= clips;
    }
    free(weights);
    return KWS_OK;
}

kws_status kws_batch_rest(const void *model, size_t size, int16_t *hidden_q15) {
    kws_spotter rest;
    kws_status status = kws_spotter_init(&rest, model, size);
    if (status == KWS_OK)
        memcpy(hidden_q15, rest.fastgrnn.hidden_q15, rest.model.hidden * sizeof *hidden_q15);
    return status;
}

kws_status kws_batch_smooth(const void *model, size_t size, const int16_t *logits_q10,
                            size_t frames, int16_t *scores_q10) {
    kws_spotter spotter;
    kws_status status = kws_spotter_init(&spotter, model, size);
    if (status != KWS_OK) return status;
    size_t classes = spotter.model.classes;
    for (size_t frame = 0; frame < frames; frame++, logits_q10 += classes, scores_q10 += classes) {
        kws_detector_smooth(&spotter.detector, &spotter.model, logits_q10);
        memcpy(scores_q10, spotter.detector.score_q10, classes * sizeof *scores_q10);
    }
    return KWS_OK;
}

long kws_batch_detect(const void *model, size_t size, int use_threshold, int16_t threshold_q10,
                      const int16_t *scores_q10, size_t frames, kws_detection *detections,
                      size_t capacity) {
    kws_spotter spotter;
    long count = 0;
    kws_status status = kws_spotter_init(&spotter, model, size);
    if (status != KWS_OK) return -(long)status;
    if (use_threshold) kws_spotter_set_threshold(&spotter, threshold_q10);
    for (size_t frame = 0; frame < frames; frame++, scores_q10 += spotter.model.classes) {
        memcpy(spotter.detector.score_q10, scores_q10, spotter.model.classes * sizeof *scores_q10);
        uint8_t word = kws_detector_decide(&spotter.detector, &spotter.model);
        if (word == KWS_NO_WORD) continue;
        if ((size_t)count < capacity) {
            kws_detection found = {word, scores_q10[word], (uint32_t)frame};
            detections[count] = found;
        }
        count++;
    }
    return count;
}
