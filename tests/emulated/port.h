/* What the tests ask of a machine besides kws_put(): to read files of the machine that runs it. */
#ifndef KWS_TEST_PORT_H
#define KWS_TEST_PORT_H

#include <stddef.h>

int kws_open(const char *name); /* to read; negative: cannot */
size_t kws_read(int file, void *bytes, size_t count);

#endif
