/* Which processor this is compiled for. No other file here asks, but for those in the folders of
 * the chips, and no answer changes a number: a chip only takes another way to the same integers.
 *
 * A chip's own loop takes the place of the portable C where its header defines KWS_OWN_...;
 * kws_kernels.h lists all of them. -DKWS_PORTABLE leaves the C alone, on every processor. */
#ifndef KWS_ARCH_H
#define KWS_ARCH_H

#include "kws.h"

/* A little-endian Arm core, whose words hold two numbers of 16 bits, the first one below. */
#if defined(__GNUC__) && defined(__arm__) && !defined(__ARM_BIG_ENDIAN) && !defined(KWS_PORTABLE)
#define KWS_ARM 1
#else
#define KWS_ARM 0
#endif

/* The first Thumb instructions: Cortex-M0, M0+ and M1. */
#if KWS_ARM && defined(__thumb__) && !defined(__thumb2__)
#define KWS_CORTEX_M0 1
#else
#define KWS_CORTEX_M0 0
#endif

/* Instructions for two halves of a word at once: Cortex-M4, M7, M33, M55. Their loops read words of
 * weights at any address, which -mno-unaligned-access forbids: then the C runs. */
#if KWS_ARM && defined(__thumb2__) && defined(__ARM_FEATURE_SIMD32) && \
    defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED)
#define KWS_CORTEX_M4 1
#else
#define KWS_CORTEX_M4 0
#endif

/* An AVR is asked for by hand: its assembly is for models of 8 kHz. */
#if defined(KWS_AVR_ASSEMBLY)
#define KWS_AVR 1
#else
#define KWS_AVR 0
#endif

/* Counting the leading zeros of a word is an instruction. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__ARM_FEATURE_CLZ))
#define KWS_HAS_CLZ 1
#else
#define KWS_HAS_CLZ 0
#endif

/* Whether 512 samples go through cortex_m4/kws_fft_m4.c, and whether any frame is left for
 * kws_window.c and kws_fft.c: one of 8 kHz is. */
#define KWS_FFT_M4 (KWS_CORTEX_M4 && KWS_MAX_SAMPLE_RATE_HZ >= 16000)
#define KWS_FFT_C (!KWS_FFT_M4 || KWS_MIN_SAMPLE_RATE_HZ < 16000)

/* A stage with one caller is included there, so that a compiler puts it in the place of the call;
 * its file compiles alone too, and then leaves nothing. KWS_PART is a piece of one function. */
#if defined(__GNUC__)
#define KWS_STAGE static __attribute__((unused))
#define KWS_PART static inline __attribute__((unused, always_inline))
#else
#define KWS_STAGE static
#define KWS_PART static inline
#endif

#endif
