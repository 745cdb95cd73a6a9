/* Sixteen lanes for the engine's own sources, in place of a chip's one: to be included before them.
 * The loops over lanes become vector instructions; a chip's loops by hand are for one lane. */
#ifndef KWS_LANES_FRAMES_H
#define KWS_LANES_FRAMES_H

#include "batch.h"

#define KWS_PORTABLE
#define KWS_LANES KWS_LANES_AT_ONCE

typedef union { /* value i of a lane's frame stands at i * KWS_LANES + lane */
    int16_t samples[KWS_FRAME_LENGTH * KWS_LANES];
    uint32_t power[KWS_FRAME_LENGTH / 2 * KWS_LANES];
} kws_frames;

/* No lane reads what another writes. */
#define KWS_FOR_LANES(l) _Pragma("omp simd") for (unsigned l = 0; l < KWS_LANES; l++)

#endif
