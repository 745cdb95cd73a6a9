/* A fuzzer for any machine: mutates the models of vectors.c, the same way every time.
 *
 *     mutate [iterations] [seed]     runs that many inputs (20000, 1)
 *     mutate --seeds FOLDER          writes the unmutated inputs, as libFuzzer's corpus */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "vectors.h"

#define LARGEST 4096

static uint32_t state;

static uint32_t below(uint32_t limit) {
    state = state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(state >> 4) * limit >> 28);
}

/* One of the things that go wrong with files; returns the new size. */
static size_t mutate_once(uint8_t *bytes, size_t size) {
    static const uint8_t interesting[] = {0,  1,  2,  3,   7,   8,   15,  16, 31,
                                          32, 40, 41, 127, 128, 129, 254, 255};
    size_t at = below((uint32_t)size), length;
    switch (below(8)) {
    case 0: bytes[at] = (uint8_t)(bytes[at] ^ 1u << below(8)); break;
    case 1: bytes[at] = (uint8_t)below(256); break;
    case 2: bytes[at] = interesting[below(sizeof interesting)]; break;
    case 3: /* the head, where the sizes stand */
        bytes[8 + below(18)] = interesting[below(sizeof interesting)];
        break;
    case 4: return at + 1; /* cut */
    case 5:                /* a piece doubled */
        length = 1 + below(32);
        if (size + length > LARGEST || at + length > size) break;
        memmove(bytes + at + length, bytes + at, size - at);
        return size + length;
    case 6: /* a piece left out */
        length = 1 + below(32);
        if (at + length >= size || size - length < 30) break;
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length;
    default: /* a piece of one value */
        length = 1 + below(16);
        for (size_t i = at; i < at + length && i < size; i++)
            bytes[i] = interesting[at % sizeof interesting];
    }
    return size;
}

static int write_seeds(const char *folder) {
    for (unsigned i = 0; i < KWS_TEST_MODELS; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/model_%u.kws", folder, i);
        FILE *file = fopen(path, "wb");
        if (file == NULL) {
            fprintf(stderr, "cannot write %s: make the folder first\n", path);
            return 1;
        }
        size_t written = fwrite(kws_test_models[i].bytes, 1, kws_test_models[i].size, file);
        if (fclose(file) != 0 || written != kws_test_models[i].size) return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    static uint8_t bytes[LARGEST];
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) return write_seeds(argv[2]);
    unsigned long iterations = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
    state = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    for (unsigned long i = 0; i < iterations; i++) {
        const kws_test_model *seed = &kws_test_models[below(KWS_TEST_MODELS)];
        size_t size = seed->size;
        memcpy(bytes, seed->bytes, size);
        for (uint32_t times = 1 + below(4); times; times--) size = mutate_once(bytes, size);
        (void)LLVMFuzzerTestOneInput(bytes, size);
    }
    printf("%lu mutated inputs, none of them harmful\n", iterations);
    return 0;
}
