/* The mel bands' loop on a Cortex-M4, for kws_mel.c. A product of 32 by 32 bits is added to 64 in
 * one instruction (UMLAL), which a compiler finds. */
#if KWS_CORTEX_M4
#define KWS_OWN_MEL_FALLEN

static inline void feed(kws_mel_sums *sums, uint32_t power, uint32_t weight) {
    sums->rising += (uint64_t)power * weight;
    sums->falling += (uint64_t)power * ((1u << WEIGHT_Q) - weight);
}
static inline uint64_t kws_mel_fallen(const kws_mel_sums *sums) { return sums->falling; }

/* kws_fft_m4.c leaves the powers of 512 samples at kws_fft_places: any may still be wanted. */
#define KWS_BINS_IN_ORDER (!KWS_FFT_M4)
#if KWS_FFT_M4
#define FEED_PLACED                                                                     \
    if (length == 512) {                                                                \
        const uint8_t *place = kws_fft_places + (power - frames->power);                \
        const uint8_t *last = place + (end - power);                                    \
        for (; place < last; place++) feed(sums, frames->power[*place], *weight_q15++); \
        power = end;                                                                    \
    }
#else
#define FEED_PLACED
#endif

#define KWS_OWN_MEL_FEED                                   \
    KWS_FOR_LANES(l) sums[l].rising = sums[l].falling = 0; \
    FEED_PLACED                                            \
    for (; power < end; power += KWS_LANES) {              \
        uint16_t weight = *weight_q15++;                   \
        KWS_FOR_LANES(l) feed(&sums[l], power[l], weight); \
    }
#endif
