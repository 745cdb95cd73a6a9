/* The application of every board: samples in, lines out. firmware/docs/PROTOCOL.md describes the
 * lines. */
#include "app.h"

#include <string.h>

#define RATE KWS_PORT_SAMPLE_RATE_HZ
#define LONGEST_DETECTION 24             /* "d 4294967295 254 -32768", and the line's end */
#define LED_SHIFT (RATE > 8000 ? 10 : 9) /* samples of one step of a pattern, 64 ms */
/* 32 steps, lowest bit first: two seconds */
#define LED_NO_MODEL 0x00000015u   /* three short flashes */
#define LED_MICROPHONE 0x0000ffffu /* a second on, a second off */

static void end_line(void) { kws_port_write('\n'); }

static void put_flash_text(const KWS_FLASH char *text) {
    while (*text) kws_port_write(*text++);
}

/* `! letter code`, and the reason in words where the board has room for them. */
static void put_error(char letter, uint8_t code, const char *reason) {
    kws_port_write('!');
    kws_port_write(' ');
    kws_port_write(letter);
    kws_app_put_number(code);
#if KWS_APP_TEXT
    kws_port_write(' ');
    kws_app_put_text(reason);
#else
    (void)reason;
#endif
    end_line();
}

static void put_value(char letter, int32_t value) {
    kws_port_write(letter);
    kws_app_put_number(value);
    end_line();
}

#if KWS_APP_TEXT
#define REASON(text) text
#else
#define REASON(text) ""
#endif

/* ---- what the board says of itself ----------------------------------------------------------- */

static void put_settings(const kws_app *app) {
    put_value('t', app->spotter.model.detector.threshold_q10);
    put_value('r', app->spotter.model.detector.refractory_frames);
}

static void put_model(const kws_app *app) {
    if (app->status != KWS_OK) {
        put_error('m', app->status, kws_app_model_reason(app->status));
        return;
    }
    kws_port_write('m');
    kws_app_put_number(app->model);
    kws_app_put_number(app->spotter.model.features.hop_length);
    kws_app_put_number((int32_t)app->spotter.model.size);
    end_line();
    for (uint8_t i = 0; i < app->spotter.model.classes; i++) {
        kws_port_write('n');
        kws_app_put_number(i);
        kws_port_write(' ');
        put_flash_text(kws_spotter_word(&app->spotter, i));
        end_line();
    }
    put_settings(app);
}

static void put_lost(kws_app *app) {
    app->overrun = 0;
    kws_port_write('o');
    kws_app_put_count(app->lost);
    kws_app_put_number(app->skipped);
    end_line();
}

static void put_all(kws_app *app) {
    kws_app_put_text("kws");
    kws_app_put_number(KWS_APP_PROTOCOL);
    kws_app_put_text(" " KWS_PORT_NAME);
    kws_app_put_number(RATE);
    kws_app_put_number(KWS_APP_MODELS);
    kws_app_put_number(app->was_watchdog);
    end_line();
    put_model(app);
    put_lost(app);
    put_value('p', app->microphone);
}

/* ---- commands -------------------------------------------------------------------------------- */

/* `letter`, or `letter number`: 1 where a number was given, 0 where none, -1 where it is not
 * one. */
static int8_t read_argument(const kws_app *app, int32_t *value) {
    uint8_t at = 1, is_negative = 0;
    *value = 0;
    while (at < app->line_length && app->line[at] == ' ') at++;
    if (at == app->line_length) return 0;
    if (app->line[at] == '-') is_negative = 1, at++;
    if (at == app->line_length) return -1;
    for (; at < app->line_length; at++) {
        if (app->line[at] < '0' || app->line[at] > '9' || *value > 99999999) return -1;
        *value = *value * 10 + (app->line[at] - '0');
    }
    if (is_negative) *value = -*value;
    return 1;
}

static void select_model(kws_app *app, uint8_t index) {
    uint8_t before = app->model;
    kws_app_use_model(app, index);
    if (app->status == KWS_OK) {
        app->settings.model = index;
        return;
    }
    put_error('m', app->status, kws_app_model_reason(app->status));
    kws_app_use_model(app, before); /* what listened goes on */
}

static void set_threshold(kws_app *app, uint8_t is_given, int32_t value) {
    kws_app_model_settings *own = &app->settings.models[app->model];
    own->is_set = (uint8_t)((own->is_set & ~1u) | is_given);
    own->threshold_q10 = (int16_t)value;
}

static void set_refractory(kws_app *app, uint8_t is_given, int32_t value) {
    kws_app_model_settings *own = &app->settings.models[app->model];
    own->is_set = (uint8_t)((own->is_set & ~2u) | (is_given ? 2u : 0u));
    own->refractory_frames = (uint8_t)value;
}

/* Without a value a setting goes back to the model's own, and so the model is opened anew. */
static void change(kws_app *app, char letter, uint8_t is_given, int32_t value) {
    if (letter == 't') set_threshold(app, is_given, value);
    else set_refractory(app, is_given, value);
    if (is_given) kws_app_apply_settings(app);
    else kws_app_use_model(app, app->model);
    put_settings(app);
}

static void save(kws_app *app) {
    if (kws_app_save(&app->settings)) put_value('w', app->settings.sequence);
    else put_error('w', 1, REASON("the settings could not be saved"));
}

static uint8_t in_range(char letter, int32_t value) {
    switch (letter) {
    case 't': return value >= INT16_MIN && value <= INT16_MAX;
    case 'r': return value >= 0 && value <= 255;
    case 'm': return value >= 0 && value < KWS_APP_MODELS;
    case 's':
    case 'a': return value == 0 || value == 1;
    case 'b': return value > 0;
    default: return 0;
    }
}

static void obey(kws_app *app) {
    int32_t value;
    char letter = app->line[0];
    int8_t argument = read_argument(app, &value);
    uint8_t listens = app->status == KWS_OK;
    if (argument < 0 || (argument && !in_range(letter, value))) {
        put_error(letter, 2, REASON("not a value for this command"));
    } else if ((letter == 't' || letter == 'r') && !listens) {
        put_model(app);
    } else if (letter == 't' || letter == 'r') {
        change(app, letter, argument > 0, value);
    } else if (letter == 'm') {
        if (argument) select_model(app, (uint8_t)value);
        put_model(app);
    } else if (letter == 's' && argument) {
        app->sends_scores = (uint8_t)value;
        put_value('S', value);
    } else if (letter == 'a' && argument && KWS_APP_AUDIO) {
        app->sends_audio = (uint8_t)value;
        put_value('A', value);
    } else if (letter == 'b' && argument) {
        if (kws_port_baud((uint32_t)value)) put_value('b', value);
        else put_error('b', 1, REASON("this board does not offer that rate"));
    } else if (letter == 'w' && !argument) {
        save(app);
    } else if (letter == 'x' && !argument) {
        kws_app_start_stream(app);
        put_value('x', 0);
    } else if (letter == '?' && !argument) {
        put_all(app);
    } else {
        put_error('?', 1, REASON("not a command: t r m s a b w x ?"));
    }
}

/* Noise ends at the next line end at the latest; a line with anything but printable ASCII is
 * none. */
static void read_line(kws_app *app) {
    for (int byte; (byte = kws_port_read()) >= 0;) {
        if (byte == '\n' || byte == '\r') {
            uint8_t length = app->line_length;
            if (length > KWS_APP_LINE)
                put_error('?', 3, REASON("not a line that this board can read"));
            else if (length) obey(app);
            app->line_length = 0;
        } else if (app->line_length < KWS_APP_LINE && byte >= ' ' && byte <= '~') {
            app->line[app->line_length++] = (char)byte;
        } else {
            app->line_length = KWS_APP_LINE + 1;
        }
    }
}

/* ---- the stream ------------------------------------------------------------------------------ */

static uint8_t has_room(kws_app *app, size_t bytes) {
    if (kws_port_room() >= bytes) return 1;
    app->skipped++;
    return 0;
}

static void put_scores(kws_app *app) {
    uint8_t classes = app->spotter.model.classes;
    if (!has_room(app, 13u + 7u * classes)) return;
    kws_port_write('s');
    kws_app_put_count(app->spotter.frames - 1);
    for (uint8_t i = 0; i < classes; i++) kws_app_put_number(app->spotter.detector.score_q10[i]);
    end_line();
}

/* It waits for room: half of it would garble what comes next, too. */
static void put_detection(kws_app *app) {
    if (app->waiting.word == KWS_NO_WORD || kws_port_room() < LONGEST_DETECTION) return;
    kws_port_write('d');
    kws_app_put_count(app->waiting.frame);
    kws_app_put_number(app->waiting.word);
    kws_app_put_number(app->waiting.score_q10);
    end_line();
    app->waiting.word = KWS_NO_WORD;
}

/* At most a hop, so at most one frame. */
static void hear(kws_app *app, const int16_t *samples, size_t count) {
    kws_detection detection;
    uint32_t before = app->spotter.frames;
    (void)kws_spotter_process(&app->spotter, samples, count, &detection);
    put_detection(app); /* one that waits comes before the scores, which would take its room */
    if (app->spotter.frames != before && app->sends_scores) put_scores(app);
    if (detection.word == KWS_NO_WORD) return;
    if (app->waiting.word != KWS_NO_WORD) app->skipped++; /* nobody has read for a while */
    app->waiting = detection;
    app->led_left = RATE / 2;
    put_detection(app);
}

static void send_audio(kws_app *app, const int16_t *samples, size_t count) {
#if KWS_APP_AUDIO
    if (!app->sends_audio || !has_room(app, 17 + (2 * count + 2) / 3 * 4)) return;
    kws_port_write('a');
    kws_app_put_count(app->samples);
    kws_port_write(' ');
    kws_app_put_audio(samples, count);
    end_line();
#else
    (void)app, (void)samples, (void)count;
#endif
}

static void set_led(kws_app *app, size_t count) {
    uint32_t pattern = app->status != KWS_OK                         ? LED_NO_MODEL
                       : app->microphone == KWS_MICROPHONE_FLAT      ? LED_MICROPHONE
                       : app->microphone == KWS_MICROPHONE_SATURATED ? LED_MICROPHONE
                                                                     : 0;
    app->led_left = (uint16_t)(app->led_left > count ? app->led_left - count : 0);
    kws_port_led(app->led_left || (pattern >> (app->samples >> LED_SHIFT & 31) & 1));
}

void kws_app_start(kws_app *app, uint8_t was_watchdog) {
    memset(app, 0, sizeof *app);
    app->was_watchdog = was_watchdog;
    kws_app_load(&app->settings);
    kws_app_use_model(app, app->settings.model);
    put_all(app);
}

void kws_app_lost(kws_app *app, uint32_t samples) {
    app->lost += samples;
    app->overrun = 1;
}

void kws_app_process(kws_app *app, const int16_t *samples, size_t count) {
    kws_port_watchdog();
    read_line(app);
    if (app->overrun) put_lost(app);
    while (count > 0) {
        size_t hop = app->status == KWS_OK ? app->spotter.model.features.hop_length : RATE / 100;
        size_t piece = count < hop ? count : hop;
        send_audio(app, samples, piece);
        if (app->status == KWS_OK) hear(app, samples, piece);
        if (kws_app_check_microphone(app, samples, piece)) put_value('p', app->microphone);
        app->samples += (uint32_t)piece;
        set_led(app, piece);
        samples += piece, count -= piece;
    }
}
