/* The new states of a FastGRNN on a Cortex-M4, for kws_fastgrnn.c: what update() does for each
 * unit, with all that the model says in registers. */
#if KWS_CORTEX_M4
#define KWS_OWN_UPDATE_UNITS

static kws_update_units_kernel update_units;
static void update_units(kws_fastgrnn *cell, const kws_model *model, unsigned first, unsigned count,
                         const int32_t *w_q12, const int32_t *u_q12) {
    int16_t *h_q15 = cell->hidden_q15 + first;
    if (model->cell == KWS_FASTGRNN && !model->hard) {
        const uint8_t *bias_update = model->bias_update + first;
        const uint8_t *bias_gate = model->bias_gate + first;
        int32_t zeta_q8 = model->zeta_q8, nu_q16 = model->nu_q8 * 32768 + 128; /* and half a step */
        for (const int16_t *end = h_q15 + count; h_q15 < end; h_q15++) {
            int32_t pre_q12 = *w_q12++ + *u_q12++;
            int32_t c = tanh_q15(pre_q12 + bias_q12(bias_update++, 0));
            int32_t keep = sigmoid_q15(pre_q12 + bias_q12(bias_gate++, 0));
            int32_t half_write = kws_shift((ONE_Q15 - keep) * zeta_q8 + nu_q16, 9);
            *h_q15 =
                kws_sat16(kws_round_shift(keep * *h_q15, 15) + kws_round_shift(half_write * c, 14));
        }
        return;
    }
    for (unsigned i = 0; i < count; i++)
        h_q15[i] = update(model, first + i, w_q12[i] + u_q12[i], h_q15[i]);
}
#endif
