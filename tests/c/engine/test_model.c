/* Files that lie. The offsets are those of firmware/docs/FORMAT.md. */
#include <string.h>

#include "check.h"
#include "kws_model.h"
#include "limits.h"
#include "vectors.h"

#if KWS_FRAME_LENGTH == 512
#define OTHER_RATE 8, KWS_ERROR_FEATURES /* 8 kHz with 40 bands */
#define STATUS_OF_32_MELS (KWS_WITH_32_MELS ? KWS_OK : KWS_ERROR_TOO_LARGE)
#else
#define OTHER_RATE 16, KWS_ERROR_TOO_LARGE
#define STATUS_OF_32_MELS KWS_ERROR_FEATURES
#endif
#define LARGEST KWS_FLASH_PLACE_BYTES

static uint8_t bytes[LARGEST];
static kws_model model;

static const kws_test_model *vector(void) { return last_within_limits(); }

static size_t copy(void) {
    CHECK(vector()->size < LARGEST);
    for (size_t i = 0; i < vector()->size; i++) bytes[i] = vector()->bytes[i];
    return vector()->size;
}

static kws_status read(size_t size) {
    return kws_model_read(&model, kws_in_flash(bytes, LARGEST), size);
}

/* Writes the size and the checksum that these bytes should have. */
static kws_status read_mended(size_t size) {
    bytes[6] = (uint8_t)(size & 255);
    bytes[7] = (uint8_t)(size >> 8);
    uint32_t crc = kws_model_crc32(kws_in_flash(bytes, size - 4), size - 4);
    for (unsigned i = 0; i < 4; i++) bytes[size - 4 + i] = (uint8_t)(crc >> 8 * i);
    return read(size);
}

static kws_status with_byte(size_t offset, uint8_t value) {
    size_t size = copy();
    bytes[offset] = value;
    return read_mended(size);
}

void test_model_every_bit_flip_is_refused(void) {
    static const KWS_FLASH uint8_t nine[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    CHECK_EQUAL(kws_model_crc32(nine, 9), 0xcbf43926); /* the published check value of this CRC */
    size_t size = copy();
    CHECK_EQUAL(read(size), KWS_OK);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
        CHECK(read(size) != KWS_OK);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    }
}

void test_model_every_truncation_is_refused(void) {
    size_t size = copy();
    for (size_t left = 0; left < size; left++) CHECK(read(left) != KWS_OK);
    CHECK_EQUAL(read(size + 1), KWS_ERROR_TRAILING);
    CHECK_EQUAL(kws_model_read(&model, NULL, 0), KWS_ERROR_TRUNCATED);
    /* and where the file's own size and checksum are made to fit, some section ends early */
    for (size_t left = 30; left < size; left++) {
        copy();
        CHECK(read_mended(left) != KWS_OK);
    }
}

void test_model_reports_what_is_wrong(void) {
    size_t size = copy();
    CHECK_EQUAL(read(size), KWS_OK);
    size_t matrix = (size_t)(model.w1.data - model.bytes) - 3;
    size_t name = (size_t)((const KWS_FLASH uint8_t *)model.names - model.bytes);
    static const struct {
        uint8_t offset, value;
        kws_status status;
    } wrong[] = {
        {0, 'K', KWS_ERROR_MAGIC},
        {3, 0, KWS_ERROR_MAGIC},
        {4, 2, KWS_ERROR_VERSION},
        {4, 0, KWS_ERROR_VERSION},
        {5, 1, KWS_ERROR_VERSION},
        {8, 12, KWS_ERROR_FEATURES},
        {8, OTHER_RATE},
        {9, 15, KWS_ERROR_FEATURES},
        {9, 0, KWS_ERROR_FEATURES},
        {10, 41, KWS_ERROR_FEATURES},
        {10, 0, KWS_ERROR_FEATURES},
        {11, 33, KWS_ERROR_FEATURES},
        {12, 2, KWS_ERROR_FEATURES},
        {13, 4, KWS_ERROR_NETWORK},
        {14, 0, KWS_ERROR_NETWORK},
        {14, 255, KWS_ERROR_TOO_LARGE},
        {15, 255, KWS_ERROR_TOO_LARGE},
        {16, 255, KWS_ERROR_TOO_LARGE},
        {17, 0, KWS_ERROR_NETWORK},
        {17, 255, KWS_ERROR_TOO_LARGE},
        {24, 8, KWS_ERROR_DETECTOR},
        {21, 0x80, KWS_ERROR_DETECTOR},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_EQUAL(with_byte(wrong[i].offset, wrong[i].value), wrong[i].status);
    CHECK_EQUAL(with_byte(10, 32), STATUS_OF_32_MELS);
    CHECK_EQUAL(with_byte(matrix, 3), KWS_ERROR_NETWORK);      /* a kind there is not */
    CHECK_EQUAL(with_byte(matrix + 1, 0), KWS_ERROR_NETWORK);  /* multiplier 0 */
    CHECK_EQUAL(with_byte(matrix + 2, 31), KWS_ERROR_NETWORK); /* shift above 30 */
    CHECK_EQUAL(with_byte(name, 0), KWS_ERROR_WORDS);          /* an empty name */
    copy();
    for (size_t at = name; at < size - 4; at++)
        if (at == name || bytes[at - 1] == 0) bytes[at] = '_';
    CHECK_EQUAL(read_mended(size), KWS_ERROR_WORDS);        /* no word left */
    CHECK_EQUAL(with_byte(size - 5, 'x'), KWS_ERROR_WORDS); /* the last name has no end */
    copy();
    CHECK_EQUAL(read_mended(size + 1), KWS_ERROR_TRAILING);
    copy();
    bytes[size - 1] ^= 1;
    CHECK_EQUAL(read(size), KWS_ERROR_CHECKSUM);
    for (unsigned status = 0; status <= KWS_ERROR_ABI; status++)
        CHECK(strlen(kws_status_text((kws_status)status)) > 15);
}

/* 24 bands at 8 kHz are fewer than the 32 coefficients that there may be. */
void test_model_has_no_more_coefficients_than_bands(void) {
    for (unsigned i = 0; i < KWS_TEST_MODELS; i++) {
        const kws_test_model *slow = &kws_test_models[i];
        if (slow->frame_length != 256 || !within_limits(slow) || slow->size > LARGEST) continue;
        for (uint8_t n_mfcc = 23; n_mfcc <= 33; n_mfcc++) {
            for (size_t at = 0; at < slow->size; at++) bytes[at] = slow->bytes[at];
            bytes[11] = n_mfcc;
            kws_status status = read_mended(slow->size);
            CHECK_EQUAL(status == KWS_ERROR_FEATURES, n_mfcc > 24);
        }
    }
}

/* The limits that this engine was compiled with, from both sides; a section is then too short. */
void test_model_limits_are_the_largest_there_may_be(void) {
    static const struct {
        uint8_t offset;
        unsigned limit;
    } limits[] = {
        {14, KWS_MAX_HIDDEN}, {15, KWS_MAX_RANK}, {16, KWS_MAX_RANK}, {17, KWS_MAX_CLASSES}};
    for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
        kws_status status = with_byte(limits[i].offset, (uint8_t)limits[i].limit);
        CHECK(status != KWS_ERROR_TOO_LARGE);
        if (limits[i].limit == 255) continue;
        CHECK_EQUAL(with_byte(limits[i].offset, (uint8_t)(limits[i].limit + 1)),
                    KWS_ERROR_TOO_LARGE);
    }
}

/* The last value that each setting may have. */
void test_model_settings_may_be_the_largest_there_are(void) {
    CHECK_EQUAL(with_byte(24, 7), KWS_OK); /* smoothing */
    CHECK_EQUAL(with_byte(25, 255), KWS_OK);
    copy();
    CHECK_EQUAL(bytes[13] & 1, KWS_FASTGRNN); /* else the sections would not fit in any case */
    CHECK_EQUAL(with_byte(13, 3), KWS_OK);    /* piecewise linear */
    CHECK_EQUAL(with_byte(13, 5), KWS_ERROR_NETWORK);
    copy();
    if (bytes[10] >= 32) CHECK(with_byte(11, 32) != KWS_ERROR_FEATURES);
}

static kws_status with_release(int16_t threshold_q10, int16_t release_q10) {
    size_t size = copy();
    bytes[20] = (uint8_t)(threshold_q10 & 255);
    bytes[21] = (uint8_t)((uint16_t)threshold_q10 >> 8);
    bytes[22] = (uint8_t)(release_q10 & 255);
    bytes[23] = (uint8_t)((uint16_t)release_q10 >> 8);
    return read_mended(size);
}

void test_model_has_no_release_above_the_threshold(void) {
    CHECK_EQUAL(with_release(1000, 1000), KWS_OK);
    CHECK_EQUAL(with_release(1000, 999), KWS_OK);
    CHECK_EQUAL(with_release(1000, 1001), KWS_ERROR_DETECTOR);
    CHECK_EQUAL(with_release(-32768, -32768), KWS_OK);
    CHECK_EQUAL(with_release(-32768, -32767), KWS_ERROR_DETECTOR);
    CHECK_EQUAL(with_release(32767, -32768), KWS_OK);
    CHECK_EQUAL(with_release(1000, -1234), KWS_OK);
    kws_model_set_threshold(&model, 5000); /* the file's own, whatever was set */
    CHECK_EQUAL(model.detector.release_q10, -1234);
    kws_model_set_threshold(&model, -2000);
    CHECK_EQUAL(model.detector.release_q10, -2000);
    kws_model_set_threshold(&model, -1234);
    CHECK_EQUAL(model.detector.release_q10, -1234);
}

void test_model_reads_every_field(void) {
    for (unsigned i = 0; i < KWS_TEST_MODELS; i++) {
        const kws_test_model *expected = &kws_test_models[i];
        kws_status status = kws_model_read(&model, expected->bytes, expected->size);
        if (!within_limits(expected)) {
            CHECK_EQUAL(status, KWS_ERROR_TOO_LARGE);
            continue;
        }
        CHECK_EQUAL(status, KWS_OK);
        CHECK_EQUAL(model.features.hop_length, expected->hop_length);
        CHECK_EQUAL(model.features.frame_length, expected->frame_length);
        CHECK_EQUAL(model.features.n_mels, expected->frame_length == 512 ? 40 : 24);
        CHECK_EQUAL(model.features.n_mfcc, expected->n_mfcc);
        CHECK_EQUAL(model.features.n_features,
                    expected->n_mfcc ? expected->n_mfcc : model.features.n_mels);
        CHECK_EQUAL(model.features.energy, expected->energy);
        CHECK_EQUAL(model.cell, expected->cell);
        CHECK_EQUAL(model.hidden, expected->hidden);
        CHECK_EQUAL(model.rank_w, expected->rank_w);
        CHECK_EQUAL(model.rank_u, expected->rank_u);
        CHECK_EQUAL(model.w2.rows, expected->rank_w); /* none where there is one matrix */
        CHECK_EQUAL(model.u2.rows, expected->rank_u);
        CHECK_EQUAL(model.classes, expected->classes);
        CHECK_EQUAL(model.words, expected->words);
        CHECK_EQUAL(model.zeta_q8, expected->zeta_q8);
        CHECK_EQUAL(model.nu_q8, expected->nu_q8);
        CHECK_EQUAL(model.detector.threshold_q10, expected->threshold_q10);
        CHECK_EQUAL(model.detector.release_q10, expected->release_q10);
        CHECK_EQUAL(model.detector.smoothing_shift, expected->smoothing_shift);
        CHECK_EQUAL(model.detector.refractory_frames, expected->refractory_frames);
        CHECK(kws_same_text(kws_model_name(&model, 0), "hey_you"));
        CHECK(kws_model_is_word(&model, 0));
        if (model.classes == 3) {
            CHECK(kws_same_text(kws_model_name(&model, 2), "_unknown_"));
            CHECK(!kws_model_is_word(&model, 2));
        }
    }
}
