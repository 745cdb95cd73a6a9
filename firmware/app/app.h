/* What a board runs: the spotter, a serial line, settings that survive a power cut, an LED.
 *
 *     static kws_app app;
 *     kws_app_start(&app, was_reset_by_watchdog);
 *     for (;;) { wait for a block of samples; kws_app_process(&app, samples, count); }
 *
 * Portable C99, no heap, no floating point; no clock either: time is counted in samples. A port
 * brings `port.h` and the functions named kws_port_* below. The line is described in
 * PROTOCOL.md. */
#ifndef KWS_APP_H
#define KWS_APP_H

#include "kws.h"
#include "port.h"

/* port.h defines
 *   KWS_PORT_NAME            "pico": one word
 *   KWS_PORT_SAMPLE_RATE_HZ  of the microphone; a model for another rate is refused
 *   KWS_PORT_FULL_SCALE      a sample at or beyond +- this is at the converter's end
 *   KWS_PORT_FLAT_RANGE      a second that stays within this range has no microphone; an expression
 * and may define */
#ifndef KWS_APP_MODELS
#define KWS_APP_MODELS 2 /* in flash, selectable */
#endif
#ifndef KWS_APP_LINE
#define KWS_APP_LINE 16 /* bytes of the longest command */
#endif
#ifndef KWS_APP_AUDIO
#define KWS_APP_AUDIO 1 /* 0: never sends sound, and leaves that code out */
#endif
#ifndef KWS_APP_TEXT
#define KWS_APP_TEXT 1 /* 0: reasons as numbers alone: an AVR would keep their text in RAM */
#endif
#ifndef KWS_FLASH
/* where the model lies; kws.h says it for chips with an address space of its own */
#define KWS_FLASH
#endif

#define KWS_APP_PROTOCOL 1
#define KWS_APP_SETTINGS_BYTES (6 + 6 * KWS_APP_MODELS)

/* A model's status beyond kws_status. */
#define KWS_APP_NO_MODEL 100   /* flash is empty there */
#define KWS_APP_OTHER_RATE 101 /* made for another sample rate than this microphone's */

typedef enum {
    KWS_MICROPHONE_UNKNOWN = 0, /* the first second is not over */
    KWS_MICROPHONE_OK = 1,
    KWS_MICROPHONE_FLAT = 2,     /* nothing is connected */
    KWS_MICROPHONE_SATURATED = 3 /* above 1 % of a second's samples at full scale */
} kws_microphone_state;

/* Of one model; they count only while the model with this checksum is there. */
typedef struct {
    uint16_t checksum; /* low half of the model's CRC-32 */
    int16_t threshold_q10;
    uint8_t refractory_frames;
    uint8_t is_set; /* bit 0: the threshold, bit 1: the refractory frames; else the model's own */
} kws_app_model_settings;

typedef struct {
    uint16_t sequence; /* of the slot that was read or written last */
    uint8_t slot;      /* which one that was */
    uint8_t model;     /* selected at start */
    kws_app_model_settings models[KWS_APP_MODELS];
} kws_app_settings;

typedef struct {
    kws_spotter spotter;
    kws_app_settings settings;
    uint32_t samples;        /* since start or `x` */
    uint32_t lost;           /* samples that the port could not hand over */
    kws_detection waiting;   /* for room on the line; KWS_NO_WORD: none does */
    uint16_t skipped;        /* lines of s and a that the serial line had no room for */
    uint16_t led_left;       /* samples for which the LED still shows a detection */
    uint16_t checked;        /* samples of this second so far, of which */
    uint16_t clipped;        /* ... at full scale; */
    int16_t lowest, highest; /* and their range */
    uint8_t microphone;      /* kws_microphone_state */
    uint8_t model;           /* the one that listens */
    uint8_t status;          /* of it: kws_status or KWS_APP_*; only KWS_OK listens */
    uint8_t sends_scores, sends_audio;
    uint8_t overrun; /* `lost` has grown since it was reported */
    uint8_t was_watchdog;
    uint8_t line_length; /* above KWS_APP_LINE: too long, being skipped */
    char line[KWS_APP_LINE];
} kws_app;

/* Loads the settings, starts the selected model and greets. Cannot fail: without a sound model the
 * board says why, blinks, and answers the line. */
void kws_app_start(kws_app *app, uint8_t was_watchdog);

/* Takes the next samples, any count, at KWS_PORT_SAMPLE_RATE_HZ. Reads the line, sends what there
 * is to say, sets the LED and pushes the watchdog off: a board that stops to hear restarts. */
void kws_app_process(kws_app *app, const int16_t *samples, size_t count);

/* The port lost this many samples just before those of the next call. */
void kws_app_lost(kws_app *app, uint32_t samples);

/* ---- the parts, for kws_app.c and its tests -------------------------------------------------- */

void kws_app_load(kws_app_settings *settings);    /* the newer whole slot, or the models' own */
uint8_t kws_app_save(kws_app_settings *settings); /* 0: refused, and the older slot still counts */

/* Opens the model in this place with the settings saved for it; app->status says how that went. */
void kws_app_use_model(kws_app *app, uint8_t index);
void kws_app_apply_settings(kws_app *app); /* threshold and refractory frames, where set */
void kws_app_start_stream(kws_app *app);   /* the next sample is sample 0 of frame 0 */
const char *kws_app_model_reason(uint8_t status);

/* The microphone's state after these samples; 1 when it changed. */
uint8_t kws_app_check_microphone(kws_app *app, const int16_t *samples, size_t count);

void kws_app_put_text(const char *text);
void kws_app_put_number(int32_t value); /* a space before it */
void kws_app_put_count(uint32_t value); /* likewise, of what goes on for years */
void kws_app_put_audio(const int16_t *samples, size_t count); /* base64 of little-endian int16 */

/* ---- what a port brings ---------------------------------------------------------------------- */

int kws_port_read(void);        /* the next byte of the line, or -1; never waits */
void kws_port_write(char byte); /* may wait for the line, for a bounded time */
uint16_t kws_port_room(void);   /* bytes that kws_port_write takes now without waiting */
uint8_t kws_port_baud(uint32_t bits_per_s); /* 0: refused. Sends what waits first */
void kws_port_led(uint8_t is_on);
void kws_port_watchdog(void); /* all is well for another while */

/* A model's first byte, and how many may be read there; NULL: there is none. */
const KWS_FLASH uint8_t *kws_port_model(uint8_t index, uint32_t *capacity);

/* Slots 0 and 1 lie where writing one leaves the other alone. A slot that was never written reads
 * as anything. kws_port_save may stop the sound for as long as it takes; 0: it did not succeed. */
void kws_port_load(uint8_t slot, uint8_t *bytes, uint8_t count);
uint8_t kws_port_save(uint8_t slot, const uint8_t *bytes, uint8_t count);

#endif
