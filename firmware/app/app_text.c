/* Numbers, text and sound as characters of the line. */
#include "app.h"

void kws_app_put_text(const char *text) {
    while (*text) kws_port_write(*text++);
}

static void put_digits(uint32_t rest) {
    char digits[10];
    uint8_t count = 0;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    while (count) kws_port_write(digits[--count]);
}

void kws_app_put_number(int32_t value) {
    kws_port_write(' ');
    if (value < 0) kws_port_write('-');
    put_digits(value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
}

void kws_app_put_count(uint32_t value) {
    kws_port_write(' ');
    put_digits(value);
}

#if KWS_APP_AUDIO
static void put_six(uint32_t bits) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    kws_port_write(digits[bits & 63]);
}

static uint8_t byte_at(const int16_t *samples, size_t at) {
    uint16_t sample = (uint16_t)samples[at / 2];
    return (uint8_t)(at & 1 ? sample >> 8 : sample & 0xff);
}

void kws_app_put_audio(const int16_t *samples, size_t count) {
    size_t bytes = 2 * count;
    for (size_t at = 0; at < bytes; at += 3) {
        uint32_t left = (uint32_t)(bytes - at);
        uint32_t group = (uint32_t)byte_at(samples, at) << 16;
        if (left > 1) group |= (uint32_t)byte_at(samples, at + 1) << 8;
        if (left > 2) group |= byte_at(samples, at + 2);
        put_six(group >> 18);
        put_six(group >> 12);
        if (left > 1) put_six(group >> 6);
        else kws_port_write('=');
        if (left > 2) put_six(group);
        else kws_port_write('=');
    }
}
#endif
