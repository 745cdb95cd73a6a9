/* An AVR for tests, in simavr: an ATmega2560 whose external memory fills the 16-bit address space,
 * as its bus allows (56 KB beside its own 8). It answers the semihosting of
 * ../semihosting/semihosting.c.
 *
 *     machine image.bin
 *
 * What the program says goes to stderr; its exit status is this one's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <simavr/sim_avr.h>
#include <simavr/sim_io.h>

#include "door.h"

#define RAM_END 0xffffu
#define MOST_FILES 4
#define BROKEN 3 /* exit status: the program went astray */

static avr_t *avr;
static FILE *files[MOST_FILES];
static unsigned opened;
static int exit_status = -1;

static void fail(const char *what, const char *name) {
    fprintf(stderr, "machine: %s %s\n", what, name);
    exit(BROKEN);
}

static unsigned word(unsigned at) { return avr->data[at] | (unsigned)avr->data[at + 1] << 8; }

static void check(unsigned long at, unsigned long count, unsigned long end) {
    if (at + count > end) fail("the program names memory that there is not:", "semihosting");
}

static unsigned open_file(unsigned parameters) {
    const char *name = (const char *)avr->data + word(parameters);
    if (opened == MOST_FILES || (files[opened] = fopen(name, "rb")) == NULL) return 0xffff;
    return opened++;
}

/* How many bytes are lacking. */
static unsigned read_file(unsigned parameters) {
    unsigned file = word(parameters), to = word(parameters + 2), count = word(parameters + 4);
    check(to, count, RAM_END + 1);
    return count - (file < opened ? (unsigned)fread(avr->data + to, 1, count, files[file]) : 0);
}

/* As a boot loader would. */
static unsigned write_flash(unsigned parameters) {
    unsigned to = word(parameters), from = word(parameters + 2), count = word(parameters + 4);
    check(from, count, RAM_END + 1);
    check(to, count, avr->flashend + 1ul);
    memcpy(avr->flash + to, avr->data + from, count);
    return 0;
}

static void call(avr_t *core, avr_io_addr_t address, uint8_t operation, void *unused) {
    unsigned parameters = word(KWS_DOOR_LOW), answer = 0;
    (void)core, (void)address, (void)unused;
    check(parameters, 6, RAM_END + 1);
    switch (operation) {
    case 0x01: answer = open_file(parameters); break;
    case 0x04: fputs((const char *)avr->data + parameters, stderr); break;
    case 0x06: answer = read_file(parameters); break;
    case 0x20: exit_status = (int)word(parameters + 2); break;
    case KWS_DOOR_WRITE_FLASH: answer = write_flash(parameters); break;
    default: fail("the program asks for an operation that there is not:", "semihosting");
    }
    avr->data[KWS_DOOR_LOW] = (uint8_t)answer;
    avr->data[KWS_DOOR_LOW + 1] = (uint8_t)(answer >> 8);
}

static void set_up(const char *image) {
    FILE *file = fopen(image, "rb");
    avr = avr_make_mcu_by_name("atmega2560");
    if (avr == NULL) fail("simavr does not know", "atmega2560");
    avr->ramend = RAM_END; /* before avr_init(), which takes the memory */
    avr_init(avr);
    avr->log = LOG_ERROR;
    avr->frequency = 16000000;
    if (file == NULL || fread(avr->flash, 1, avr->flashend + 1, file) == 0)
        fail("cannot read", image);
    fclose(file);
    avr_register_io_write(avr, KWS_DOOR, call, NULL);
}

int main(int argc, char **argv) {
    if (argc != 2) fail("usage:", "machine image.bin");
    set_up(argv[1]);
    while (exit_status < 0) {
        int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed) fail("the program went astray:", argv[1]);
    }
    return exit_status;
}
