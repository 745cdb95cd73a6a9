/* The loops that an AVR takes most of its time for, in assembly (kws_*_avr.S): the same integers in a
 * quarter of the cycles. Compiled in with -DKWS_AVR_ASSEMBLY and -DKWS_MAX_SAMPLE_RATE_HZ=8000; without
 * them the C runs on an AVR too. Beside each prototype stands what the C says in its place. */
#ifndef KWS_AVR_H
#define KWS_AVR_H

#if defined(KWS_AVR_ASSEMBLY)
#include "kws.h"

#if KWS_MAX_SAMPLE_RATE_HZ != 8000
#error "the AVR's assembly is for 8 kHz: compile with -DKWS_MAX_SAMPLE_RATE_HZ=8000"
#endif

/* kws_fft.c, stage(): 128 points, quarter 2, 8 or 32; unshift 2^(8 - shift), half 2^(shift - 1), shift 2
 * to 6. Returns the upper byte of the outputs' folded magnitudes. */
uint8_t kws_avr_stage(int16_t *z, uint8_t quarter, uint8_t unshift, uint8_t half);

/* pairs(); returns the upper byte of the folded magnitudes. */
uint8_t kws_avr_pairs(int16_t *z);

/* untangle(); unshift is 2^(5 - shift), shift 0 to 2. */
void kws_avr_untangle(int16_t *z, uint8_t unshift);

#endif
#endif
