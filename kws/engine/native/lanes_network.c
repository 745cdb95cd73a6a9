/* The engine's network for 16 clips at once. The gates are its own source, compiled with lanes. The
 * products are sums of floats, which hold them exactly: |row| <= 255 * 128 * 128 < 2^22, and floats
 * count to 2^24. */
#include "lanes.h"
#include "lanes_frames.h"

#define kws_fastgrnn_reset kws_lanes_fastgrnn_reset
#define kws_fastgrnn_rest kws_lanes_fastgrnn_rest
#define kws_fastgrnn_step kws_lanes_fastgrnn_step

#include <string.h>

#include "kws_fft.h"
#include "kws_tables.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
/* Vector instructions look up 32 bits at a time, so the table has to be made as wide. */
static int32_t wide_sigmoid_q15[sizeof kws_sigmoid_q15 / sizeof *kws_sigmoid_q15];
static __attribute__((constructor)) void widen(void) {
    for (unsigned i = 0; i < sizeof kws_sigmoid_q15 / sizeof *kws_sigmoid_q15; i++)
        wide_sigmoid_q15[i] = kws_sigmoid_q15[i];
}
#define kws_sigmoid_q15 wide_sigmoid_q15
#endif
#include "kws_fastgrnn.c"
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#define ROWS 6 /* whose sums, with AVX2 two registers each, stay in registers */
#define ROW_LIMIT ((int32_t)1 << 24)
#define INLINE static inline

/* Rows are taken in blocks of nearly the same size; the floats of a block lie column by column. */
static unsigned first_row(unsigned rows, unsigned block) {
    unsigned blocks = (rows + ROWS - 1) / ROWS;
    return rows * block / blocks;
}

static const uint8_t *unpack_row(const kws_matrix *matrix, const uint8_t *row, int8_t *weights) {
    unsigned cols = matrix->cols;
    if (matrix->kind == KWS_MATRIX_INT8) {
        memcpy(weights, row, cols);
        return row + cols;
    }
    if (matrix->kind == KWS_MATRIX_INT4) {
        for (unsigned i = 0; i < cols; i++)
            weights[i] = (int8_t)((row[i / 2] >> 4 * (i & 1) & 15) ^ 8) - 8;
        return row + (cols + 1) / 2;
    }
    const uint8_t *next = row + (cols + 7) / 8;
    for (unsigned i = 0; i < cols; i++)
        weights[i] = row[i / 8] >> (i & 7) & 1 ? (int8_t)*next++ : 0;
    return next;
}

static float *unpack(const kws_matrix *matrix, float *to) {
    const uint8_t *row = matrix->data;
    for (unsigned block = 0, at = 0; at < matrix->rows; block++) {
        unsigned rows = first_row(matrix->rows, block + 1) - at;
        for (unsigned k = 0; k < rows; k++) {
            int8_t weights[255];
            row = unpack_row(matrix, row, weights);
            for (unsigned i = 0; i < matrix->cols; i++) to[i * rows + k] = weights[i];
        }
        to += rows * matrix->cols;
        at += rows;
    }
    return to;
}

size_t kws_lanes_weights(const kws_model *model) {
    const kws_matrix *all[] = {&model->w2, &model->w1, &model->u2, &model->u1, &model->classifier};
    size_t count = 0;
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        count += (size_t)all[i]->rows * all[i]->cols;
    return count;
}

void kws_lanes_unpack(const kws_model *model, float *weights) {
    if (model->rank_w) weights = unpack(&model->w2, weights);
    weights = unpack(&model->w1, weights);
    if (model->rank_u) weights = unpack(&model->u2, weights);
    unpack(&model->classifier, unpack(&model->u1, weights));
}

INLINE void multiply_rows(const kws_matrix *matrix, const float *weights, const float *x,
                          int32_t *y, unsigned rows) {
    float sum[ROWS][KWS_LANES];
    for (unsigned k = 0; k < rows; k++)
        KWS_FOR_LANES(l) sum[k][l] = 0;
    for (unsigned i = 0; i < matrix->cols; i++, weights += rows, x += KWS_LANES)
        for (unsigned k = 0; k < rows; k++)
            KWS_FOR_LANES(l) sum[k][l] += weights[k] * x[l];
    for (unsigned k = 0; k < rows; k++)
        KWS_FOR_LANES(l) {
            int32_t scaled =
                kws_round_shift((int32_t)sum[k][l] * matrix->multiplier, matrix->shift);
            y[k * KWS_LANES + l] += kws_clamp(scaled, -ROW_LIMIT, ROW_LIMIT);
        }
}

/* y += matrix x, as kws_matrix_row scales it; returns the next matrix' weights. */
INLINE const float *multiply(const kws_matrix *matrix, const float *weights, const float *x,
                             int32_t *y) {
    for (unsigned block = 0, at = 0; at < matrix->rows; block++) {
        unsigned rows = first_row(matrix->rows, block + 1) - at;
        switch (rows) { /* a number that the compiler knows: then the sums are registers */
        case 1: multiply_rows(matrix, weights, x, y, 1); break;
        case 2: multiply_rows(matrix, weights, x, y, 2); break;
        case 3: multiply_rows(matrix, weights, x, y, 3); break;
        case 4: multiply_rows(matrix, weights, x, y, 4); break;
        case 5: multiply_rows(matrix, weights, x, y, 5); break;
        default: multiply_rows(matrix, weights, x, y, ROWS); break;
        }
        weights += rows * matrix->cols;
        y += rows * KWS_LANES;
        at += rows;
    }
    return weights;
}

/* The right factor of a low-rank product, where there is one; then x becomes its int8 result. */
INLINE const float *project_lanes(const kws_matrix *matrix, const float *weights, const float **x,
                                  float *low) {
    int32_t y[KWS_MAX_RANK * KWS_LANES] = {0};
    if (matrix->rows == 0) return weights;
    weights = multiply(matrix, weights, *x, y);
    for (unsigned i = 0; i < matrix->rows * KWS_LANES; i++) low[i] = kws_sat8(y[i]);
    *x = low;
    return weights;
}

/* Cell and hardness as constants make loops without branches. */
INLINE void update_as(const kws_model *model, uint8_t cell, uint8_t hard, const int32_t *pre_q12,
                      int16_t *h_q15) {
    kws_model m = *model;
    m.cell = cell;
    m.hard = hard;
    for (unsigned unit = 0; unit < m.hidden; unit++, pre_q12 += KWS_LANES, h_q15 += KWS_LANES)
        KWS_FOR_LANES(l) h_q15[l] = update(&m, unit, pre_q12[l], h_q15[l]);
}

INLINE void update_lanes(const kws_model *model, const int32_t *pre_q12, int16_t *h_q15) {
    if (model->cell == KWS_FASTGRNN && model->hard)
        update_as(model, KWS_FASTGRNN, 1, pre_q12, h_q15);
    else if (model->cell == KWS_FASTGRNN) update_as(model, KWS_FASTGRNN, 0, pre_q12, h_q15);
    else if (model->hard) update_as(model, KWS_FASTRNN, 1, pre_q12, h_q15);
    else update_as(model, KWS_FASTRNN, 0, pre_q12, h_q15);
}

INLINE void normalize_lanes(const kws_model *model, const int16_t *features_q7, const size_t *at,
                            float *x) {
    unsigned n_features = model->features.n_features;
    for (unsigned i = 0; i < n_features; i++) {
        int32_t centre = 32 * (int32_t)(int8_t)model->input[2 * i], scale = model->input[2 * i + 1];
        for (unsigned l = 0; l < KWS_LANES; l++)
            x[i * KWS_LANES + l] = kws_sat8(
                kws_round_shift((features_q7[at[l] * n_features + i] - centre) * scale, 9));
    }
}

/* Columns, one value of all lanes each, to the rows at[lane]: four together, for fewer and longer
 * writes. */
INLINE void to_rows(const int16_t *columns, unsigned count, const size_t *at, int16_t *rows) {
    struct {
        int16_t of[4];
    } fours[KWS_LANES];
    unsigned i = 0;
    for (; i + 4 <= count; i += 4, columns += 4 * KWS_LANES) {
        KWS_FOR_LANES(l) {
            fours[l].of[0] = columns[l];
            fours[l].of[1] = columns[l + KWS_LANES];
            fours[l].of[2] = columns[l + 2 * KWS_LANES];
            fours[l].of[3] = columns[l + 3 * KWS_LANES];
        }
        for (unsigned l = 0; l < KWS_LANES; l++)
            memcpy(rows + at[l] * count + i, &fours[l], sizeof *fours);
    }
    for (; i < count; i++, columns += KWS_LANES)
        for (unsigned l = 0; l < KWS_LANES; l++) rows[at[l] * count + i] = columns[l];
}

INLINE void classify_lanes(const kws_model *model, const float *weights, const float *h,
                           int16_t *logits_q10) {
    int32_t y[KWS_MAX_CLASSES * KWS_LANES];
    for (unsigned i = 0; i < model->classes; i++) {
        int32_t bias = (int16_t)(uint16_t)(model->bias_class[2 * i] |
                                           (unsigned)model->bias_class[2 * i + 1] << 8);
        KWS_FOR_LANES(l) y[i * KWS_LANES + l] = bias;
    }
    multiply(&model->classifier, weights, h, y);
    for (unsigned i = 0; i < model->classes * KWS_LANES; i++) logits_q10[i] = kws_sat16(y[i]);
}

KWS_FOR_EACH_PROCESSOR
void kws_lanes_network(const kws_model *model, const float *weights, const int16_t *rest_q15,
                       const int16_t *features_q7, size_t clips, size_t frames, int16_t *hidden_q15,
                       int16_t *logits_q10) {
    int16_t h_q15[KWS_MAX_HIDDEN * KWS_LANES], logits[KWS_MAX_CLASSES * KWS_LANES];
    int32_t pre_q12[KWS_MAX_HIDDEN * KWS_LANES];
    float x[KWS_MAX_FEATURES * KWS_LANES], h[KWS_MAX_HIDDEN * KWS_LANES],
        low[KWS_MAX_RANK * KWS_LANES];
    unsigned states = model->hidden * KWS_LANES;
    for (unsigned i = 0; i < states; i++) h_q15[i] = rest_q15[i / KWS_LANES];
    for (unsigned i = 0; i < states; i++) h[i] = kws_sat8(kws_round_shift(h_q15[i], 8));
    for (size_t frame = 0; frame < frames; frame++) {
        /* lanes without a clip repeat the first one, and write the same once more */
        size_t at[KWS_LANES];
        for (unsigned l = 0; l < KWS_LANES; l++) at[l] = (l < clips ? l * frames : 0) + frame;
        const float *w_in = x, *u_in = h, *next = weights;
        normalize_lanes(model, features_q7, at, x);
        memset(pre_q12, 0, sizeof *pre_q12 * states);
        next = project_lanes(&model->w2, next, &w_in, low);
        next = multiply(&model->w1, next, w_in, pre_q12);
        next = project_lanes(&model->u2, next, &u_in, low);
        next = multiply(&model->u1, next, u_in, pre_q12);
        update_lanes(model, pre_q12, h_q15);
        for (unsigned i = 0; i < states; i++) h[i] = kws_sat8(kws_round_shift(h_q15[i], 8));
        classify_lanes(model, next, h, logits);
        if (hidden_q15 != NULL) to_rows(h_q15, model->hidden, at, hidden_q15);
        to_rows(logits, model->classes, at, logits_q10);
    }
}
