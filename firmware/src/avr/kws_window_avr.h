/* The window on an AVR, for kws_window.c: kws_window_avr.S has the instructions. */
#if defined(KWS_AVR_ASSEMBLY)
#include "kws_avr.h"

#define KWS_OWN_WINDOW

KWS_STAGE kws_window_kernel kws_window;
KWS_STAGE void kws_window(int16_t *samples, unsigned length, unsigned magnitude, unsigned *shift) {
    unsigned bits = kws_bits(kws_avr_window_bits(samples));
    unsigned less = bits > magnitude ? bits - magnitude - 1 : 0;
    (void)length;
    *shift = bits > magnitude ? bits - magnitude : 0;
    kws_avr_window(samples, (uint8_t)(less / 8), (uint8_t)(*shift ? 128u >> less % 8 : 0));
}
#endif
