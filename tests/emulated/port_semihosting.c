#include "check.h"
#include "port.h"
#include "semihosting.h"

void kws_put(const char *text) { kws_semihosting_write(text); }
int kws_open(const char *name) { return kws_semihosting_open(name); }
size_t kws_read(int file, void *bytes, size_t count) { return kws_semihosting_read(file, bytes, count); }
