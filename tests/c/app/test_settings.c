/* What survives a restart, and a power cut at any moment of a save. */
#include <string.h>

#include "app.h"
#include "check.h"
#include "test_port.h"
#include "vectors.h"

static kws_app app;

static void start(void) {
    for (unsigned i = 0; i < 2; i++) {
        board.models[i] = kws_test_models[i].bytes;
        board.capacities[i] = kws_test_models[i].size;
    }
    kws_app_start(&app, 0);
}

static void tell(const char *line) {
    board_type(line);
    kws_app_process(&app, NULL, 0);
}

void test_settings_return_after_a_restart(void) {
    board_reset();
    start();
    tell("t 111\nr 7\nw\nm 1\nt 222\nw\n");
    CHECK_EQUAL(board_said("w 1"), 1);
    CHECK_EQUAL(board_said("w 2"), 1);
    tell("t 333\n"); /* not saved */
    board_restart();
    start();
    CHECK_EQUAL(app.model, 1);
    CHECK_EQUAL(app.spotter.model.detector.threshold_q10, 222);
    CHECK_EQUAL(app.spotter.model.detector.refractory_frames, kws_test_models[1].refractory_frames);
    tell("m 0\n");
    CHECK_EQUAL(app.spotter.model.detector.threshold_q10, 111);
    CHECK_EQUAL(app.spotter.model.detector.refractory_frames, 7);
}

void test_settings_survive_a_power_cut_at_every_byte(void) {
    for (unsigned saves = 1; saves <= 2; saves++) { /* so that either slot is the one cut */
        for (uint8_t at = 0; at <= KWS_APP_SETTINGS_BYTES; at++) {
            board_reset();
            start();
            tell(saves == 1 ? "t 100\nw\n" : "t 50\nw\nt 100\nw\n");
            tell("t 200\n");
            board.dies_after = at;
            tell("w\n");
            CHECK_EQUAL(board_line('!', 0)[0] == '!', at < KWS_APP_SETTINGS_BYTES);
            board_restart();
            start();
            CHECK_EQUAL(app.spotter.model.detector.threshold_q10,
                        at < KWS_APP_SETTINGS_BYTES ? 100 : 200);
            tell("t 300\nw\n"); /* and the next save works */
            board_restart();
            start();
            CHECK_EQUAL(app.spotter.model.detector.threshold_q10, 300);
        }
    }
}

void test_settings_of_another_model_are_forgotten(void) {
    board_reset();
    start();
    tell("t 100\nr 9\nw\n");
    board_restart();
    board.models[0] = kws_test_models[2].bytes; /* flashed anew */
    board.capacities[0] = kws_test_models[2].size;
    kws_app_start(&app, 0);
    CHECK_EQUAL(app.spotter.model.detector.threshold_q10, kws_test_models[2].threshold_q10);
    CHECK_EQUAL(app.spotter.model.detector.refractory_frames, kws_test_models[2].refractory_frames);
}

void test_settings_keep_the_newer_slot_past_a_wrap(void) {
    kws_app_settings settings;
    board_reset();
    kws_app_load(&settings);
    CHECK_EQUAL(settings.sequence, 0);
    for (uint32_t i = 1; i <= 65540; i++) {
        settings.models[0].threshold_q10 = (int16_t)(i & 0x7fff);
        CHECK_EQUAL(kws_app_save(&settings), 1);
        if (i % 8191 && i < 65530) continue;
        kws_app_settings loaded;
        kws_app_load(&loaded);
        CHECK_EQUAL(loaded.models[0].threshold_q10, (int16_t)(i & 0x7fff));
        CHECK_EQUAL(loaded.sequence, i & 0xffff);
    }
}
