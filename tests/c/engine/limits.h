/* Which of the test models this engine was compiled for: limits refuse models and change no
 * number. */
#ifndef KWS_LIMITS_H
#define KWS_LIMITS_H

#include "kws.h"
#include "vectors.h"

static inline int within_limits(const kws_test_model *vector) {
    unsigned longest_overlap = KWS_FRAME_LENGTH - KWS_MIN_HOP;
    if ((int32_t)vector->frame_length * 1000 / 32 < KWS_MIN_SAMPLE_RATE_HZ ||
        vector->frame_length > KWS_FRAME_LENGTH)
        return 0;
    if ((unsigned)(vector->frame_length - vector->hop_length) > longest_overlap) return 0;
    return KWS_MAX_CLASSES >= vector->classes;
}

static inline const kws_test_model *last_within_limits(void) {
    const kws_test_model *vector = kws_test_models + KWS_TEST_MODELS - 1;
    while (!within_limits(vector)) vector--;
    return vector;
}

#endif
