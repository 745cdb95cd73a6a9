/* Saturation on a Cortex-M4, for kws_fixed.h: one instruction. */
#if KWS_CORTEX_M4
#define KWS_OWN_SATURATION

static inline int16_t kws_sat16(int32_t value) {
    __asm__("ssat %0, #16, %0" : "+r"(value) : : "cc");
    return (int16_t)value;
}
static inline int8_t kws_sat8(int32_t value) {
    __asm__("ssat %0, #8, %0" : "+r"(value) : : "cc");
    return (int8_t)value;
}
#endif
