/* Stage "fastgrnn": a feature frame into the hidden state, the hidden state into logits. */
#ifndef KWS_FASTGRNN_H
#define KWS_FASTGRNN_H

#include "kws.h"

/* All zeros: no state that a stream begins in, see kws_fastgrnn_rest. */
void kws_fastgrnn_reset(kws_fastgrnn *cell);

/* At rest: the state that KWS_REST_FRAMES of silence lead to from zeros, and its logits.
 * silence_q7: int16 [n_features]. */
void kws_fastgrnn_rest(kws_fastgrnn *cell, const kws_model *model, const int16_t *silence_q7,
                       int16_t *logits_q10);

/* features_q7: int16 [n_features]; logits_q10: int16 [classes]. */
void kws_fastgrnn_step(kws_fastgrnn *cell, const kws_model *model, const int16_t *features_q7,
                       int16_t *logits_q10);

#endif
