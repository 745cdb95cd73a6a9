#include "kws_fastgrnn.h"

#include <string.h>

#include "kws_kernels.h"
#include "kws_matrix.h"

/* Kusupati et al., NeurIPS 2018, equations 2 and 4, in integers:
 *     pre = W x + U h                       q12, W = w1 w2 and U = u1 u2 where low-rank
 *     FastGRNN  z = sigmoid(pre + b_gate), c = tanh(pre + b_update)          q15
 *               h' = z h + (zeta (1 - z) + nu) c                            q15, saturated
 *     FastRNN   h' = beta h + alpha tanh(pre + b_update)
 * A hard cell has clip((x + 1) / 2, 0, 1) for sigmoid and clip(x, -1, 1) for tanh, as the paper's
 * integer code. z < 1 (the table's end, or the limit of the hard one) and the saturation keep h in
 * [-1, 1): nothing can drift out. */

#define PRE_Q 12
#define ONE_Q15 32768

void kws_fastgrnn_reset(kws_fastgrnn *cell) { memset(cell, 0, sizeof *cell); }

#include "avr/kws_fastgrnn_avr.h"

#include "cortex_m4/kws_sigmoid_m4.h"

#ifndef KWS_OWN_SIGMOID
static kws_sigmoid_kernel sigmoid_q15;
static int32_t sigmoid_q15(int32_t x_q12) {
    int32_t magnitude = x_q12 < 0 ? -x_q12 : x_q12;
    magnitude = kws_sat16(magnitude); /* 8: the table's end */
    unsigned index = (unsigned)magnitude >> 9;
    int32_t low = kws_sigmoid_q15[index], high = kws_sigmoid_q15[index + 1];
    int32_t y = low + kws_round_shift((high - low) * (magnitude & 511), 9);
    return x_q12 < 0 ? ONE_Q15 - y : y;
}
#endif

/* tanh(x) = 2 sigmoid(2x) - 1 */
static int32_t tanh_q15(int32_t x_q12) { return 2 * sigmoid_q15(2 * x_q12) - ONE_Q15; }

/* Features to the network's int8 input: round((feature - 32 * offset) * scale / 2^9). */
static void normalize(const kws_model *model, const int16_t *features_q7, kws_operand *x) {
    for (unsigned i = 0; i < model->features.n_features; i++) {
        int32_t centred = features_q7[i] - 32 * (int32_t)(int8_t)model->input[2 * i];
        kws_operand_values(x)[i] = kws_sat8(kws_round_shift(centred * model->input[2 * i + 1], 9));
    }
    kws_operand_close(x, model->features.n_features);
}

static inline unsigned rows_at_once(unsigned left) {
    return KWS_ROWS_AT_ONCE > 1 && left < KWS_ROWS_AT_ONCE ? left : KWS_ROWS_AT_ONCE;
}

/* The right factor of a low-rank product: int8 [cols] to int8 [rows]. */
static void project(const kws_matrix *matrix, const kws_operand *x, kws_operand *y) {
    const KWS_FLASH uint8_t *row = matrix->data;
    for (unsigned i = 0, rows = matrix->rows; i < rows;) {
        int32_t out[KWS_ROWS_AT_ONCE];
        unsigned count = rows_at_once(rows - i);
        kws_matrix_rows(matrix, &row, x, count, out);
        for (unsigned j = 0; j < count; j++, i++) kws_operand_values(y)[i] = kws_sat8(out[j]);
    }
    kws_operand_close(y, matrix->rows);
}

static int32_t bias_q12(const KWS_FLASH uint8_t *bias_q5, unsigned unit) {
    return (int32_t)(int8_t)bias_q5[unit] * (1 << (PRE_Q - 5));
}

static int32_t clip(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : x > high ? high : x;
}

static int32_t gate_q15(const kws_model *model, int32_t x_q12) {
    return model->hard ? clip(4 * x_q12 + ONE_Q15 / 2, 0, ONE_Q15 - 1) : sigmoid_q15(x_q12);
}

static int32_t candidate_q15(const kws_model *model, int32_t x_q12) {
    return model->hard ? clip(8 * x_q12, -ONE_Q15, ONE_Q15) : tanh_q15(x_q12);
}

#include "avr/kws_update_avr.h"

#ifndef KWS_OWN_UPDATE
#define KWS_OWN_UPDATE(model) 0
#define update_by_hand(model, unit, pre_q12, h_q15) 0
#endif

static kws_update_kernel update;
static int16_t update(const kws_model *model, unsigned unit, int32_t pre_q12, int32_t h_q15) {
    if (KWS_OWN_UPDATE(model)) return update_by_hand(model, unit, pre_q12, h_q15);
    int32_t c = candidate_q15(model, pre_q12 + bias_q12(model->bias_update, unit));
    int32_t keep, write; /* q15, write up to twice 1: h' = keep h + write c */
    if (model->cell == KWS_FASTGRNN) {
        keep = gate_q15(model, pre_q12 + bias_q12(model->bias_gate, unit));
        write = kws_round_shift((ONE_Q15 - keep) * model->zeta_q8, 8) + model->nu_q8 * 128;
    } else {
        keep = model->nu_q8 * 128;
        write = model->zeta_q8 * 128;
    }
    /* write * c would need 32 bits and a sign; halving write keeps it within 31 */
    return kws_sat16(kws_round_shift(keep * h_q15, 15) + kws_round_shift((write >> 1) * c, 14));
}

#include "cortex_m4/kws_update_m4.h"

#ifndef KWS_OWN_UPDATE_UNITS
/* The new state of so many units from W x and U h. */
static kws_update_units_kernel update_units;
static void update_units(kws_fastgrnn *cell, const kws_model *model, unsigned first, unsigned count,
                         const int32_t *w_q12, const int32_t *u_q12) {
    int16_t *h_q15 = cell->hidden_q15 + first;
    for (unsigned i = 0; i < count; i++)
        h_q15[i] = update(model, first + i, w_q12[i] + u_q12[i], h_q15[i]);
}
#endif

#ifndef KWS_OWN_STATE_TO_INT8
KWS_PART kws_state_to_int8_kernel state_to_int8;
KWS_PART int8_t state_to_int8(int16_t h_q15) { return kws_sat8(kws_round_shift(h_q15, 8)); }
#endif

static void hidden_to_int8(const kws_fastgrnn *cell, unsigned hidden, kws_operand *h) {
    for (unsigned i = 0; i < hidden; i++) {
        kws_operand_values(h)[i] = state_to_int8(cell->hidden_q15[i]);
    }
    kws_operand_close(h, hidden);
}

void kws_fastgrnn_step(kws_fastgrnn *cell, const kws_model *model, const int16_t *features_q7,
                       int16_t *logits_q10) {
    KWS_OPERAND(x, KWS_MAX_FEATURES);
    KWS_OPERAND(h, KWS_MAX_HIDDEN);
    KWS_OPERAND(x_low, KWS_MAX_RANK);
    KWS_OPERAND(h_low, KWS_MAX_RANK);
    const kws_operand *w_in = x, *u_in = h;

    normalize(model, features_q7, x);
    hidden_to_int8(cell, model->hidden, h);
    if (model->rank_w) {
        project(&model->w2, x, x_low);
        w_in = x_low;
    }
    if (model->rank_u) {
        project(&model->u2, h, h_low);
        u_in = h_low;
    }
    const KWS_FLASH uint8_t *w_row = model->w1.data, *u_row = model->u1.data;
    for (unsigned unit = 0, hidden = model->hidden; unit < hidden;) {
        int32_t w_q12[KWS_ROWS_AT_ONCE], u_q12[KWS_ROWS_AT_ONCE];
        unsigned count = rows_at_once(hidden - unit);
        kws_matrix_rows(&model->w1, &w_row, w_in, count, w_q12);
        kws_matrix_rows(&model->u1, &u_row, u_in, count, u_q12);
        update_units(cell, model, unit, count, w_q12, u_q12);
        unit += count;
    }

    hidden_to_int8(cell, model->hidden, h);
    const KWS_FLASH uint8_t *row = model->classifier.data;
    for (unsigned i = 0; i < model->classes; i++) {
        int32_t bias = (int16_t)(uint16_t)(model->bias_class[2 * i] |
                                           (unsigned)model->bias_class[2 * i + 1] << 8);
        logits_q10[i] = kws_sat16(kws_matrix_row(&model->classifier, &row, h) + bias);
    }
}

void kws_fastgrnn_rest(kws_fastgrnn *cell, const kws_model *model, const int16_t *silence_q7,
                       int16_t *logits_q10) {
    kws_fastgrnn_reset(cell);
    for (unsigned frame = 0; frame < KWS_REST_FRAMES; frame++)
        kws_fastgrnn_step(cell, model, silence_q7, logits_q10);
}
