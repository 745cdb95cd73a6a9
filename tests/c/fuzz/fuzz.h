/* The one function that libFuzzer and mutate.c call. */
#ifndef KWS_FUZZ_H
#define KWS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
