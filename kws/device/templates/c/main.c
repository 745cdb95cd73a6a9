/* Hears @WORDS@ in @RATE_KHZ@ kHz mono int16 samples: ./@NAME@ < samples.raw
 * On a board, pass what the microphone brings to kws_spotter_process instead of stdin. */
#include <stdio.h>

#include "@NAME@.h"

int main(void) {
    static kws_spotter spotter;
    static int16_t samples[@HOP@];
    kws_status status = kws_spotter_init(&spotter, @NAME@, @NAME@_size);
    if (status != KWS_OK) return fprintf(stderr, "%s\n", kws_status_text(status)), 1;
    for (size_t count; (count = fread(samples, sizeof samples[0], @HOP@, stdin)) > 0;) {
        kws_detection detection; /* at most one, as a chunk is at most a hop */
        (void)kws_spotter_process(&spotter, samples, count, &detection);
        if (detection.word != KWS_NO_WORD) puts(kws_spotter_word(&spotter, detection.word));
    }
    return 0;
}
