/* Any bytes as a model: refused with a status, or accepted and safe to run. Each input is tried as
 * it is, and again with its size and checksum mended, which lets it past the envelope. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "kws.h"
#include "kws_model.h"

static void run_if_accepted(const uint8_t *data, size_t size) {
    static kws_spotter spotter;
    static int16_t samples[1600];
    if (kws_spotter_init(&spotter, data, size) != KWS_OK) return;
    uint32_t noise = 1;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        noise = noise * 1664525u + 1013904223u;
        samples[i] = (int16_t)(noise >> (i < 800 ? 16 : 24));
    }
    for (size_t at = 0; at < sizeof samples / sizeof *samples;) {
        kws_detection detection;
        at += kws_spotter_process(&spotter, samples + at, sizeof samples / sizeof *samples - at,
                                  &detection);
        if (detection.word != KWS_NO_WORD && detection.word >= spotter.model.classes) abort();
    }
    size_t named = 0;
    for (unsigned i = 0; i < 256; i++) named += strlen(kws_spotter_word(&spotter, (uint8_t)i));
    if (named == 0) abort(); /* an accepted model has a word */
    kws_spotter_set_threshold(&spotter, INT16_MIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* exactly as long as it says, so that the sanitizer sees a read beyond the end */
    uint8_t *bytes = calloc(size ? size : 1, 1);
    if (bytes == NULL) return 0;
    if (size) memcpy(bytes, data, size);
    run_if_accepted(bytes, size);
    if (size >= 12 && size < 65536) {
        bytes[6] = (uint8_t)(size & 255);
        bytes[7] = (uint8_t)(size >> 8);
        uint32_t crc = kws_model_crc32(bytes, size - 4);
        for (unsigned i = 0; i < 4; i++) bytes[size - 4 + i] = (uint8_t)(crc >> 8 * i);
        run_if_accepted(bytes, size);
    }
    free(bytes);
    return 0;
}
