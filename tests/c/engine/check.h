/* Checks for tests that run on a bare chip too: no stdio, no heap, no floating point.
 *
 * A platform brings `kws_put` and calls kws_run_tests; run_host.c is the one for this machine. */
#ifndef KWS_CHECK_H
#define KWS_CHECK_H

#include "kws.h"

void kws_put(const char *text); /* the platform's: prints, without adding a line's end */

/* Runs every test and prints each name with what failed; returns the number of failed checks. */
unsigned kws_run_tests(void);

void kws_check_equal(int64_t actual, int64_t expected, const char *text, const char *file,
                     int line);

/* These bytes where an engine reads models: an AVR's platform copies them into its flash, where
 * they stay until the next call; elsewhere they are read where they are. */
#define KWS_FLASH_PLACE_BYTES 1024
#if defined(__FLASH) && !defined(__STRICT_ANSI__)
const KWS_FLASH uint8_t *kws_in_flash(const uint8_t *bytes, size_t count);
#else
static inline const uint8_t *kws_in_flash(const uint8_t *bytes, size_t count) {
    return (void)count, bytes;
}
#endif

static inline int kws_same_text(const KWS_FLASH char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

/* Fails, prints both values and goes on. */
#define CHECK_EQUAL(actual, expected)                                                           \
    kws_check_equal((int64_t)(actual), (int64_t)(expected), #actual " == " #expected, __FILE__, \
                    __LINE__)
#define CHECK(condition) kws_check_equal((condition) ? 1 : 0, 1, #condition, __FILE__, __LINE__)

/* The tests, one function a behaviour; runner.c defines KWS_TEST again to list and to call them.
 * Another program's tests stand in a header given with -include. */
#ifndef KWS_TESTS
#define KWS_TESTS                                         \
    KWS_TEST(rounding_goes_to_nearest_and_halves_up)      \
    KWS_TEST(saturation_holds_both_ends)                  \
    KWS_TEST(bits_and_folds_bound_magnitudes)             \
    KWS_TEST(fft_of_an_impulse_is_flat)                   \
    KWS_TEST(fft_of_a_cosine_is_one_bin)                  \
    KWS_TEST(fft_keeps_the_energy)                        \
    KWS_TEST(fft_is_60_db_true)                           \
    KWS_TEST(fft_of_full_scale_does_not_overflow)         \
    KWS_TEST(mfcc_of_silence_is_the_floor)                \
    KWS_TEST(mfcc_at_8_khz_is_that_of_half_the_spectrum)  \
    KWS_TEST(mfcc_of_full_scale_stays_in_range)           \
    KWS_TEST(mfcc_delta_ignores_the_gain)                 \
    KWS_TEST(mfcc_of_32_bands)                            \
    KWS_TEST(matrix_rows_match_hand_computed_sums)        \
    KWS_TEST(matrix_rows_of_half_bytes_of_any_length)     \
    KWS_TEST(matrix_rows_clamp_at_hostile_scales)         \
    KWS_TEST(matrix_sizes_are_refused_when_short)         \
    KWS_TEST(cell_without_weights_follows_its_biases)     \
    KWS_TEST(hard_cell_is_piecewise_linear)               \
    KWS_TEST(cell_state_is_bounded_and_forgets)           \
    KWS_TEST(detector_smooths_as_by_hand)                 \
    KWS_TEST(detector_at_rest_is_where_smoothing_ends)    \
    KWS_TEST(detector_needs_release_between_hits)         \
    KWS_TEST(detector_waits_the_refractory_frames)        \
    KWS_TEST(detector_prefers_the_best_word)              \
    KWS_TEST(model_every_bit_flip_is_refused)             \
    KWS_TEST(model_every_truncation_is_refused)           \
    KWS_TEST(model_reports_what_is_wrong)                 \
    KWS_TEST(model_reads_every_field)                     \
    KWS_TEST(saturation_of_the_odds)                      \
    KWS_TEST(saturation_is_not_needed_by_a_score)         \
    KWS_TEST(saturation_of_the_change_of_level)           \
    KWS_TEST(saturation_of_the_logarithm)                 \
    KWS_TEST(detector_takes_the_first_of_equals)          \
    KWS_TEST(model_has_no_more_coefficients_than_bands)   \
    KWS_TEST(model_has_no_release_above_the_threshold)    \
    KWS_TEST(model_settings_may_be_the_largest_there_are) \
    KWS_TEST(model_limits_are_the_largest_there_may_be)   \
    KWS_TEST(spotter_gives_the_same_integers_everywhere)  \
    KWS_TEST(spotter_chunks_do_not_matter)                \
    KWS_TEST(spotter_reset_forgets_everything)            \
    KWS_TEST(spotter_at_rest_is_where_silence_leads)      \
    KWS_TEST(spotter_goes_on_after_a_refused_init)        \
    KWS_TEST(spotter_refuses_code_of_other_limits)        \
    KWS_TEST(spotter_uses_all_samples_up_to_a_hop)        \
    KWS_TEST(spotter_threshold_keeps_the_release_below)
#endif

#define KWS_TEST(name) void test_##name(void);
KWS_TESTS
#undef KWS_TEST

#endif
