/* The application's tests, in the place of the engine's: checked by tests/c/engine/runner.c. */
#ifndef APP_TESTS_H
#define APP_TESTS_H

#define KWS_TESTS                                             \
    KWS_TEST(app_greets_with_model_and_settings)              \
    KWS_TEST(app_detects_what_the_engine_detects)             \
    KWS_TEST(app_streams_the_scores_of_every_frame)           \
    KWS_TEST(app_streams_the_samples_that_it_heard)           \
    KWS_TEST(app_skips_streams_that_the_line_is_too_slow_for) \
    KWS_TEST(app_sends_a_detection_once_there_is_room)        \
    KWS_TEST(app_tears_no_line_of_a_stream)                   \
    KWS_TEST(app_counts_beyond_31_bits)                       \
    KWS_TEST(app_changes_threshold_and_refractory)            \
    KWS_TEST(app_refuses_values_out_of_range)                 \
    KWS_TEST(app_survives_garbage_on_the_line)                \
    KWS_TEST(app_selects_the_second_model)                    \
    KWS_TEST(app_says_what_is_wrong_with_a_model)             \
    KWS_TEST(app_refuses_a_model_of_another_rate)             \
    KWS_TEST(app_counts_what_the_port_lost)                   \
    KWS_TEST(app_recognises_a_flat_line_and_saturation)       \
    KWS_TEST(app_pushes_the_watchdog_off_only_while_it_hears) \
    KWS_TEST(settings_return_after_a_restart)                 \
    KWS_TEST(settings_survive_a_power_cut_at_every_byte)      \
    KWS_TEST(settings_of_another_model_are_forgotten)         \
    KWS_TEST(settings_keep_the_newer_slot_past_a_wrap)

#endif
