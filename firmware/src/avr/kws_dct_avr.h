/* The DCT on an AVR, for kws_cepstrum.c: kws_dct_avr.S has the instructions. */
#if defined(KWS_AVR_ASSEMBLY)
#include "kws_avr.h"

#define KWS_OWN_DCT

KWS_STAGE kws_dct_kernel kws_dct;
KWS_STAGE void kws_dct(kws_frames *frames, const KWS_FLASH kws_mel_table *table, unsigned n_mfcc,
                       int16_t *mfcc_q7) {
    for (uint8_t k = 0; k < n_mfcc; k++)
        mfcc_q7[k] = scaled_q7(kws_avr_dct(frames->samples, table->cosine_q11, k),
                               k == 0 ? table->scale_first : table->scale_other);
}
#endif
