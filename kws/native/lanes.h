/* The engine's front end for many frames at once. */
#ifndef KWS_LANES_H
#define KWS_LANES_H

#include "kws.h"

#define KWS_LANES_AT_ONCE 16 /* 32-bit values in the widest vector register of today, AVX-512 */

/* Features of 16 frames, the same integers as kws_mfcc_compute's for each, before the level is taken
 * out. frames: frame_length samples each -> features_q7: int16 [n_features][16]. */
void kws_lanes_features(const kws_feature_settings *settings, const int16_t *const frames[KWS_LANES_AT_ONCE],
                        int16_t *features_q7);

#endif
