#include "check.h"
#include "kws_fixed.h"

void test_rounding_goes_to_nearest_and_halves_up(void) {
    CHECK_EQUAL(kws_round_shift(7, 0), 7);
    CHECK_EQUAL(kws_round_shift(-7, 0), -7);
    CHECK_EQUAL(kws_round_shift(5, 1), 3);
    CHECK_EQUAL(kws_round_shift(-5, 1), -2);
    CHECK_EQUAL(kws_round_shift(-6, 2), -1);
    CHECK_EQUAL(kws_round_shift(-7, 2), -2);
    CHECK_EQUAL(kws_round_shift(-1, 1), 0);
    CHECK_EQUAL(kws_round_shift(-1, 8), 0);
    CHECK_EQUAL(kws_round_shift(-128, 8), 0);
    CHECK_EQUAL(kws_round_shift(-129, 8), -1);
    CHECK_EQUAL(kws_round_shift(INT32_MIN, 30), -2);
    CHECK_EQUAL(kws_round_shift(INT32_MIN, 16), -32768);
    /* against division, which C defines for negative numbers */
    for (int32_t value = -300; value <= 300; value++) {
        for (unsigned shift = 1; shift < 8; shift++) {
            int32_t one = (int32_t)1 << shift, doubled = 2 * value + one;
            int32_t floor = doubled >= 0 ? doubled / (2 * one)
                                         : -((-doubled + 2 * one - 1) / (2 * one));
            CHECK_EQUAL(kws_round_shift(value, shift), floor);
        }
    }
}

void test_saturation_holds_both_ends(void) {
    CHECK_EQUAL(kws_sat16(32767), 32767);
    CHECK_EQUAL(kws_sat16(32768), 32767);
    CHECK_EQUAL(kws_sat16(INT32_MAX), 32767);
    CHECK_EQUAL(kws_sat16(-32768), -32768);
    CHECK_EQUAL(kws_sat16(-32769), -32768);
    CHECK_EQUAL(kws_sat16(INT32_MIN), -32768);
    CHECK_EQUAL(kws_sat8(128), 127);
    CHECK_EQUAL(kws_sat8(-129), -128);
    CHECK_EQUAL(kws_sat8(-1), -1);
    CHECK_EQUAL(kws_clamp(5, -3, 3), 3);
    CHECK_EQUAL(kws_clamp(-5, -3, 3), -3);
}

void test_bits_and_folds_bound_magnitudes(void) {
    CHECK_EQUAL(kws_bits(0), 0);
    for (unsigned bits = 1; bits <= 32; bits++) {
        uint32_t top = (uint32_t)1 << (bits - 1);
        CHECK_EQUAL(kws_bits(top), bits);
        CHECK_EQUAL(kws_bits(top | (top - 1)), bits);
    }
    CHECK_EQUAL(kws_fold(0), 0);
    CHECK_EQUAL(kws_fold(-1), 0);
    CHECK_EQUAL(kws_fold(32767), 32767);
    CHECK_EQUAL(kws_fold(-32768), 32767);
    CHECK_EQUAL(kws_fold(INT32_MIN), INT32_MAX);
}
