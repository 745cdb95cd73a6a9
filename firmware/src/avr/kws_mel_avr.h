/* The mel bands and their logarithm on an AVR, for kws_mel.c: kws_mel_avr.S has the
 * instructions. */
#if defined(KWS_AVR_ASSEMBLY)
#include "kws_avr.h"

#define KWS_OWN_MEL

KWS_STAGE kws_mel_kernel kws_mel;
KWS_STAGE void kws_mel(kws_frames *frames, unsigned length, const KWS_FLASH kws_mel_table *table,
                       const unsigned *shift) {
    int exponent = 2 * (PRODUCT_Q - (int)*shift) + WEIGHT_Q, floor = exponent + LOG_FLOOR_EXPONENT;
    (void)length;
    kws_avr_mel mel = {{0}, {0}};
    const KWS_FLASH uint16_t *weight_q15 = table->rise_q15;
    if (floor >= 0) mel.floor[floor / 8] = (uint8_t)(1u << floor % 8);
    for (uint8_t interval = 0; interval <= table->n_mels; interval++) {
        uint8_t first = table->edges[interval];
        uint8_t bins = (uint8_t)(table->edges[interval + 1] - first);
        uint32_t energy = kws_avr_band(&mel, frames->power + first, weight_q15, bins);
        weight_q15 += bins;
        if (interval == 0) continue;
        frames->samples[interval - 1] = kws_avr_log(energy, (uint8_t)exponent);
    }
}
#endif
