/* What one frame becomes, whatever came before it: window, fft, mel, cepstrum. */
#ifndef KWS_FEATURES_H
#define KWS_FEATURES_H

#include "kws_fft.h"

/* A full frame of samples to n_features features (natural log, orthonormal DCT-II, q7), of each
 * lane; the frame is used up. */
void kws_features_of(kws_frames *frames, const kws_feature_settings *settings,
                     int16_t *features_q7);

#endif
