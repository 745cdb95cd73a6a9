/* A signal that every machine makes for itself, and a digest of what came of it.
 * tests/c/engine/make_vectors.py makes the same in Python. */
#ifndef KWS_SIGNAL_H
#define KWS_SIGNAL_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t state, position;
} signal_source;

#define SIGNAL_START {1, 0}

/* Noise in bursts of 1600 samples, each 6 dB louder than the last, from 1 step to full scale, then
 * again; a square tone runs through every second burst. */
static inline int16_t signal_next(signal_source *source) {
    uint32_t burst = source->position / 1600, loudness = burst % 16;
    source->state = source->state * 1664525u + 1013904223u;
    int32_t noise = (int32_t)(source->state >> 16) - 32768;
    if (burst & 1) noise = noise / 2 + (source->position / 20 & 1 ? 16383 : -16384);
    source->position++;
    return (int16_t)(noise / ((int32_t)1 << (15 - loudness)));
}

/* FNV-1a over the low and high bytes of 16-bit values. */
static inline uint32_t digest_add(uint32_t digest, int16_t value) {
    digest = (digest ^ ((uint16_t)value & 255u)) * 16777619u;
    return (digest ^ ((uint16_t)value >> 8)) * 16777619u;
}

#define DIGEST_START 2166136261u

#endif
