/* The application against the engine itself, fed with the same signal. */
#include "app.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "signal.h"
#include "test_port.h"
#include "vectors.h"

static kws_app app;

/* The model of these with the most detections in the signal, so that there is something to see. */
static const kws_test_model *liveliest(void) {
    const kws_test_model *best = &kws_test_models[0];
    for (unsigned i = 1; i < KWS_TEST_MODELS; i++)
        if (kws_test_models[i].detections > best->detections) best = &kws_test_models[i];
    return best;
}

/* Bytes behind a model that end its place, as flash has them. */
static uint8_t flash[2][70000];
static void flash_model(unsigned place, const uint8_t *bytes, size_t size) {
    memset(flash[place], 0xff, sizeof flash[place]);
    memcpy(flash[place], bytes, size);
    board.models[place] = flash[place];
    board.capacities[place] = 65536;
}

static void start(void) {
    const kws_test_model *model = liveliest();
    board_reset();
    flash_model(0, model->bytes, model->size);
    kws_app_start(&app, 0);
}

static void hear(uint32_t samples, size_t chunk) {
    static int16_t block[1024];
    signal_source source = SIGNAL_START;
    for (uint32_t n = 0; n < samples; n += (uint32_t)chunk) {
        for (size_t i = 0; i < chunk; i++) block[i] = signal_next(&source);
        kws_app_process(&app, block, chunk);
    }
}

static void hear_constant(int16_t first, int16_t second, unsigned seconds) {
    int16_t block[160];
    for (unsigned i = 0; i < 160; i++) block[i] = i & 1 ? second : first;
    for (unsigned i = 0; i < 100 * seconds; i++) kws_app_process(&app, block, 160);
}

static void tell(const char *line) {
    board_type(line);
    kws_app_process(&app, NULL, 0);
}

void test_app_greets_with_model_and_settings(void) {
    char line[80];
    start();
    CHECK_EQUAL(board_said("kws 1 test 16000 2 0"), 1);
    snprintf(line, sizeof line, "m 0 %u %u", liveliest()->hop_length, liveliest()->size);
    CHECK_EQUAL(board_said(line), 1);
    snprintf(line, sizeof line, "t %d", liveliest()->threshold_q10);
    CHECK_EQUAL(board_said(line), 1);
    snprintf(line, sizeof line, "r %u", liveliest()->refractory_frames);
    CHECK_EQUAL(board_said(line), 1);
    CHECK(board_line('n', liveliest()->classes - 1u)[0] == 'n');
    CHECK(board_line('n', liveliest()->classes)[0] == 0);
    board_forget();
    kws_app_start(&app, 1);
    CHECK_EQUAL(board_said("kws 1 test 16000 2 1"), 1);
}

void test_app_detects_what_the_engine_detects(void) {
    const kws_test_model *model = liveliest();
    CHECK(model->detections >= 5);
    for (size_t chunk = 1; chunk <= 1024; chunk *= 4) {
        start();
        hear(KWS_SIGNAL_SAMPLES, chunk);
        CHECK_EQUAL(app.spotter.frames, model->frames);
        unsigned found = 0;
        uint32_t digest = DIGEST_START;
        for (; board_line('d', found)[0]; found++) {
            unsigned frame;
            int word, score;
            CHECK_EQUAL(sscanf(board_line('d', found), "d %u %d %d", &frame, &word, &score), 3);
            digest = digest_add(digest, (int16_t)(uint16_t)frame);
            digest = digest_add(digest_add(digest, (int16_t)word), (int16_t)score);
        }
        CHECK_EQUAL(found, model->detections);
        CHECK_EQUAL(digest, model->detections_digest);
    }
}

void test_app_streams_the_scores_of_every_frame(void) {
    const kws_test_model *model = liveliest();
    uint32_t digest = DIGEST_START;
    unsigned frames = 0;
    start();
    tell("s 1\n");
    CHECK_EQUAL(board_said("S 1"), 1);
    hear(KWS_SIGNAL_SAMPLES, 256);
    for (const char *at = strstr(board.sent, "\ns "); at; at = strstr(at + 1, "\ns ")) {
        int frame, used, score;
        CHECK_EQUAL(sscanf(at, "\ns %d%n", &frame, &used), 1);
        CHECK_EQUAL(frame, frames++);
        const char *next = at + used;
        for (unsigned i = 0; i < model->classes; i++, next += used) {
            CHECK_EQUAL(sscanf(next, " %d%n", &score, &used), 1);
            digest = digest_add(digest, (int16_t)score);
        }
        CHECK_EQUAL(*next, '\n');
    }
    CHECK_EQUAL(frames, model->frames);
    CHECK_EQUAL(digest, model->scores_digest);
    board_forget();
    tell("s 0\n");
    hear(3200, 320);
    CHECK_EQUAL(board_line('s', 0)[0], 0);
}

void test_app_streams_the_samples_that_it_heard(void) {
    static const int16_t samples[4] = {0x0100, -2, 0x7fff, 0x1234};
    start();
    tell("a 1\n");
    for (size_t count = 1; count <= 4; count++) kws_app_process(&app, samples, count);
    CHECK_EQUAL(board_said("a 0 AAE="), 1);
    CHECK_EQUAL(board_said("a 1 AAH+/w=="), 1);
    CHECK_EQUAL(board_said("a 3 AAH+//9/"), 1);
    CHECK_EQUAL(board_said("a 6 AAH+//9/NBI="), 1);
}

void test_app_skips_streams_that_the_line_is_too_slow_for(void) {
    start();
    tell("s 1\n");
    board.room = 10;
    board_forget();
    hear(32000, 320);
    CHECK_EQUAL(board_line('s', 0)[0], 0);
    CHECK_EQUAL(board_line('d', 0)[0], 0); /* half a line would garble the next one */
    board.room = 500;
    tell("?\n");
    unsigned lost, skipped;
    CHECK_EQUAL(sscanf(board_line('o', 0), "o %u %u", &lost, &skipped), 2);
    CHECK(skipped >= app.spotter.frames); /* one a frame, and detections that another followed */
    CHECK(app.spotter.frames > 90);
}

void test_app_sends_a_detection_once_there_is_room(void) {
    static const int16_t silence[320];
    char line[40];
    start();
    tell("t 32767\ns 1\n"); /* none of its own */
    app.waiting = (kws_detection){.frame = 4294967295u, .word = 1, .score_q10 = -32768};
    board_forget();
    for (board.room = 23; board.room; board.room--) kws_app_process(&app, silence, 320);
    CHECK_EQUAL(board.sent_bytes, 0);
    board.room = 24;
    kws_app_process(&app, silence, 320);
    snprintf(line, sizeof line, "d 4294967295 1 -32768");
    CHECK_EQUAL(board_said(line), 1);
    CHECK_EQUAL(app.waiting.word, KWS_NO_WORD);
    board_forget();
    kws_app_process(&app, silence, 320);
    CHECK_EQUAL(board_line('d', 0)[0], 0); /* once */
    app.waiting.word = 0;
    tell("x\n");
    board.room = 500;
    board_forget();
    kws_app_process(&app, silence, 320);
    CHECK_EQUAL(board_line('d', 0)[0], 0); /* its frame was of another stream */
}

/* A line that takes so many bytes and loses the rest, as USB does when nobody reads. */
void test_app_tears_no_line_of_a_stream(void) {
    const kws_test_model *model = liveliest();
    static int16_t block[160];
    signal_source source = SIGNAL_START;
    unsigned scores = 0, detections = 0;
    uint32_t state = 7;
    start();
    tell("t -500\ns 1\n");
    board_forget();
    board.loses = 1;
    for (uint32_t n = 0; n < KWS_SIGNAL_SAMPLES; n += 160) {
        state = state * 1664525u + 1013904223u;
        board.room = (uint16_t)(board.room + (state >> 16) % 24);
        if (board.room > 60) board.room = 60;
        for (unsigned i = 0; i < 160; i++) block[i] = signal_next(&source);
        kws_app_process(&app, block, 160);
    }
    for (char *at = board.sent; *at; at++) {
        int used = 0;
        unsigned frame;
        if (*at == 's') {
            CHECK_EQUAL(sscanf(at, "s %u%n", &frame, &used), 1);
            for (unsigned i = 0; i < model->classes; i++) {
                int more = 0, score;
                CHECK_EQUAL(sscanf(at + used, " %d%n", &score, &more), 1);
                used += more;
            }
            scores++;
        } else if (*at == 'd') {
            int word, score;
            CHECK_EQUAL(sscanf(at, "d %u %d %d%n", &frame, &word, &score, &used), 3);
            detections++;
        } else {
            break; /* the microphone's state, by a line that asks for no room */
        }
        at += used;
        CHECK_EQUAL(*at, '\n');
    }
    CHECK(scores > 20 && detections > 2 && app.skipped > 20);
}

void test_app_counts_beyond_31_bits(void) {
    static const int16_t samples[1] = {0x0100};
    start();
    tell("a 1\n");
    app.samples = 3000000000u; /* after two days */
    kws_app_process(&app, samples, 1);
    CHECK_EQUAL(board_said("a 3000000000 AAE="), 1);
    kws_app_lost(&app, 3000000000u);
    kws_app_process(&app, samples, 1);
    CHECK_EQUAL(board_said("o 3000000000 0"), 1);
}

void test_app_changes_threshold_and_refractory(void) {
    start();
    tell("t 32767\nr 3\n");
    CHECK_EQUAL(board_said("t 32767"), 2);
    CHECK_EQUAL(board_said("r 3"), 1);
    hear(KWS_SIGNAL_SAMPLES, 320);
    CHECK_EQUAL(board_line('d', 0)[0], 0);
    tell("t -32768\r\n");
    CHECK_EQUAL(app.spotter.model.detector.threshold_q10, -32768);
    CHECK_EQUAL(app.spotter.model.detector.refractory_frames, 3);
    tell("t\n");
    CHECK_EQUAL(app.spotter.model.detector.threshold_q10, liveliest()->threshold_q10);
    CHECK_EQUAL(app.spotter.model.detector.refractory_frames, 3);
    tell("r\n");
    CHECK_EQUAL(app.spotter.model.detector.refractory_frames, liveliest()->refractory_frames);
}

void test_app_refuses_values_out_of_range(void) {
    static const char *const lines[] = {
        "t 32768\n", "t -32769\n", "r 256\n", "r -1\n", "m 2\n", "s 2\n",           "a -1\n",
        "t x\n",     "t 1 2\n",    "t -\n",   "b 0\n",  "w 1\n", "t 99999999999\n", "? 1\n"};
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        start();
        board_forget();
        tell(lines[i]);
        CHECK_EQUAL(board.sent[0], '!');
        CHECK_EQUAL(app.spotter.model.detector.threshold_q10, liveliest()->threshold_q10);
    }
    tell("b 9600\n");
    CHECK(strstr(board.sent, "! b 1 ") != NULL);
    CHECK_EQUAL(board.baud, 115200);
    tell("b 921600\n");
    CHECK_EQUAL(board.baud, 921600);
}

void test_app_survives_garbage_on_the_line(void) {
    static char noise[20001];
    uint32_t state = 12345;
    start();
    for (size_t i = 0; i < 20000; i++) {
        state = state * 1664525u + 1013904223u;
        char byte = (char)(state >> 24);
        noise[i] = byte ? byte : '\n';
    }
    tell(noise);
    board_forget();
    /* whatever hung half-way on the line ends with it; then the board understands again */
    tell("\n?\n");
    CHECK_EQUAL(board_said("kws 1 test 16000 2 0"), 1);
    CHECK_EQUAL(app.status, KWS_OK);
    board_forget();
    tell("tttttttttttttttttttttttttttttttttttttttttt\n");
    CHECK(strncmp(board.sent, "! ? 3 ", 6) == 0);
    CHECK_EQUAL(board_line('!', 1)[0], 0); /* one answer, however long */
    board_forget();
    tell("\r\n\r\n\n");
    CHECK_EQUAL(board.sent_bytes, 0);
}

void test_app_selects_the_second_model(void) {
    const kws_test_model *other = &kws_test_models[KWS_TEST_MODELS - 1];
    CHECK(other != liveliest());
    start();
    flash_model(1, other->bytes, other->size);
    tell("t 1234\n"); /* of the first model alone */
    tell("m 1\n");
    CHECK_EQUAL(app.model, 1);
    CHECK_EQUAL(app.spotter.model.detector.threshold_q10, other->threshold_q10);
    hear(KWS_SIGNAL_SAMPLES, 320);
    unsigned found = 0;
    while (board_line('d', found)[0]) found++;
    CHECK_EQUAL(found, other->detections);
    tell("m 0\n");
    CHECK_EQUAL(app.spotter.model.detector.threshold_q10, 1234);
    CHECK_EQUAL(app.spotter.frames, 0);
}

void test_app_says_what_is_wrong_with_a_model(void) {
    board_reset();
    kws_app_start(&app, 0);
    CHECK(strncmp(board_line('!', 0), "! m 100 ", 8) == 0);
    memset(flash[0], 0xff, sizeof flash[0]);
    board.models[0] = flash[0], board.capacities[0] = 65536;
    board_forget();
    kws_app_start(&app, 0);
    CHECK(strncmp(board_line('!', 0), "! m 100 ", 8) == 0);
    start();
    flash[0][40] ^= 1;
    board_forget();
    kws_app_start(&app, 0);
    CHECK(strncmp(board_line('!', 0), "! m 4 the model is corrupted", 28) == 0);
    unsigned flashes = 0; /* without a model the LED blinks, and the line answers */
    for (unsigned i = 0, before = 0; i < 200; i++) {
        hear(160, 160);
        flashes += board.led && !before;
        before = board.led;
    }
    CHECK_EQUAL(flashes, 3);
    board_forget();
    tell("t 5\n");
    CHECK(strncmp(board_line('!', 0), "! m 4 ", 6) == 0);
    tell("w\nx\ns 1\nr\nm 0\nm 1\n?\n");
    hear(32000, 320);
    CHECK_EQUAL(app.status, 4);
    start(); /* a bad second model leaves the first one listening */
    flash_model(1, liveliest()->bytes, 100);
    tell("m 1\n");
    CHECK(strncmp(board_line('!', 0), "! m 4 ", 6) == 0);
    CHECK_EQUAL(app.model, 0);
    hear(KWS_SIGNAL_SAMPLES, 320);
    CHECK(board_line('d', 4)[0] == 'd');
}

void test_app_refuses_a_model_of_another_rate(void) {
    /* The engine of today refuses other rates itself; the application does so for any engine. */
    start();
    flash[0][8] = 8;
    uint32_t size = liveliest()->size;
    uint32_t crc = 0xffffffff;
    for (uint32_t i = 0; i < size - 4; i++) {
        crc ^= flash[0][i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    for (unsigned i = 0; i < 4; i++) flash[0][size - 4 + i] = (uint8_t)(~crc >> 8 * i);
    kws_app_start(&app, 0);
    CHECK(app.status == KWS_ERROR_FEATURES || app.status == KWS_APP_OTHER_RATE);
}

void test_app_counts_what_the_port_lost(void) {
    start();
    kws_app_lost(&app, 256);
    kws_app_lost(&app, 100);
    board_forget();
    hear(640, 320);
    CHECK_EQUAL(board_said("o 356 0"), 1);
}

void test_app_recognises_a_flat_line_and_saturation(void) {
    start();
    CHECK_EQUAL(board_said("p 0"), 1);
    hear(16000, 160);
    CHECK_EQUAL(board_said("p 1"), 1);
    hear_constant(-32768, -32760, 2); /* near the end of the converter, and still no microphone */
    CHECK_EQUAL(board_said("p 2"), 1);
    hear_constant(100, 120, 2); /* little, but more than the range of a flat line */
    CHECK_EQUAL(board_said("p 1"), 2);
    hear_constant(32752, 0, 2);
    CHECK_EQUAL(board_said("p 3"), 1);
    CHECK_EQUAL(board.led, app.samples >> 10 & 16 ? 0 : 1); /* a slow blinking */
    hear_constant(-32768, 0, 1);
    CHECK_EQUAL(board_said("p 3"), 1); /* still: said once */
}

void test_app_pushes_the_watchdog_off_only_while_it_hears(void) {
    start();
    CHECK_EQUAL(board.kicks, 0);
    hear(3200, 320);
    CHECK_EQUAL(board.kicks, 10);
}
