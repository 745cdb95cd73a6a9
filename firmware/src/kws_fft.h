/* Real-input FFT of 512 points in block floating point: one exponent for the whole frame. */
#ifndef KWS_FFT_H
#define KWS_FFT_H

#include "kws.h"

/* In place: 512 real samples (int16) become the power of bins 1..255 (uint32, power[k] for bin k;
 * power[0] is left undefined: the mel bands start above DC).
 * `magnitude` bounds the samples: all |samples| <= 2^magnitude, magnitude <= 15.
 * Returns the shift s: |spectrum|^2 = power * 4^s, in units of the squared input. */
unsigned kws_fft_power(kws_mfcc *mfcc, unsigned magnitude);

#endif
