#include <stdio.h>

#include "check.h"
#include "port.h"

static FILE *files[4];
static int opened;

void kws_put(const char *text) { fputs(text, stderr); } /* as QEMU does with semihosting's text */

int kws_open(const char *name) {
    files[opened] = fopen(name, "rb");
    return files[opened] ? opened++ : -1;
}

size_t kws_read(int file, void *bytes, size_t count) { return fread(bytes, 1, count, files[file]); }
