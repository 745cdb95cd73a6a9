/* The engine's front end for many frames at once, and its network for many clips. */
#ifndef KWS_LANES_H
#define KWS_LANES_H

#include "batch.h"

/* One copy for each of these processors; which one runs is chosen as the library is loaded. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 && defined(__x86_64__) && \
    defined(__GLIBC__) && !defined(KWS_ONE_PROCESSOR)
#define KWS_FOR_EACH_PROCESSOR \
    __attribute__((flatten, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KWS_FOR_EACH_PROCESSOR
#endif

/* Features of 16 frames, the same integers as kws_framing_features's for each, before the level is
 * taken out. frames: frame_length samples each -> features_q7: int16 [n_features][16]. */
void kws_lanes_features(const kws_feature_settings *settings,
                        const int16_t *const frames[KWS_LANES_AT_ONCE], int16_t *features_q7);

/* How many floats hold a model's matrices; and these. */
size_t kws_lanes_weights(const kws_model *model);
void kws_lanes_unpack(const kws_model *model, float *weights);

/* States and logits of 1 to 16 clips, the same integers as kws_fastgrnn_step's from rest_q15, int16
 * [hidden], for each. weights: of kws_lanes_unpack; features_q7: int16 [clips][frames][n_features]
 * -> hidden_q15: NULL, or int16 [clips][frames][hidden]; logits_q10: int16
 * [clips][frames][classes]. */
void kws_lanes_network(const kws_model *model, const float *weights, const int16_t *rest_q15,
                       const int16_t *features_q7, size_t clips, size_t frames, int16_t *hidden_q15,
                       int16_t *logits_q10);

#endif
