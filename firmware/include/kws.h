/* kws: a wake-word detector in fixed point. 16 kHz (or 8 kHz) int16 samples in, detections out.
 *
 *     #include "kws.h"
 *     extern const unsigned char hey_cortana[];      // from `kws export --format c`
 *     extern const unsigned int hey_cortana_size;
 *     static kws_spotter spotter;
 *     kws_status start(void) { return kws_spotter_init(&spotter, hey_cortana, hey_cortana_size); }
 *     int heard(const int16_t *samples, size_t count) {  // any count, mono, at the model's rate
 *         int words = 0;
 *         for (kws_detection detection; count > 0; words += detection.word != KWS_NO_WORD) {
 *             size_t used = kws_spotter_process(&spotter, samples, count, &detection);
 *             samples += used, count -= used;
 *         }
 *         return words;
 *     }
 *
 * The caller owns all memory: one kws_spotter, static or on the stack, and the model bytes, which
 * are read in place (flash will do) and must outlive it. No heap, no floating point, of libc only
 * memcpy and memset. The integers are the same on every machine and for every split into chunks.
 *
 * `_qN` in a name means N fractional bits. Formats: firmware/docs/FORMAT.md (file), DESIGN.md
 * (numbers). */
#ifndef KWS_H
#define KWS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KWS_VERSION 100 /* of this header: 10000 for each major version, 100 for each minor one */

/* Limits. A smaller limit saves RAM on a small chip and refuses larger models with
 * KWS_ERROR_TOO_LARGE; it never changes a number. */
#ifndef KWS_MAX_HIDDEN
#define KWS_MAX_HIDDEN 128 /* units of the hidden state, at most 255 */
#endif
#ifndef KWS_MAX_RANK
#define KWS_MAX_RANK KWS_MAX_HIDDEN /* of a low-rank factor */
#endif
#ifndef KWS_MAX_CLASSES
#define KWS_MAX_CLASSES 40 /* words and background classes together */
#endif
#ifndef KWS_MAX_SAMPLE_RATE_HZ
#define KWS_MAX_SAMPLE_RATE_HZ 16000 /* 8000 halves the buffers where only 8 kHz models run */
#endif
#ifndef KWS_MIN_SAMPLE_RATE_HZ
#define KWS_MIN_SAMPLE_RATE_HZ 8000 /* 16000 leaves out the tables of 8 kHz */
#endif
#ifndef KWS_MIN_HOP
/* samples at the highest rate, 10 ms; twice as many save 320 bytes where only 20 ms models run */
#define KWS_MIN_HOP (KWS_MAX_SAMPLE_RATE_HZ / 100)
#endif
#ifndef KWS_MAX_FEATURES
#define KWS_MAX_FEATURES 40 /* log-mel bands, or up to 32 coefficients */
#endif
#ifndef KWS_WITH_32_MELS
#define KWS_WITH_32_MELS 0 /* 1 adds the tables of 32 mel bands, 0.8 KB of flash */
#endif

/* samples of the longest window, 32 ms */
#define KWS_FRAME_LENGTH (KWS_MAX_SAMPLE_RATE_HZ / 1000 * 32)
#define KWS_MAX_MELS 40
#define KWS_FEATURES_Q 7 /* a feature is a natural logarithm with 7 fractional bits */
#define KWS_STATE_Q 15   /* the hidden state lies in [-1, 1) */
/* logits and scores: natural log-odds; posterior = sigmoid(score / 1024) */
#define KWS_LOGIT_Q 10
#define KWS_NO_WORD 255
#define KWS_REST_FRAMES 100 /* of silence, by which the state at rest is computed */

/* Every status but KWS_OK refuses the model; `kws_status_text` says why in a sentence. */
typedef enum {
    KWS_OK = 0,
    KWS_ERROR_TRUNCATED = 1,  /* fewer bytes than the file says, or than any model has */
    KWS_ERROR_MAGIC = 2,      /* not a .kws file */
    KWS_ERROR_VERSION = 3,    /* a format version that this engine does not read */
    KWS_ERROR_CHECKSUM = 4,   /* the CRC-32 does not match: corrupted */
    KWS_ERROR_FEATURES = 5,   /* a front-end setting outside its range */
    KWS_ERROR_NETWORK = 6,    /* a network setting outside its range */
    KWS_ERROR_DETECTOR = 7,   /* a detector setting outside its range */
    KWS_ERROR_WORDS = 8,      /* the class names are malformed, or none is a word */
    KWS_ERROR_TRAILING = 9,   /* bytes are left over or missing after the last section */
    KWS_ERROR_TOO_LARGE = 10, /* valid, but above the limits this engine was compiled with */
    KWS_ERROR_ABI = 11        /* the caller was compiled with another kws.h, or other limits */
} kws_status;

#if defined(__GNUC__)
#define KWS_MUST_USE __attribute__((warn_unused_result))
#else
#define KWS_MUST_USE
#endif

/* Where constants lie. On an AVR flash is another address space, which GNU C (-std=gnu99) can read:
 * there the tables are in flash, and so must the model be. Empty everywhere else. */
#ifndef KWS_FLASH
#if defined(__FLASH) && !defined(__STRICT_ANSI__) && !defined(__cplusplus)
#define KWS_FLASH __flash
#else
#define KWS_FLASH
#endif
#endif

/* ---- what a model file says, after every field has been checked ---------------------------- */

typedef enum { KWS_MATRIX_INT8 = 0, KWS_MATRIX_INT4 = 1, KWS_MATRIX_SPARSE8 = 2 } kws_matrix_kind;
typedef enum { KWS_FASTRNN = 0, KWS_FASTGRNN = 1 } kws_cell_kind;
typedef enum { KWS_ENERGY_ABSOLUTE = 0, KWS_ENERGY_DELTA = 1 } kws_energy_kind;

/* A weight matrix, row by row, read in place. Real value = integer * multiplier * 2^-shift,
 * in units of what the product feeds (see DESIGN.md). */
typedef struct {
    const KWS_FLASH uint8_t *data;
    uint8_t kind; /* kws_matrix_kind */
    uint8_t rows, cols;
    uint8_t multiplier; /* 1..255 */
    uint8_t shift;      /* 0..30 */
} kws_matrix;

typedef struct {
    uint16_t hop_length;   /* samples: 10 or 20 ms, 160 or 320 at 16 kHz, 80 or 160 at 8 kHz */
    uint8_t n_mels;        /* 40 at 16 kHz, or 32 with KWS_WITH_32_MELS; 24 at 8 kHz */
    uint8_t n_mfcc;        /* cepstral coefficients 1..32; 0: the log-mel bands themselves */
    uint8_t n_features;    /* n_mfcc, or n_mels where n_mfcc is 0 */
    uint8_t energy;        /* kws_energy_kind: how the overall level enters coefficient 0 */
    uint16_t frame_length; /* samples of the window, 32 ms: 512 at 16 kHz, 256 at 8 kHz */
} kws_feature_settings;

typedef struct {
    int16_t threshold_q10;     /* a detection at or above this smoothed log-odds */
    int16_t release_q10;       /* re-armed below this; at most threshold_q10 */
    uint8_t smoothing_shift;   /* exponential smoothing with weight 2^-smoothing_shift; 0: none */
    uint8_t refractory_frames; /* frames without detections after one */
} kws_detector_settings;

typedef struct {
    const KWS_FLASH uint8_t *bytes;
    uint32_t size;
    kws_feature_settings features;
    uint8_t cell;           /* kws_cell_kind */
    uint8_t hard;           /* 1: piecewise linear in place of sigmoid and tanh */
    uint8_t hidden;         /* units */
    uint8_t rank_w, rank_u; /* 0: one full matrix, in w1 / u1 */
    uint8_t classes;
    uint8_t words;          /* classes whose name does not open with '_' */
    uint8_t zeta_q8, nu_q8; /* FastGRNN; FastRNN's alpha and beta */
    /* per feature: int8 offset (units of 32), uint8 scale_q9 */
    const KWS_FLASH uint8_t *input;
    kws_matrix w2, w1, u2, u1;            /* W = w1 w2, U = u1 u2 */
    const KWS_FLASH uint8_t *bias_gate;   /* int8_q5 [hidden], FastGRNN only */
    const KWS_FLASH uint8_t *bias_update; /* int8_q5 [hidden] */
    kws_matrix classifier;
    const KWS_FLASH uint8_t *bias_class; /* int16_q10 little endian [classes] */
    const KWS_FLASH char *names;         /* NUL-terminated UTF-8, one per class */
    kws_detector_settings detector;
} kws_model;

/* ---- the stages' states, nested in the order in which data flows --------------------------- */

typedef union {
    int16_t samples[KWS_FRAME_LENGTH]; /* filling up; then windowed and transformed */
    /* in place: |spectrum|^2 of bins 1..frame_length / 2 - 1 */
    uint32_t power[KWS_FRAME_LENGTH / 2];
} kws_frame;

typedef struct {
    kws_frame frame;
    int16_t overlap[KWS_FRAME_LENGTH - KWS_MIN_HOP]; /* what the next window needs again */
    uint16_t length;                                 /* samples of a frame, at the model's rate */
    uint16_t filled;                                 /* samples in the frame so far */
    int16_t level_q7;                                /* of the frame before, for KWS_ENERGY_DELTA */
} kws_framing;

typedef struct {
    int16_t hidden_q15[KWS_MAX_HIDDEN];
} kws_fastgrnn;

typedef struct {
    int16_t score_q10[KWS_MAX_CLASSES]; /* smoothed log-odds per word, in class order */
    uint8_t armed[KWS_MAX_CLASSES];
    uint8_t refractory; /* frames still to wait */
} kws_detector;

typedef struct {
    kws_model model;
    kws_framing framing;
    kws_fastgrnn fastgrnn;
    kws_detector detector;
    uint32_t frames; /* analysed since the reset */
} kws_spotter;

typedef struct {
    uint8_t word;      /* class index, or KWS_NO_WORD */
    int16_t score_q10; /* smoothed log-odds that fired */
    /* counted from 0 at the reset; it ends at sample frame * hop + frame_length */
    uint32_t frame;
} kws_detection;

/* ---- using it -------------------------------------------------------------------------------- */

/* What caller and engine must agree on: this header, and what lays out a kws_spotter. */
#define KWS_LAYOUT \
    (((uint32_t)KWS_MAX_HIDDEN * 257u + KWS_MAX_CLASSES) * 1031u + KWS_FRAME_LENGTH - KWS_MIN_HOP)
#define KWS_ABI ((KWS_LAYOUT * 257u + KWS_VERSION) * 4099u + (uint32_t)sizeof(kws_spotter))

/* kws_status kws_spotter_init(kws_spotter *spotter, const void *model, size_t size);
 * Checks `size` bytes at `model` and readies the spotter; the bytes must outlive it. What is
 * refused changes nothing: a spotter that ran goes on, and one that is all zeros hears nothing. */
#define kws_spotter_init(spotter, model, size) \
    kws_spotter_init_checked(spotter, model, size, KWS_ABI)
KWS_MUST_USE kws_status kws_spotter_init_checked(kws_spotter *spotter, const KWS_FLASH void *model,
                                                 size_t size, uint32_t abi);

/* At rest, as after init: the state that silence leads to, so that a stream may open with a word.
 * It takes the time of KWS_REST_FRAMES frames of the network. Cannot fail. */
void kws_spotter_reset(kws_spotter *spotter);

/* Takes samples until one more could complete a second detection; returns how many were used.
 * `detection->word` is KWS_NO_WORD when all were used without one. With count <= hop there is at
 * most one detection, and all samples are used. Cannot fail. */
size_t kws_spotter_process(kws_spotter *spotter, const int16_t *samples, size_t count,
                           kws_detection *detection);

/* A new threshold as log-odds * 1024 (posterior p: ln(p / (1 - p)) * 1024), until the next init.
 * The release level stays as the model has it, but never above the threshold. */
void kws_spotter_set_threshold(kws_spotter *spotter, int16_t threshold_q10);

/* The name of a class, NUL-terminated UTF-8, or "" where there is no such class. */
const KWS_FLASH char *kws_spotter_word(const kws_spotter *spotter, uint8_t word);

/* One sentence for a status. */
const char *kws_status_text(kws_status status);

#ifdef __cplusplus
}
#endif
#endif
