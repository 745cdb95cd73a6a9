/* The new state of a unit on an AVR, for kws_fastgrnn.c: kws_network_avr.S has the instructions. */
#if defined(KWS_AVR_ASSEMBLY)
#define KWS_OWN_UPDATE(model) ((model)->cell == KWS_FASTGRNN && !(model)->hard)

KWS_PART kws_update_kernel update_by_hand;
KWS_PART int16_t update_by_hand(const kws_model *model, unsigned unit, int32_t pre_q12,
                                int32_t h_q15) {
    return kws_avr_update(pre_q12,
                          (uint16_t)(model->bias_update[unit] << 8 | model->bias_gate[unit]),
                          (uint16_t)(model->nu_q8 << 8 | model->zeta_q8), (int16_t)h_q15);
}
#endif
