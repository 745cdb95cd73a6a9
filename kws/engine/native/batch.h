/* Many clips or one long stream in one call, for Python: loops over the engine's own stages. */
#ifndef KWS_BATCH_H
#define KWS_BATCH_H

#include "kws.h"

/* Frames or clips at once: 32-bit values in the widest vector register of today, AVX-512. */
#define KWS_LANES_AT_ONCE 16

/* Frames of a signal: 0 below frame_length samples, else 1 + (samples - frame_length) / hop. */
size_t kws_batch_frames(size_t samples, const kws_feature_settings *settings);

/* clips: int16 [clips][samples] -> features_q7: int16 [clips][frames][n_features]; a quiet room
 * goes before each clip. */
void kws_batch_features(const kws_feature_settings *settings, const int16_t *clips,
                        size_t clip_count, size_t samples, int16_t *features_q7);

/* features_q7: int16 [clips][frames][n_features] -> hidden_q15: int16 [clips][frames][hidden] (may
 * be NULL), logits_q10: int16 [clips][frames][classes]; each clip begins at rest. */
kws_status kws_batch_network(const void *model, size_t size, const int16_t *features_q7,
                             size_t clip_count, size_t frames, int16_t *hidden_q15,
                             int16_t *logits_q10);

/* The state at rest, hidden_q15: int16 [hidden]. */
kws_status kws_batch_rest(const void *model, size_t size, int16_t *hidden_q15);

/* logits_q10: int16 [frames][classes] of one stream -> smoothed scores_q10, the same shape. */
kws_status kws_batch_smooth(const void *model, size_t size, const int16_t *logits_q10,
                            size_t frames, int16_t *scores_q10);

/* Replays the detector over the smoothed scores of one stream; returns how many detections there
 * are (the first `capacity` of them are written), or -status. */
long kws_batch_detect(const void *model, size_t size, int use_threshold, int16_t threshold_q10,
                      const int16_t *scores_q10, size_t frames, kws_detection *detections,
                      size_t capacity);

#endif
