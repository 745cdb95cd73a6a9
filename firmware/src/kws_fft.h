/* Real-input FFT of 512 or 256 points in block floating point: one exponent for a whole frame. */
#ifndef KWS_FFT_H
#define KWS_FFT_H

#include "kws.h"
#include "kws_fixed.h"
#include "kws_tables.h"

/* Frames side by side. A device has one; the host's batches (kws/native/lanes.c) compile the same
 * source for more, and the loops over lanes become vector instructions. No number depends on it. */
#ifndef KWS_LANES
#define KWS_LANES 1
#endif

#if KWS_LANES == 1
typedef kws_frame kws_frames;
#define KWS_FOR_LANES(l) for (unsigned l = 0; l < KWS_LANES; l++)
#else
typedef union { /* value i of a lane's frame stands at i * KWS_LANES + lane */
    int16_t samples[KWS_FRAME_LENGTH * KWS_LANES];
    uint32_t power[KWS_FRAME_LENGTH / 2 * KWS_LANES];
} kws_frames;
/* No lane reads what another writes. */
#define KWS_FOR_LANES(l) _Pragma("omp simd") for (unsigned l = 0; l < KWS_LANES; l++)
#endif

/* In place: `length` real samples (int16), 512 or 256, become the power of bins 1..length / 2 - 1
 * (uint32, power[k] for bin k; power[0] is left undefined: the mel bands start above DC).
 * `magnitude` bounds the samples: all |samples| <= 2^magnitude, magnitude <= 15, with 256 samples
 * 13. Adds to each lane's shift s: |spectrum|^2 = power * 4^s, in units of the squared input. */
void kws_fft_power(kws_frames *frames, unsigned length, unsigned magnitude, unsigned *shift);

#if KWS_FFT_DSP && KWS_LANES == 1
/* The same of 512 samples that are still to be windowed, with the window's own shift in *shift; but
 * bin k is left at power[kws_fft_places[k]]. */
void kws_fft_power_of_samples(kws_frames *frames, unsigned *shift);
#endif

#endif
