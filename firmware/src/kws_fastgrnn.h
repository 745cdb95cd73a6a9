/* Stage "fastgrnn": a feature frame into the hidden state, the hidden state into logits. */
#ifndef KWS_FASTGRNN_H
#define KWS_FASTGRNN_H

#include "kws.h"

void kws_fastgrnn_reset(kws_fastgrnn *cell);

/* features_q7: int16 [n_features]; logits_q10: int16 [classes]. */
void kws_fastgrnn_step(kws_fastgrnn *cell, const kws_model *model, const int16_t *features_q7,
                       int16_t *logits_q10);

#endif
