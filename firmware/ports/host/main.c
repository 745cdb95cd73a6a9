/* Runs what boards run, for tests of what talks to them: app SAMPLES SETTINGS MODEL [MODEL] SAMPLES
 * is raw int16 at the rate of port.h, from the start again at its end, in real time; the line is
 * standard input and output, a pseudo-terminal for one; SETTINGS is a file in the place of
 * flash. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app.h"

#define BLOCK 256
#define LARGEST_MODEL 65536

static uint8_t models[KWS_APP_MODELS][LARGEST_MODEL];
static uint32_t sizes[KWS_APP_MODELS];
static const char *settings_file;
static char sending[4096];
static size_t waiting;

static void send_all(void) {
    for (size_t at = 0; at < waiting;) {
        ssize_t count = write(1, sending + at, waiting - at);
        if (count < 0) exit(0); /* nobody reads any more */
        at += (size_t)count;
    }
    waiting = 0;
}

int kws_port_read(void) {
    struct pollfd input = {0, POLLIN, 0};
    unsigned char byte;
    if (poll(&input, 1, 0) != 1 || !(input.revents & POLLIN)) return -1;
    if (read(0, &byte, 1) != 1) exit(0);
    return byte;
}

void kws_port_write(char byte) {
    sending[waiting++] = byte;
    if (waiting == sizeof sending) send_all();
}

uint16_t kws_port_room(void) { return sizeof sending; }
uint8_t kws_port_baud(uint32_t bits_per_s) { return bits_per_s == 115200 || bits_per_s == 921600; }
void kws_port_led(uint8_t is_on) { (void)is_on; }
void kws_port_watchdog(void) {}

const KWS_FLASH uint8_t *kws_port_model(uint8_t index, uint32_t *capacity) {
    *capacity = sizes[index];
    return sizes[index] ? models[index] : NULL;
}

void kws_port_load(uint8_t slot, uint8_t *bytes, uint8_t count) {
    FILE *file = fopen(settings_file, "rb");
    memset(bytes, 0xff, count);
    if (file == NULL) return;
    if (fseek(file, 256L * slot, SEEK_SET) == 0 && fread(bytes, 1, count, file) < count)
        bytes[0] = 0xff;
    fclose(file);
}

uint8_t kws_port_save(uint8_t slot, const uint8_t *bytes, uint8_t count) {
    FILE *file = fopen(settings_file, "r+b");
    if (file == NULL) file = fopen(settings_file, "w+b");
    if (file == NULL) return 0;
    int is_whole = fseek(file, 256L * slot, SEEK_SET) == 0 &&
                   fwrite(bytes, 1, count, file) == count;
    return (uint8_t)(fclose(file) == 0 && is_whole);
}

static void sleep_until(struct timespec *next) {
    next->tv_nsec += 1000000000L / KWS_PORT_SAMPLE_RATE_HZ * BLOCK;
    if (next->tv_nsec >= 1000000000L) next->tv_nsec -= 1000000000L, next->tv_sec++;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) != 0) {}
}

int main(int count, char **arguments) {
    static kws_app app;
    static int16_t samples[BLOCK];
    struct timespec next;
    if (count < 4 || count > 3 + KWS_APP_MODELS)
        return fprintf(stderr, "usage: app SAMPLES SETTINGS MODEL [MODEL]\n"), 2;
    FILE *sound = fopen(arguments[1], "rb");
    if (sound == NULL) return perror(arguments[1]), 1;
    settings_file = arguments[2];
    for (int i = 3; i < count; i++) {
        FILE *file = fopen(arguments[i], "rb");
        if (file == NULL) return perror(arguments[i]), 1;
        sizes[i - 3] = (uint32_t)fread(models[i - 3], 1, LARGEST_MODEL, file);
        fclose(file);
    }
    kws_app_start(&app, 0);
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (;;) {
        if (fread(samples, sizeof *samples, BLOCK, sound) < BLOCK) rewind(sound);
        kws_app_process(&app, samples, BLOCK);
        send_all();
        sleep_until(&next);
    }
}
