/* Any samples in any chunks: the same detections and the same state as sample by sample. The first
 * byte picks the model; of the rest every sixteenth is the length of a chunk (0 stands for 1000),
 * and its samples are the bytes that follow, round and round. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "kws.h"
#include "vectors.h"

typedef struct {
    uint32_t digest;
    unsigned count;
} heard;

static void hear(heard *h, kws_spotter *spotter, const int16_t *samples, size_t count) {
    do {
        kws_detection detection;
        size_t used = kws_spotter_process(spotter, samples, count, &detection);
        if (used > count || (count && !used)) abort();
        samples += used;
        count -= used;
        if (detection.word == KWS_NO_WORD) {
            if (count) abort();
            continue;
        }
        h->count++;
        h->digest = (h->digest ^ detection.frame ^ (uint32_t)detection.word << 24) * 16777619u;
        h->digest = (h->digest ^ (uint16_t)detection.score_q10) * 16777619u;
    } while (count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static kws_spotter in_chunks, one_by_one;
    static int16_t samples[1000];
    if (size < 3) return 0;
    const kws_test_model *model = &kws_test_models[data[0] % KWS_TEST_MODELS];
    if (kws_spotter_init(&in_chunks, model->bytes, model->size) != KWS_OK) abort();
    if (kws_spotter_init(&one_by_one, model->bytes, model->size) != KWS_OK) abort();
    heard a = {0, 0}, b = {0, 0};
    for (size_t at = 1; at < size;) {
        size_t count = data[at] ? data[at] : sizeof samples / sizeof *samples;
        at += 16;
        for (size_t i = 0; i < count; i++) {
            size_t from = 1 + (at + 2 * i) % (size - 2);
            samples[i] = (int16_t)(uint16_t)(data[from] | (unsigned)data[from + 1] << 8);
        }
        hear(&a, &in_chunks, samples, count);
        for (size_t i = 0; i < count; i++) hear(&b, &one_by_one, samples + i, 1);
    }
    if (a.digest != b.digest || a.count != b.count || in_chunks.frames != one_by_one.frames)
        abort();
    if (memcmp(&in_chunks.fastgrnn, &one_by_one.fastgrnn, sizeof in_chunks.fastgrnn) != 0) abort();
    return 0;
}
