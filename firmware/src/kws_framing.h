/* Stage "framing": a stream of samples to frames that overlap, each to its features. */
#ifndef KWS_FRAMING_H
#define KWS_FRAMING_H

#include "kws.h"

/* As if a quiet room had gone before. silence_q7: a frame of zeros after zeros, n_features. */
void kws_framing_reset(kws_framing *framing, const kws_feature_settings *settings,
                       int16_t *silence_q7);

/* Takes at most as many samples as the frame still lacks; returns how many. */
size_t kws_framing_fill(kws_framing *framing, const int16_t *samples, size_t count);

/* Samples until the frame is full; never 0 between calls of kws_framing_features. */
static inline size_t kws_framing_lacking(const kws_framing *framing) {
    return (size_t)(framing->length - framing->filled);
}

/* The full frame's features (natural log, orthonormal DCT-II, q7), n_features of them; then keeps
 * the overlap and waits for the next hop_length samples. */
void kws_framing_features(kws_framing *framing, const kws_feature_settings *settings,
                          int16_t *features_q7);

/* For KWS_ENERGY_DELTA, the last step of kws_framing_features: takes the previous frame's level out
 * of this one's, out of coefficient 0, which alone carries it, or out of every band. What is left
 * does not change when the whole recording gets louder; a quiet room goes before the first
 * frame. */
void kws_framing_remove_level(kws_framing *framing, const kws_feature_settings *settings,
                              int16_t *features_q7);

#endif
