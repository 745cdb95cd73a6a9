/* Stage "detector": logits to detections: smoothing, threshold, hysteresis, refractory time. */
#ifndef KWS_DETECTOR_H
#define KWS_DETECTOR_H

#include "kws.h"

/* As if these logits had stood for long: those of silence. */
void kws_detector_reset(kws_detector *detector, const kws_model *model, const int16_t *logits_q10);

/* Smooths each word's log-odds: its logit less the best other class's (less 0 for a lone class). */
void kws_detector_smooth(kws_detector *detector, const kws_model *model, const int16_t *logits_q10);

/* Looks at the smoothed scores, one frame on; the class that fires, or KWS_NO_WORD. */
uint8_t kws_detector_decide(kws_detector *detector, const kws_model *model);

#endif
