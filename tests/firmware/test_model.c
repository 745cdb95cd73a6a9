/* Files that lie. The offsets are those of firmware/FORMAT.md. */
#include <string.h>

#include "check.h"
#include "kws_model.h"
#include "limits.h"
#include "vectors.h"

#define LARGEST 1024

static uint8_t bytes[LARGEST];
static kws_model model;

static const kws_test_model *vector(void) { return &kws_test_models[KWS_TEST_MODELS - 1]; }

static size_t copy(void) {
    CHECK(vector()->size < LARGEST);
    memcpy(bytes, vector()->bytes, vector()->size);
    return vector()->size;
}

/* Writes the size and the checksum that these bytes should have. */
static kws_status read_mended(size_t size) {
    bytes[6] = (uint8_t)(size & 255);
    bytes[7] = (uint8_t)(size >> 8);
    uint32_t crc = kws_model_crc32(bytes, size - 4);
    for (unsigned i = 0; i < 4; i++) bytes[size - 4 + i] = (uint8_t)(crc >> 8 * i);
    return kws_model_read(&model, bytes, size);
}

static kws_status with_byte(size_t offset, uint8_t value) {
    size_t size = copy();
    bytes[offset] = value;
    return read_mended(size);
}

void test_model_every_bit_flip_is_refused(void) {
    static const uint8_t nine[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    CHECK_EQUAL(kws_model_crc32(nine, 9), 0xcbf43926); /* the published check value of this CRC */
    size_t size = copy();
    CHECK_EQUAL(kws_model_read(&model, bytes, size), KWS_OK);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
        CHECK(kws_model_read(&model, bytes, size) != KWS_OK);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    }
}

void test_model_every_truncation_is_refused(void) {
    size_t size = copy();
    for (size_t left = 0; left < size; left++) CHECK(kws_model_read(&model, bytes, left) != KWS_OK);
    CHECK_EQUAL(kws_model_read(&model, bytes, size + 1), KWS_ERROR_TRAILING);
    CHECK_EQUAL(kws_model_read(&model, NULL, 0), KWS_ERROR_TRUNCATED);
    /* and where the file's own size and checksum are made to fit, some section ends early */
    for (size_t left = 30; left < size; left++) {
        copy();
        CHECK(read_mended(left) != KWS_OK);
    }
}

void test_model_reports_what_is_wrong(void) {
    size_t size = copy();
    CHECK_EQUAL(kws_model_read(&model, bytes, size), KWS_OK);
    size_t matrix = (size_t)(model.w1.data - bytes) - 3, name = (size_t)((const uint8_t *)model.names - bytes);
    static const struct {
        uint8_t offset, value;
        kws_status status;
    } wrong[] = {
        {0, 'K', KWS_ERROR_MAGIC},       {3, 0, KWS_ERROR_MAGIC},       {4, 2, KWS_ERROR_VERSION},
        {4, 0, KWS_ERROR_VERSION},       {5, 1, KWS_ERROR_VERSION},     {8, 8, KWS_ERROR_FEATURES}, /* 8 kHz with 40 bands */
        {8, 12, KWS_ERROR_FEATURES},
        {9, 15, KWS_ERROR_FEATURES},     {9, 0, KWS_ERROR_FEATURES},    {10, 41, KWS_ERROR_FEATURES},
        {10, 0, KWS_ERROR_FEATURES},     {11, 33, KWS_ERROR_FEATURES},  {12, 2, KWS_ERROR_FEATURES},
        {13, 4, KWS_ERROR_NETWORK},      {14, 0, KWS_ERROR_NETWORK},    {14, 255, KWS_ERROR_TOO_LARGE},
        {15, 255, KWS_ERROR_TOO_LARGE},  {16, 255, KWS_ERROR_TOO_LARGE}, {17, 0, KWS_ERROR_NETWORK},
        {17, 255, KWS_ERROR_TOO_LARGE},  {24, 8, KWS_ERROR_DETECTOR},   {21, 0x80, KWS_ERROR_DETECTOR},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_EQUAL(with_byte(wrong[i].offset, wrong[i].value), wrong[i].status);
    CHECK_EQUAL(with_byte(10, 32), KWS_WITH_32_MELS ? KWS_OK : KWS_ERROR_TOO_LARGE);
    CHECK_EQUAL(with_byte(matrix, 3), KWS_ERROR_NETWORK);      /* a kind there is not */
    CHECK_EQUAL(with_byte(matrix + 1, 0), KWS_ERROR_NETWORK);  /* multiplier 0 */
    CHECK_EQUAL(with_byte(matrix + 2, 31), KWS_ERROR_NETWORK); /* shift above 30 */
    CHECK_EQUAL(with_byte(name, 0), KWS_ERROR_WORDS);          /* an empty name */
    CHECK_EQUAL(with_byte(name, '_'), KWS_ERROR_WORDS);        /* no word left */
    CHECK_EQUAL(with_byte(size - 5, 'x'), KWS_ERROR_WORDS);    /* the last name has no end */
    copy();
    CHECK_EQUAL(read_mended(size + 1), KWS_ERROR_TRAILING);
    copy();
    bytes[size - 1] ^= 1;
    CHECK_EQUAL(kws_model_read(&model, bytes, size), KWS_ERROR_CHECKSUM);
    for (unsigned status = 0; status <= KWS_ERROR_TOO_LARGE; status++)
        CHECK(strlen(kws_status_text((kws_status)status)) > 15);
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
        CHECK_EQUAL(model.features.n_features, expected->n_mfcc ? expected->n_mfcc : model.features.n_mels);
        CHECK_EQUAL(model.features.energy, expected->energy);
        CHECK_EQUAL(model.cell, expected->cell);
        CHECK_EQUAL(model.hidden, expected->hidden);
        CHECK_EQUAL(model.rank_w, expected->rank_w);
        CHECK_EQUAL(model.rank_u, expected->rank_u);
        CHECK_EQUAL(model.classes, expected->classes);
        CHECK_EQUAL(model.words, expected->words);
        CHECK_EQUAL(model.zeta_q8, expected->zeta_q8);
        CHECK_EQUAL(model.nu_q8, expected->nu_q8);
        CHECK_EQUAL(model.detector.threshold_q10, expected->threshold_q10);
        CHECK_EQUAL(model.detector.release_q10, expected->release_q10);
        CHECK_EQUAL(model.detector.smoothing_shift, expected->smoothing_shift);
        CHECK_EQUAL(model.detector.refractory_frames, expected->refractory_frames);
        CHECK_EQUAL(strcmp(kws_model_name(&model, 0), "hey_you"), 0);
        CHECK(kws_model_is_word(&model, 0));
        if (model.classes == 3) {
            CHECK_EQUAL(strcmp(kws_model_name(&model, 2), "_unknown_"), 0);
            CHECK(!kws_model_is_word(&model, 2));
        }
    }
}
