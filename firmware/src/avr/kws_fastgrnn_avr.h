/* Sigmoid and the state in 8 bits on an AVR, for kws_fastgrnn.c: kws_network_avr.S has the
 * instructions. */
#if defined(KWS_AVR_ASSEMBLY)
#include "kws_avr.h"

#define KWS_OWN_SIGMOID
#define KWS_OWN_STATE_TO_INT8

static kws_sigmoid_kernel sigmoid_q15;
static int32_t sigmoid_q15(int32_t x_q12) { return kws_avr_sigmoid(x_q12); }

/* In 16 bits: only 127.5 and more saturate. */
KWS_PART kws_state_to_int8_kernel state_to_int8;
KWS_PART int8_t state_to_int8(int16_t h_q15) {
    uint16_t bits = (uint16_t)h_q15;
    uint8_t high = (uint8_t)(bits >> 8);
    return (int8_t)(bits & 0x80 && high != 0x7f ? high + 1 : high);
}
#endif
