#include <string.h>

#include "check.h"
#include "kws_detector.h"
#include "kws_fastgrnn.h"
#include "kws_framing.h"
#include "kws_model.h"
#include "limits.h"
#include "signal.h"
#include "vectors.h"

#define LONGEST_CHUNK 1600

static kws_spotter spotter;
static int16_t chunk[LONGEST_CHUNK];

static int ready(const kws_test_model *vector) {
    kws_status status = kws_spotter_init(&spotter, vector->bytes, vector->size);
    CHECK_EQUAL(status, within_limits(vector) ? KWS_OK : KWS_ERROR_TOO_LARGE);
    return status == KWS_OK;
}

static uint32_t add_all(uint32_t digest, const int16_t *values, unsigned count) {
    for (unsigned i = 0; i < count; i++) digest = digest_add(digest, values[i]);
    return digest;
}

static uint32_t add_detection(uint32_t digest, uint32_t frame, uint8_t word, int16_t score_q10) {
    digest = digest_add(digest, (int16_t)(uint16_t)(frame & 0xffff));
    return digest_add(digest_add(digest, word), score_q10);
}

/* Stage by stage, against what Python's engine computed on another machine. */
void test_spotter_gives_the_same_integers_everywhere(void) {
    for (unsigned i = 0; i < KWS_TEST_MODELS; i++) {
        const kws_test_model *vector = &kws_test_models[i];
        int16_t features[KWS_MAX_FEATURES], logits[KWS_MAX_CLASSES];
        uint32_t digests[5] = {DIGEST_START, DIGEST_START, DIGEST_START, DIGEST_START,
                               DIGEST_START};
        signal_source source = SIGNAL_START;
        if (!ready(vector)) continue;
        for (uint32_t n = 0, frame = 0; n < KWS_SIGNAL_SAMPLES; n++) {
            int16_t sample = signal_next(&source);
            (void)kws_framing_fill(&spotter.framing, &sample, 1);
            if (kws_framing_lacking(&spotter.framing)) continue;
            kws_framing_features(&spotter.framing, &spotter.model.features, features);
            digests[0] = add_all(digests[0], features, spotter.model.features.n_features);
            kws_fastgrnn_step(&spotter.fastgrnn, &spotter.model, features, logits);
            digests[1] = add_all(digests[1], spotter.fastgrnn.hidden_q15, spotter.model.hidden);
            digests[2] = add_all(digests[2], logits, spotter.model.classes);
            kws_detector_smooth(&spotter.detector, &spotter.model, logits);
            digests[3] = add_all(digests[3], spotter.detector.score_q10, spotter.model.classes);
            uint8_t word = kws_detector_decide(&spotter.detector, &spotter.model);
            if (word != KWS_NO_WORD)
                digests[4] =
                    add_detection(digests[4], frame, word, spotter.detector.score_q10[word]);
            frame++;
        }
        CHECK_EQUAL(digests[0], vector->features_digest);
        CHECK_EQUAL(digests[1], vector->hidden_digest);
        CHECK_EQUAL(digests[2], vector->logits_digest);
        CHECK_EQUAL(digests[3], vector->scores_digest);
        CHECK_EQUAL(digests[4], vector->detections_digest);
    }
}

/* The whole signal in chunks of `length` samples, or with 0 of random lengths. */
static void check_chunks(const kws_test_model *vector, unsigned length) {
    signal_source source = SIGNAL_START;
    uint32_t digest = DIGEST_START, lengths = 7;
    unsigned detections = 0;
    for (uint32_t n = 0; n < KWS_SIGNAL_SAMPLES;) {
        lengths = lengths * 1664525u + 1013904223u;
        size_t count = length ? length : (size_t)((lengths >> 16) % (LONGEST_CHUNK + 1));
        if (count > KWS_SIGNAL_SAMPLES - n) count = (size_t)(KWS_SIGNAL_SAMPLES - n);
        for (size_t i = 0; i < count; i++) chunk[i] = signal_next(&source);
        n += (uint32_t)count;
        for (size_t at = 0; at < count;) {
            kws_detection detection;
            size_t used = kws_spotter_process(&spotter, chunk + at, count - at, &detection);
            CHECK(used > 0 && used <= count - at);
            if (used == 0) return;
            at += used;
            if (detection.word == KWS_NO_WORD) {
                CHECK_EQUAL(at, count);
                continue;
            }
            digest = add_detection(digest, detection.frame, detection.word, detection.score_q10);
            detections++;
        }
    }
    CHECK_EQUAL(digest, vector->detections_digest);
    CHECK_EQUAL(detections, vector->detections);
    CHECK_EQUAL(spotter.frames, vector->frames);
    CHECK_EQUAL(add_all(DIGEST_START, spotter.fastgrnn.hidden_q15, spotter.model.hidden),
                vector->last_hidden_digest);
}

void test_spotter_chunks_do_not_matter(void) {
    static const uint16_t lengths[] = {1, 7, 160, 320, 511, 512, 513, 1600, 0};
    unsigned most = 0;
    for (unsigned i = 0; i < KWS_TEST_MODELS; i++) {
        if (!ready(&kws_test_models[i])) continue;
        /* three lengths a model, all in all */
        for (unsigned length = i; length < i + 3; length++) {
            kws_spotter_reset(&spotter);
            check_chunks(&kws_test_models[i], lengths[length % (sizeof lengths / sizeof *lengths)]);
        }
        if (kws_test_models[i].detections > most) most = kws_test_models[i].detections;
    }
    CHECK(most >= 5); /* else this proves nothing */
}

void test_spotter_reset_forgets_everything(void) {
    for (unsigned i = 0; i < KWS_TEST_MODELS; i++) {
        kws_detection detection;
        if (!ready(&kws_test_models[i])) continue;
        for (unsigned n = 0; n < LONGEST_CHUNK; n++) chunk[n] = n & 1 ? 32767 : -32768;
        for (unsigned round = 0; round < 3; round++)
            for (size_t at = 0; at < 1501;) /* ends within a hop */
                at += kws_spotter_process(&spotter, chunk + at, 1501 - at, &detection);
        kws_spotter_reset(&spotter);
        CHECK_EQUAL(spotter.frames, 0);
        check_chunks(&kws_test_models[i], 777);
    }
}

/* At rest a spotter is as samples of zero after zeros make it, from a state of zeros on. */
void test_spotter_at_rest_is_where_silence_leads(void) {
    int16_t *rest_q15 = chunk + LONGEST_CHUNK - KWS_MAX_HIDDEN; /* the end, which no hop reaches */
    for (unsigned i = 0; i < KWS_TEST_MODELS; i++) {
        const kws_test_model *vector = &kws_test_models[i];
        kws_detection detection;
        if (!ready(vector)) continue;
        memset(chunk, 0, sizeof chunk);
        memcpy(rest_q15, spotter.fastgrnn.hidden_q15, KWS_MAX_HIDDEN * sizeof *rest_q15);
        while (spotter.frames == 0) /* which follows a quiet room */
            (void)kws_spotter_process(&spotter, chunk, vector->hop_length, &detection);
        kws_fastgrnn_reset(&spotter.fastgrnn);
        while (spotter.frames < 1 + KWS_REST_FRAMES)
            (void)kws_spotter_process(&spotter, chunk, vector->hop_length, &detection);
        for (unsigned k = 0; k < spotter.model.hidden; k++)
            CHECK_EQUAL(spotter.fastgrnn.hidden_q15[k], rest_q15[k]);
    }
}

static uint32_t digest_of_spotter(void) {
    uint32_t digest = DIGEST_START;
    for (size_t i = 0; i < sizeof spotter; i++)
        digest = digest_add(digest, ((const uint8_t *)&spotter)[i]);
    return digest;
}

/* What is no model leaves a running spotter as it was, and one of zeros deaf. */
void test_spotter_goes_on_after_a_refused_init(void) {
    static const KWS_FLASH uint8_t nothing[40] = {'k', 'w', 's', 0x1a};
    const kws_test_model *vector = last_within_limits();
    uint8_t *late = (uint8_t *)chunk;
    kws_detection detection;
    memset(&spotter, 0, sizeof spotter);
    CHECK(kws_spotter_init(&spotter, nothing, sizeof nothing) != KWS_OK);
    CHECK_EQUAL(kws_spotter_process(&spotter, chunk, LONGEST_CHUNK, &detection), LONGEST_CHUNK);
    CHECK_EQUAL(detection.word, KWS_NO_WORD);
    CHECK_EQUAL(detection.frame, 0);
    CHECK_EQUAL(detection.score_q10, 0);
    kws_spotter_reset(&spotter);
    CHECK(kws_same_text(kws_spotter_word(&spotter, 0), ""));
    CHECK(ready(vector));
    uint32_t before = digest_of_spotter();
    for (size_t i = 0; i < vector->size; i++) late[i] = vector->bytes[i];
    late[25] ^= 1; /* refused by its checksum, */
    for (unsigned round = 0; round < 2; round++) {
        size_t size = round ? vector->size - 1u : vector->size; /* ... by its size */
        CHECK(kws_spotter_init(&spotter, kws_in_flash(late, vector->size), size) != KWS_OK);
        CHECK_EQUAL(digest_of_spotter(), before);
    }
    /* ... or, with a checksum that fits, by its very last section */
    size_t end = vector->size - 4u;
    late[25] ^= 1;
    late[end - 1] = 'x';
    uint32_t crc = kws_model_crc32(kws_in_flash(late, end), end);
    for (unsigned i = 0; i < 4; i++) late[end + i] = (uint8_t)(crc >> 8 * i);
    CHECK_EQUAL(kws_spotter_init(&spotter, kws_in_flash(late, vector->size), vector->size),
                KWS_ERROR_WORDS);
    CHECK_EQUAL(digest_of_spotter(), before);
    check_chunks(vector, 777);
}

/* Code that was compiled with another kws.h has structs of another layout. */
void test_spotter_refuses_code_of_other_limits(void) {
    const kws_test_model *vector = last_within_limits();
    memset(&spotter, 0, sizeof spotter);
    CHECK_EQUAL(kws_spotter_init_checked(&spotter, vector->bytes, vector->size, KWS_ABI + 1u),
                KWS_ERROR_ABI);
    CHECK_EQUAL(spotter.model.bytes == NULL, 1);
    CHECK_EQUAL(kws_spotter_init_checked(&spotter, vector->bytes, vector->size, KWS_ABI), KWS_OK);
}

void test_spotter_uses_all_samples_up_to_a_hop(void) {
    for (unsigned i = 0; i < KWS_TEST_MODELS; i++) {
        const kws_test_model *vector = &kws_test_models[i];
        signal_source source = SIGNAL_START;
        unsigned detections = 0;
        if (!ready(vector)) continue;
        for (uint32_t n = 0; n < KWS_SIGNAL_SAMPLES;) {
            kws_detection detection;
            /* at most a hop, at any place in it */
            size_t count = vector->hop_length - (size_t)(n / 97 % 50);
            if (count > KWS_SIGNAL_SAMPLES - n) count = (size_t)(KWS_SIGNAL_SAMPLES - n);
            for (size_t k = 0; k < count; k++) chunk[k] = signal_next(&source);
            CHECK_EQUAL(kws_spotter_process(&spotter, chunk, count, &detection), count);
            detections += detection.word != KWS_NO_WORD;
            n += (uint32_t)count;
        }
        CHECK_EQUAL(detections, vector->detections);
    }
}

void test_spotter_threshold_keeps_the_release_below(void) {
    const kws_test_model *vector = last_within_limits();
    CHECK(ready(vector));
    kws_spotter_set_threshold(&spotter, 5000);
    CHECK_EQUAL(spotter.model.detector.threshold_q10, 5000);
    CHECK_EQUAL(spotter.model.detector.release_q10, vector->release_q10);
    kws_spotter_set_threshold(&spotter, -32768);
    CHECK_EQUAL(spotter.model.detector.threshold_q10, -32768);
    CHECK_EQUAL(spotter.model.detector.release_q10, -32768);
    kws_spotter_set_threshold(&spotter, 32767); /* up again: the file's own */
    CHECK_EQUAL(spotter.model.detector.release_q10, vector->release_q10);
    CHECK(kws_same_text(kws_spotter_word(&spotter, 0), "hey_you"));
    CHECK(kws_same_text(kws_spotter_word(&spotter, 200), ""));
}
