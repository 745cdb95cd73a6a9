/* Stage "fft": the power spectrum of 512 or 256 real samples, in block floating point: one exponent
 * for a whole frame. */
#ifndef KWS_FFT_H
#define KWS_FFT_H

#include "kws.h"
#include "kws_arch.h"
#include "kws_fixed.h"
#include "kws_tables.h"

/* A lane is one of several frames side by side. A chip has one. The host's batches compile the same
 * source for sixteen: kws/engine/native/lanes_frames.h says so before this header, and the loops
 * over lanes become vector instructions. No number depends on it. */
#ifndef KWS_LANES
#define KWS_LANES 1
#define KWS_FOR_LANES(l) for (unsigned l = 0; l < KWS_LANES; l++)
typedef kws_frame kws_frames;
#endif

/* In place: `length` real samples (int16), 512 or 256, become the power of bins 1..length / 2 - 1
 * (uint32, power[k] for bin k; power[0] is left undefined: the mel bands start above DC).
 * `magnitude` bounds the samples: all |samples| <= 2^magnitude, magnitude <= 15, with 256 samples
 * 13. Adds to each lane's shift s: |spectrum|^2 = power * 4^s, in units of the squared input. */
void kws_fft_power(kws_frames *frames, unsigned length, unsigned magnitude, unsigned *shift);

/* The same of 512 samples that are still to be windowed, with the window's own shift in *shift; but
 * bin k is left at power[kws_fft_places[k]]. Only where KWS_FFT_M4: cortex_m4/kws_fft_m4.c. */
void kws_fft_power_of_samples(kws_frames *frames, unsigned *shift);

/* Whether frames of this length go through kws_fft_power_of_samples(). */
#if !KWS_FFT_M4
#define KWS_OWN_SPECTRUM(length) 0
#elif KWS_FFT_C
#define KWS_OWN_SPECTRUM(length) ((length) == 512)
#else
#define KWS_OWN_SPECTRUM(length) 1
#endif

#endif
