#include "check.h"
#include "port.h"
#include "semihosting.h"

void kws_put(const char *text) { kws_semihosting_write(text); }
int kws_open(const char *name) { return kws_semihosting_open(name); }
size_t kws_read(int file, void *bytes, size_t count) {
    return kws_semihosting_read(file, bytes, count);
}

#if defined(__FLASH) && !defined(__STRICT_ANSI__)
static const KWS_FLASH uint8_t place[KWS_FLASH_PLACE_BYTES] = {0};

const KWS_FLASH uint8_t *kws_in_flash(const uint8_t *bytes, size_t count) {
    kws_semihosting_write_flash(place, bytes, count);
    return place;
}
#endif
