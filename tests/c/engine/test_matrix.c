#include "check.h"
#include "kws_matrix.h"

static KWS_OPERAND(x, 255);

/* What rows are multiplied with, from values in their order. */
static const kws_operand *operand(const int8_t *values, unsigned cols) {
    /* what is left of the one before */
    for (unsigned i = 0; i < sizeof x / sizeof *x; i++) x[i] = 99;
    for (unsigned i = 0; i < cols; i++) kws_operand_values(x)[i] = values[i];
    kws_operand_close(x, cols);
    return x;
}

void test_matrix_rows_match_hand_computed_sums(void) {
    static const int8_t values[5] = {1, -2, 3, -128, 127};
    static const KWS_FLASH uint8_t dense8[] = {1, 2, 3, 4, 5, 0xff, 0x80, 0x7f, 0, 1};
    kws_matrix matrix = {dense8, KWS_MATRIX_INT8, 2, 5, 1, 0};
    const KWS_FLASH uint8_t *row = matrix.data;
    operand(values, 5);
    CHECK_EQUAL(kws_matrix_bytes(&matrix, 10), 10);
    CHECK_EQUAL(kws_matrix_row(&matrix, &row, x), 1 - 4 + 9 - 512 + 635);
    CHECK_EQUAL(kws_matrix_row(&matrix, &row, x), -1 + 256 + 381 + 0 + 127);
    CHECK(row == dense8 + 10);

    /* low half first; 8 is -8, 0xf is -1; the last half byte stays empty */
    static const KWS_FLASH uint8_t dense4[] = {0x21, 0x83, 0x07, 0xf8, 0x00, 0x0f};
    matrix.data = row = dense4;
    matrix.kind = KWS_MATRIX_INT4;
    CHECK_EQUAL(kws_matrix_bytes(&matrix, 6), 6);
    CHECK_EQUAL(kws_matrix_row(&matrix, &row, x), 1 - 4 + 9 + 1024 + 889);
    CHECK_EQUAL(kws_matrix_row(&matrix, &row, x), -8 + 2 - 127);
    CHECK(row == dense4 + 6);

    /* bitmap, lowest bit first, then the weights it names */
    static const KWS_FLASH uint8_t sparse8[] = {0x12, 10, 0xff, 0x00, 0x01, 0x80};
    matrix.data = row = sparse8;
    matrix.kind = KWS_MATRIX_SPARSE8;
    matrix.rows = 3;
    CHECK_EQUAL(kws_matrix_bytes(&matrix, 6), 6);
    CHECK_EQUAL(kws_matrix_row(&matrix, &row, x), -20 - 127);
    CHECK_EQUAL(kws_matrix_row(&matrix, &row, x), 0);
    CHECK_EQUAL(kws_matrix_row(&matrix, &row, x), -128);
    CHECK(row == sparse8 + 6);

    /* 2 * -128 * 3 / 2^4 = -48, 5 * 3 / 2 = 7.5 up to 8, -7.5 up to -7 */
    static const KWS_FLASH uint8_t scaled[] = {2, 5, 0xfb};
    static const int8_t ones[1] = {1}, lowest[1] = {-128};
    kws_matrix column = {scaled, KWS_MATRIX_INT8, 3, 1, 3, 4};
    row = scaled;
    CHECK_EQUAL(kws_matrix_row(&column, &row, operand(lowest, 1)), -48);
    column.shift = 1;
    CHECK_EQUAL(kws_matrix_row(&column, &row, operand(ones, 1)), 8);
    CHECK_EQUAL(kws_matrix_row(&column, &row, operand(ones, 1)), -7);
}

/* Rows of every length, against sums of products one by one. */
void test_matrix_rows_of_half_bytes_of_any_length(void) {
    static uint8_t weights[1 + 2 * 128 + 3];
    static int8_t values[255];
    uint32_t state = 1;
    for (unsigned i = 0; i < sizeof weights; i++) {
        state = state * 1664525u + 1013904223u;
        weights[i] = (uint8_t)(i % 5 ? state >> 24 : 0x88); /* -8 and -8 now and then */
    }
    for (unsigned i = 0; i < 255; i++)
        values[i] = (int8_t)(i % 3 ? (int)(i * 37 % 256) - 128 : -128);
    const KWS_FLASH uint8_t *kept = kws_in_flash(weights, sizeof weights);
    for (unsigned cols = 1; cols <= 255; cols++) {
        unsigned bytes = (cols + 1) / 2;
        /* rows begin at any address */
        const KWS_FLASH uint8_t *first = kept + cols % 2, *row = first;
        kws_matrix matrix = {first, KWS_MATRIX_INT4, 2, (uint8_t)cols, 1, 0};
        operand(values, cols);
        for (unsigned r = 0; r < 2; r++) {
            int32_t sum = 0;
            for (unsigned i = 0; i < cols; i++) {
                int32_t weight = first[r * bytes + i / 2] >> (i & 1 ? 4 : 0) & 15;
                sum += (weight < 8 ? weight : weight - 16) * values[i];
            }
            CHECK_EQUAL(kws_matrix_row(&matrix, &row, x), sum);
        }
    }
}

void test_matrix_rows_clamp_at_hostile_scales(void) {
    static uint8_t weights[255];
    static int8_t column[255];
    for (unsigned i = 0; i < 255; i++) {
        weights[i] = 0x80;
        column[i] = -128;
    }
    const KWS_FLASH uint8_t *lowest = kws_in_flash(weights, sizeof weights);
    kws_matrix matrix = {lowest, KWS_MATRIX_INT8, 1, 255, 255, 0};
    const KWS_FLASH uint8_t *row = lowest;
    CHECK_EQUAL(kws_matrix_row(&matrix, &row, operand(column, 255)), 16777216);
    matrix.shift = 30; /* 1065369600 / 2^30 = 0.99: the rounding must not overflow */
    row = lowest;
    CHECK_EQUAL(kws_matrix_row(&matrix, &row, operand(column, 255)), 1);
    for (unsigned i = 0; i < 255; i++) column[i] = 127;
    matrix.shift = 0;
    row = lowest;
    CHECK_EQUAL(kws_matrix_row(&matrix, &row, operand(column, 255)), -16777216);
}

void test_matrix_sizes_are_refused_when_short(void) {
    static const KWS_FLASH uint8_t sparse[] = {0x03, 1, 2, 0x1f, 1, 2, 3, 4, 5};
    kws_matrix matrix = {sparse, KWS_MATRIX_SPARSE8, 2, 5, 1, 0};
    CHECK_EQUAL(kws_matrix_bytes(&matrix, 9), 9);
    for (size_t short_of = 0; short_of < 9; short_of++)
        CHECK_EQUAL(kws_matrix_bytes(&matrix, short_of), 0);
    static const KWS_FLASH uint8_t sixth_column[] = {0x20, 1}; /* of five */
    matrix.data = sixth_column;
    matrix.rows = 1;
    CHECK_EQUAL(kws_matrix_bytes(&matrix, 2), 0);
    matrix.kind = KWS_MATRIX_INT4;
    CHECK_EQUAL(kws_matrix_bytes(&matrix, 3), 3);
    CHECK_EQUAL(kws_matrix_bytes(&matrix, 2), 0);
    matrix.kind = KWS_MATRIX_INT8;
    CHECK_EQUAL(kws_matrix_bytes(&matrix, 4), 0);
}
