/* No second implementation: the engine's own sources, compiled with 16 lanes. */
#include "lanes.h"
#include "lanes_frames.h"

#include <string.h>

#define kws_fft_power kws_lanes_fft_power
#define kws_features_of kws_lanes_features_of

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-loop-unroll-and-jam") /* after it GCC 12 cannot vectorize the DCT */
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(hidden) /* may be inlined, also into a shared library's functions */
#endif
#include "kws_fft.c"

#include "kws_features.c"
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

/* Frames to lanes, by four samples and eight fours: fewer and longer copies than sample by
 * sample. */
static inline void interleave(const int16_t *const frames[KWS_LANES], unsigned length,
                              int16_t *samples) {
    struct {
        int16_t of[4];
    } fours[8][KWS_LANES];
    for (unsigned at = 0; at < length; at += 32) {
        for (unsigned l = 0; l < KWS_LANES; l++)
            for (unsigned i = 0; i < 8; i++)
                memcpy(&fours[i][l], frames[l] + at + 4 * i, sizeof fours[i][l]);
        for (unsigned i = 0; i < 8; i++) {
            int16_t *to = samples + (at + 4 * i) * KWS_LANES;
            KWS_FOR_LANES(l) {
                to[l] = fours[i][l].of[0];
                to[l + KWS_LANES] = fours[i][l].of[1];
                to[l + 2 * KWS_LANES] = fours[i][l].of[2];
                to[l + 3 * KWS_LANES] = fours[i][l].of[3];
            }
        }
    }
}

KWS_FOR_EACH_PROCESSOR
void kws_lanes_features(const kws_feature_settings *settings,
                        const int16_t *const frames[KWS_LANES], int16_t *features_q7) {
    kws_frames block;
    interleave(frames, settings->frame_length, block.samples);
    kws_features_of(&block, settings, features_q7);
}
