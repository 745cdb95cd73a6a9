/* The engine as a WebAssembly module: one spotter, its model and a hop of samples in its memory.
 *
 * JavaScript (spotter.js of `kws export --format wasm`) writes a .kws file to kws_web_model and
 * calls kws_web_start; then it writes at most a hop of samples to kws_web_samples and calls
 * kws_web_process, again and again. Several models take an instance of the module each. Nothing is
 * imported: no clock, no file, no way out. */
#include <stdbool.h>

#include "kws.h"

#define EXPORT(name) __attribute__((export_name(#name))) name
#define MODEL_BYTES 0xffffu                   /* a file's size stands in 16 bits */
#define SAMPLES (KWS_MAX_SAMPLE_RATE_HZ / 50) /* the longest hop, 20 ms */

static kws_spotter spotter;
static kws_detection detection;
static uint8_t model[MODEL_BYTES];
static int16_t samples[SAMPLES];

uint8_t *EXPORT(kws_web_model)(void);
uint32_t EXPORT(kws_web_model_bytes)(void);
int16_t *EXPORT(kws_web_samples)(void);
kws_status EXPORT(kws_web_start)(uint32_t size);
const char *EXPORT(kws_web_status_text)(kws_status status);
uint32_t EXPORT(kws_web_process)(uint32_t count);
int32_t EXPORT(kws_web_score)(void);
uint32_t EXPORT(kws_web_frames)(void);
const int16_t *EXPORT(kws_web_scores)(void);
void EXPORT(kws_web_reset)(void);
const char *EXPORT(kws_web_word)(uint32_t word);
uint32_t EXPORT(kws_web_classes)(void);
uint32_t EXPORT(kws_web_hop_length)(void);
uint32_t EXPORT(kws_web_frame_length)(void);
int32_t EXPORT(kws_web_threshold)(void);
void EXPORT(kws_web_set_threshold)(int32_t threshold_q10);

/* Where the bytes of a file go, and how many at most. They are read in place, so a spotter that
 * runs keeps its own: another model takes another instance. */
uint8_t *kws_web_model(void) { return model; }
uint32_t kws_web_model_bytes(void) { return sizeof model; }

/* Where up to a hop of samples goes. */
int16_t *kws_web_samples(void) { return samples; }

/* Checks the model and readies the spotter; of a file that is too long, the beginning. */
kws_status kws_web_start(uint32_t size) {
    bool is_long = size > sizeof model;
    kws_status status = kws_spotter_init(&spotter, model, is_long ? sizeof model : size);
    return status == KWS_OK && is_long ? KWS_ERROR_TRAILING : status;
}

const char *kws_web_status_text(kws_status status) { return kws_status_text(status); }

/* Takes up to a hop of samples, all of them; returns the class that was heard, or KWS_NO_WORD. */
uint32_t kws_web_process(uint32_t count) {
    size_t wanted = count < SAMPLES ? count : SAMPLES;
    (void)kws_spotter_process(&spotter, samples, wanted, &detection);
    return detection.word;
}

/* The score that fired, with 10 fractional bits, 0 where none did. */
int32_t kws_web_score(void) { return detection.score_q10; }

/* Analysed since the reset; the last one's scores, kws_web_classes of them. */
uint32_t kws_web_frames(void) { return spotter.frames; }
const int16_t *kws_web_scores(void) { return spotter.detector.score_q10; }

void kws_web_reset(void) { kws_spotter_reset(&spotter); }

const char *kws_web_word(uint32_t word) { return kws_spotter_word(&spotter, (uint8_t)word); }
uint32_t kws_web_classes(void) { return spotter.model.classes; }
uint32_t kws_web_hop_length(void) { return spotter.model.features.hop_length; }
uint32_t kws_web_frame_length(void) { return spotter.model.features.frame_length; }
int32_t kws_web_threshold(void) { return spotter.model.detector.threshold_q10; }

void kws_web_set_threshold(int32_t threshold_q10) {
    kws_spotter_set_threshold(&spotter, (int16_t)threshold_q10);
}
