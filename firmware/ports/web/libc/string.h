/* All that the engine asks of libc. With bulk memory each is an instruction of WebAssembly, which
 * the compiler puts in the place of the call: nothing is left to link. */
#ifndef KWS_WEB_STRING_H
#define KWS_WEB_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int value, size_t size);

#endif
