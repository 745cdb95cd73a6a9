/* The C tests on this core, then a recording from the samples to the detections.
 *
 * Of each stage's integers it prints a hash, and every detection; all cores must print the same. */
#include <stdint.h>

#include "check.h"
#include "kws_detector.h"
#include "kws_fastgrnn.h"
#include "kws_framing.h"
#include "port.h"

#define FNV_BASIS 2166136261u
#define FNV_PRIME 16777619u
#define CHUNK 100 /* no divisor of a hop: frames begin anywhere in a chunk */

static uint8_t model[1024]; /* a wake word's is no larger */
static kws_spotter spotter;
static uint32_t features_hash, hidden_hash, logits_hash, scores_hash;

static void hash(uint32_t *sum, const int16_t *values, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        for (unsigned shift = 0; shift < 16; shift += 8) {
            *sum = (*sum ^ (((uint32_t)(uint16_t)values[i] >> shift) & 255u)) * FNV_PRIME;
        }
    }
}

static void put(const char *name, uint32_t value) {
    char digits[11];
    unsigned at = sizeof digits - 1;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    kws_put(name);
    kws_put(digits + at);
}

/* The stages one after another, in the order of kws_spotter_process(). */
static void frame(kws_spotter *s) {
    int16_t features_q7[KWS_MAX_FEATURES], logits_q10[KWS_MAX_CLASSES];
    kws_framing_features(&s->framing, &s->model.features, features_q7);
    hash(&features_hash, features_q7, s->model.features.n_features);
    kws_fastgrnn_step(&s->fastgrnn, &s->model, features_q7, logits_q10);
    hash(&hidden_hash, s->fastgrnn.hidden_q15, s->model.hidden);
    hash(&logits_hash, logits_q10, s->model.classes);
    kws_detector_smooth(&s->detector, &s->model, logits_q10);
    hash(&scores_hash, s->detector.score_q10, s->model.classes);
    (void)kws_detector_decide(&s->detector, &s->model);
    s->frames++;
}

static void by_stages(const int16_t *samples, size_t count) {
    for (size_t used = 0; used < count;) {
        used += kws_framing_fill(&spotter.framing, samples + used, count - used);
        if (!kws_framing_lacking(&spotter.framing)) frame(&spotter);
    }
}

static void detect(const int16_t *samples, size_t count) {
    while (count) {
        kws_detection found;
        size_t used = kws_spotter_process(&spotter, samples, count, &found);
        samples += used;
        count -= used;
        if (found.word == KWS_NO_WORD) continue;
        put("word ", found.word);
        put(", frame ", found.frame);
        put(", score ", (uint32_t)found.score_q10);
        kws_put("\n");
    }
}

/* The whole recording, from a reset. */
static int play(void (*to)(const int16_t *samples, size_t count)) {
    int16_t samples[CHUNK];
    int sound = kws_open("recording.raw");
    if (sound < 0) return 1;
    kws_spotter_reset(&spotter);
    for (size_t bytes; (bytes = kws_read(sound, samples, sizeof samples)) != 0;)
        to(samples, bytes / sizeof *samples);
    return 0;
}

static int recording(void) {
    int file = kws_open("model.kws");
    size_t size = file < 0 ? 0 : kws_read(file, model, sizeof model);
    if (kws_spotter_init(&spotter, kws_in_flash(model, size), size)) {
        kws_put("model.kws was refused\n");
        return 1;
    }
    features_hash = hidden_hash = logits_hash = scores_hash = FNV_BASIS;
    if (play(detect) || play(by_stages)) {
        kws_put("recording.raw is not in the working folder\n");
        return 1;
    }
    put("frames ", spotter.frames);
    put(", features ", features_hash);
    put(", hidden ", hidden_hash);
    put(", logits ", logits_hash);
    put(", scores ", scores_hash);
    kws_put("\n");
    return 0;
}

int main(void) { return (kws_run_tests() ? 1 : 0) | recording(); }
