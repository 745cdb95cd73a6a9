/* The transform of 128 points on an AVR, for kws_fft.c: kws_order_avr.S, kws_fft_avr.S and
 * kws_untangle_avr.S have the instructions. */
#if defined(KWS_AVR_ASSEMBLY)
#include "kws_avr.h"

#define KWS_OWN_FFT

/* The upper byte of the folded magnitudes says which of more than 8 bits is the highest. */
static kws_fft_stage_kernel kws_fft_stage;
static void kws_fft_stage(int16_t *z, unsigned points, unsigned quarter, const unsigned *shift,
                          uint32_t *folded) {
    unsigned total = *shift + 2;
    (void)points;
    *folded = (uint32_t)kws_avr_stage(z, (uint8_t)quarter, (uint8_t)(256u >> total),
                                      (uint8_t)(1u << (total - 1)))
              << 8;
}

static kws_fft_order_kernel kws_fft_order_256;
static void kws_fft_order_256(int16_t *z) { (void)z; /* 256 points are not for it */ }
static kws_fft_order_kernel kws_fft_order_128;
static void kws_fft_order_128(int16_t *z) { kws_avr_reverse(z); }

static kws_fft_pairs_kernel kws_fft_pairs;
static void kws_fft_pairs(int16_t *z, unsigned points, uint32_t *folded) {
    (void)points;
    *folded |= (uint32_t)kws_avr_pairs(z) << 8;
}

static kws_fft_untangle_kernel kws_fft_untangle;
static void kws_fft_untangle(kws_frames *frames, unsigned points, const unsigned *shift) {
    (void)points;
    kws_avr_untangle(frames->samples, (uint8_t)(32u >> *shift));
}
#endif
