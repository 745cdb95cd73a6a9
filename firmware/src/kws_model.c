#include "kws_model.h"

#include <string.h>

#include "kws_matrix.h"
#include "kws_tables.h"

/* FORMAT.md, byte by byte. Offsets of the fixed part: */
enum {
    AT_VERSION = 4,
    AT_SIZE = 6,
    AT_SAMPLE_RATE_KHZ = 8,
    AT_HOP_MS = 9,
    AT_N_MELS = 10,
    AT_N_MFCC = 11,
    AT_ENERGY = 12,
    AT_CELL = 13,
    AT_HIDDEN = 14,
    AT_RANK_W = 15,
    AT_RANK_U = 16,
    AT_CLASSES = 17,
    AT_ZETA = 18,
    AT_NU = 19,
    AT_THRESHOLD = 20,
    AT_RELEASE = 22,
    AT_SMOOTHING = 24,
    AT_REFRACTORY = 25,
    FIXED_BYTES = 26,
    CHECKSUM_BYTES = 4
};
#define FORMAT_VERSION 1
#define MAX_MFCC 32
#define MAX_SMOOTHING_SHIFT 7

static const KWS_FLASH uint8_t magic[4] = {'k', 'w', 's', 0x1a};

typedef struct {
    const KWS_FLASH uint8_t *at;
    size_t left;
} cursor;

static unsigned read_u16(const KWS_FLASH uint8_t *p) { return p[0] | (unsigned)p[1] << 8; }
static uint32_t read_u32(const KWS_FLASH uint8_t *p) {
    return read_u16(p) | (uint32_t)read_u16(p + 2) << 16;
}

uint32_t kws_model_crc32(const KWS_FLASH uint8_t *bytes, size_t size) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1u)));
    }
    return ~crc;
}

static kws_status read_envelope(const KWS_FLASH uint8_t *bytes, size_t size) {
    if (size < FIXED_BYTES + CHECKSUM_BYTES) return KWS_ERROR_TRUNCATED;
    for (unsigned i = 0; i < sizeof magic; i++) /* memcmp cannot read an AVR's flash */
        if (bytes[i] != magic[i]) return KWS_ERROR_MAGIC;
    if (bytes[AT_VERSION] != FORMAT_VERSION || bytes[AT_VERSION + 1] != 0) return KWS_ERROR_VERSION;
    size_t stated = read_u16(bytes + AT_SIZE);
    if (size < stated) return KWS_ERROR_TRUNCATED;
    if (size > stated) return KWS_ERROR_TRAILING;
    size_t covered = size - CHECKSUM_BYTES;
    return kws_model_crc32(bytes, covered) == read_u32(bytes + covered) ? KWS_OK
                                                                        : KWS_ERROR_CHECKSUM;
}

static kws_status read_features(kws_feature_settings *features, const KWS_FLASH uint8_t *bytes) {
    unsigned rate_khz = bytes[AT_SAMPLE_RATE_KHZ], hop_ms = bytes[AT_HOP_MS];
    unsigned longest_overlap = KWS_FRAME_LENGTH - KWS_MIN_HOP;
    features->hop_length = (uint16_t)(hop_ms * rate_khz);
    features->frame_length = (uint16_t)(32 * rate_khz);
    features->n_mels = bytes[AT_N_MELS];
    features->n_mfcc = bytes[AT_N_MFCC];
    features->energy = bytes[AT_ENERGY];
    features->n_features = features->n_mfcc ? features->n_mfcc : features->n_mels;
    if (rate_khz != 8 && rate_khz != 16) return KWS_ERROR_FEATURES;
    if (rate_khz < KWS_MIN_SAMPLE_RATE_HZ / 1000 || rate_khz > KWS_MAX_SAMPLE_RATE_HZ / 1000)
        return KWS_ERROR_TOO_LARGE;
    if (hop_ms != 10 && hop_ms != 20) return KWS_ERROR_FEATURES;
    if (!KWS_WITH_32_MELS && rate_khz == 16 && features->n_mels == 32) return KWS_ERROR_TOO_LARGE;
    if (kws_mel_table_of(features->frame_length, features->n_mels) == NULL)
        return KWS_ERROR_FEATURES;
    if (features->n_mfcc > MAX_MFCC || features->n_mfcc > features->n_mels)
        return KWS_ERROR_FEATURES;
    if (features->energy > KWS_ENERGY_DELTA) return KWS_ERROR_FEATURES;
    if ((unsigned)(features->frame_length - features->hop_length) > longest_overlap)
        return KWS_ERROR_TOO_LARGE;
    return features->n_features > KWS_MAX_FEATURES ? KWS_ERROR_TOO_LARGE : KWS_OK;
}

static kws_status read_network(kws_model *model, const KWS_FLASH uint8_t *bytes) {
    model->cell = bytes[AT_CELL] & 1;
    model->hard = bytes[AT_CELL] >> 1;
    model->hidden = bytes[AT_HIDDEN];
    model->rank_w = bytes[AT_RANK_W];
    model->rank_u = bytes[AT_RANK_U];
    model->classes = bytes[AT_CLASSES];
    model->zeta_q8 = bytes[AT_ZETA];
    model->nu_q8 = bytes[AT_NU];
    if (model->hard > 1 || !model->hidden || !model->classes) return KWS_ERROR_NETWORK;
    /* wider than a byte, or a limit of 255 would make a comparison that compilers warn of */
    unsigned hidden = model->hidden, classes = model->classes, rank_w = model->rank_w,
             rank_u = model->rank_u;
    if (hidden > KWS_MAX_HIDDEN || classes > KWS_MAX_CLASSES) return KWS_ERROR_TOO_LARGE;
    if (rank_w > KWS_MAX_RANK || rank_u > KWS_MAX_RANK) return KWS_ERROR_TOO_LARGE;
    return KWS_OK;
}

static kws_status read_detector(kws_detector_settings *detector, const KWS_FLASH uint8_t *bytes) {
    detector->threshold_q10 = (int16_t)(uint16_t)read_u16(bytes + AT_THRESHOLD);
    detector->release_q10 = (int16_t)(uint16_t)read_u16(bytes + AT_RELEASE);
    detector->smoothing_shift = bytes[AT_SMOOTHING];
    detector->refractory_frames = bytes[AT_REFRACTORY];
    if (detector->smoothing_shift > MAX_SMOOTHING_SHIFT) return KWS_ERROR_DETECTOR;
    return detector->release_q10 <= detector->threshold_q10 ? KWS_OK : KWS_ERROR_DETECTOR;
}

/* `size` bytes, or NULL (and nothing more) where fewer are left. */
static const KWS_FLASH uint8_t *take(cursor *c, size_t size) {
    const KWS_FLASH uint8_t *taken = c->at;
    if (taken == NULL || size > c->left) {
        c->at = NULL;
        c->left = 0;
        return NULL;
    }
    c->at += size;
    c->left -= size;
    return taken;
}

/* kind, multiplier, shift, then the packed rows. */
static int take_matrix(cursor *c, kws_matrix *matrix, uint8_t rows, uint8_t cols) {
    const KWS_FLASH uint8_t *head = take(c, 3);
    if (head == NULL) return 0;
    matrix->kind = head[0];
    matrix->multiplier = head[1];
    matrix->shift = head[2];
    matrix->rows = rows;
    matrix->cols = cols;
    matrix->data = c->at;
    if (matrix->kind > KWS_MATRIX_SPARSE8 || matrix->multiplier == 0 || matrix->shift > 30)
        return 0;
    size_t bytes = kws_matrix_bytes(matrix, c->left);
    return bytes != 0 && take(c, bytes) != NULL;
}

/* W or U: w1 w2 where the rank is not zero, else w1 alone. */
static int take_product(cursor *c, kws_matrix *left, kws_matrix *right, uint8_t rows, uint8_t rank,
                        uint8_t cols) {
    if (rank == 0) return take_matrix(c, left, rows, cols);
    return take_matrix(c, right, rank, cols) && take_matrix(c, left, rows, rank);
}

static kws_status read_names(kws_model *model, cursor *c) {
    model->names = (const KWS_FLASH char *)c->at;
    model->words = 0;
    for (unsigned i = 0; i < model->classes; i++) {
        size_t length = 0;
        while (length < c->left && c->at[length]) length++;
        if (length == 0 || length == c->left) return KWS_ERROR_WORDS;
        model->words = (uint8_t)(model->words + (*c->at != '_'));
        (void)take(c, length + 1);
    }
    return model->words ? KWS_OK : KWS_ERROR_WORDS;
}

static kws_status read_sections(kws_model *model, cursor *c) {
    uint8_t hidden = model->hidden;
    model->input = take(c, 2u * model->features.n_features);
    if (!take_product(c, &model->w1, &model->w2, hidden, model->rank_w, model->features.n_features))
        return KWS_ERROR_NETWORK;
    if (!take_product(c, &model->u1, &model->u2, hidden, model->rank_u, hidden))
        return KWS_ERROR_NETWORK;
    model->bias_gate = take(c, model->cell == KWS_FASTGRNN ? hidden : 0);
    model->bias_update = take(c, hidden);
    if (!take_matrix(c, &model->classifier, model->classes, hidden)) return KWS_ERROR_NETWORK;
    model->bias_class = take(c, 2u * model->classes);
    if (model->bias_class == NULL) return KWS_ERROR_NETWORK;
    kws_status status = read_names(model, c);
    return status != KWS_OK ? status : c->left ? KWS_ERROR_TRAILING : KWS_OK;
}

kws_status kws_model_read(kws_model *model, const KWS_FLASH void *bytes, size_t size) {
    const KWS_FLASH uint8_t *b = (const KWS_FLASH uint8_t *)bytes;
    kws_status status = b == NULL ? KWS_ERROR_TRUNCATED : read_envelope(b, size);
    if (status != KWS_OK) return status;
    kws_model found; /* takes the place of the model before once all of it is checked */
    memset(&found, 0, sizeof found);
    found.bytes = b;
    found.size = (uint32_t)size;
    status = read_features(&found.features, b);
    if (status == KWS_OK) status = read_network(&found, b);
    if (status == KWS_OK) status = read_detector(&found.detector, b);
    if (status != KWS_OK) return status;
    cursor c = {b + FIXED_BYTES, size - FIXED_BYTES - CHECKSUM_BYTES};
    status = read_sections(&found, &c);
    if (status == KWS_OK) *model = found;
    return status;
}

void kws_model_set_threshold(kws_model *model, int16_t threshold_q10) {
    int16_t release = (int16_t)(uint16_t)read_u16(model->bytes + AT_RELEASE);
    model->detector.threshold_q10 = threshold_q10;
    model->detector.release_q10 = release < threshold_q10 ? release : threshold_q10;
}

const KWS_FLASH char *kws_model_name(const kws_model *model, unsigned class_index) {
    const KWS_FLASH char *name = model->names;
    for (; class_index; class_index--)
        while (*name++) continue;
    return name;
}

int kws_model_is_word(const kws_model *model, unsigned class_index) {
    return *kws_model_name(model, class_index) != '_';
}

const char *kws_status_text(kws_status status) {
    switch (status) {
    case KWS_OK: return "the model is sound";
    case KWS_ERROR_TRUNCATED: return "the model is truncated: it has fewer bytes than it states";
    case KWS_ERROR_MAGIC:
        return "this is not a .kws model: its first four bytes are not the magic number";
    case KWS_ERROR_VERSION: return "the model has a format version that this engine does not read";
    case KWS_ERROR_CHECKSUM: return "the model is corrupted: its checksum does not match";
    case KWS_ERROR_FEATURES: return "the model has a front-end setting outside its range";
    case KWS_ERROR_NETWORK: return "the model has a network setting or section outside its range";
    case KWS_ERROR_DETECTOR: return "the model has a detector setting outside its range";
    case KWS_ERROR_WORDS: return "the model's class names are malformed or hold no word";
    case KWS_ERROR_TRAILING: return "the model has bytes after its last section";
    case KWS_ERROR_TOO_LARGE: return "the model is larger than this engine was compiled for";
    case KWS_ERROR_ABI:
        return "the program was compiled with another kws.h, or other limits, than the engine";
    }
    return "unknown status";
}
