/* The board in simavr, cycle by cycle: a recording goes into the ADC, lines come out of the UART.
 *
 *     simulate firmware.elf recording.raw [model.kws] [--line SECONDS TEXT] ... [--profile FILE]
 *
 * recording.raw: int16 little endian at 8 kHz; the ADC sees its ten highest bits. What the board
 * prints goes to stdout; the last line, after "simulated", is the account of cycles and memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <simavr/avr_adc.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <simavr/sim_io.h>

#define FREQUENCY 16000000u
#define VREF_MV 5000
#define PAINT 0xa5 /* RAM that the program has never written */
#define MODEL_AT 0x6000u
#define FLASH_WORDS 16384

static avr_t *avr;
static int16_t *recording;
static long samples, conversions = -1; /* the first one is the ADC's own, to warm up */
static unsigned long long sleeping, busy_since, longest_frame, frames, sampled_late;
static unsigned long long last_conversion;
static unsigned long long spent[FLASH_WORDS];

static void fail(const char *what, const char *name) {
    fprintf(stderr, "simulate: %s %s\n", what, name);
    exit(1);
}

static void *read_file(const char *name, long *size) {
    FILE *file = fopen(name, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) fail("cannot read", name);
    *size = ftell(file);
    rewind(file);
    void *bytes = malloc((size_t)*size + 1);
    if (bytes == NULL || fread(bytes, 1, (size_t)*size, file) != (size_t)*size) fail("cannot read", name);
    fclose(file);
    return bytes;
}

/* A conversion begins: the voltage of the next sample. Rounded up, so that the ADC's division by its
 * reference gives back the code. */
static void convert(struct avr_irq_t *irq, uint32_t value, void *unused) {
    (void)irq, (void)value, (void)unused;
    long code = conversions >= 0 && conversions < samples ? ((long)recording[conversions] + 32768) >> 6 : 512;
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0), (uint32_t)((code * VREF_MV + 1022) / 1023));
    if (conversions++ && avr->cycle - last_conversion > FREQUENCY / 8000 + 400) sampled_late++;
    last_conversion = avr->cycle;
}

static void transmit(struct avr_irq_t *irq, uint32_t value, void *unused) {
    (void)irq, (void)unused;
    if (value != '\r') putchar((int)value);
}

/* PB2 is high while a frame is computed. */
static void frame_pin(struct avr_irq_t *irq, uint32_t value, void *unused) {
    (void)irq, (void)unused;
    if (value) {
        busy_since = avr->cycle;
    } else if (busy_since) {
        unsigned long long taken = avr->cycle - busy_since;
        if (taken > longest_frame) longest_frame = taken;
        frames++;
    }
}

static void sleep_without_waiting(avr_t *core, avr_cycle_count_t cycles) {
    (void)core;
    sleeping += cycles + 1;
}

static void send_line(const char *text) {
    avr_irq_t *input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    for (; *text; text++) avr_raise_irq(input, (uint8_t)*text);
    avr_raise_irq(input, '\n');
}

static void set_up(const char *elf) {
    elf_firmware_t firmware = {0};
    uint32_t flags = 0;
    if (elf_read_firmware(elf, &firmware) != 0) fail("cannot read", elf);
    avr = avr_make_mcu_by_name("atmega328p");
    if (avr == NULL) fail("simavr does not know", "atmega328p");
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    avr->frequency = FREQUENCY;
    avr->vcc = avr->avcc = avr->aref = VREF_MV;
    avr->sleep = sleep_without_waiting;
    avr->log = LOG_ERROR;
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POOL_SLEEP);
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_OUT_TRIGGER), convert, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), transmit, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), 2), frame_pin, NULL);
    memset(avr->data + 0x100, PAINT, avr->ramend - 0x100 + 1u);
}

/* Bytes of RAM that were never written: what lies between the variables and the deepest stack. */
static unsigned untouched(void) {
    unsigned longest = 0, run = 0;
    for (unsigned at = 0x100; at <= avr->ramend; at++) {
        run = avr->data[at] == PAINT ? run + 1 : 0;
        if (run > longest) longest = run;
    }
    return longest;
}

static void run(int count, char **lines, const char *profile) {
    unsigned long long end = (unsigned long long)(samples + 400) * (FREQUENCY / 8000) * (getenv("SLOW") ? 8 : 1);
    int next = 0;
    while (avr->cycle < end) {
        unsigned long long before = avr->cycle;
        avr_flashaddr_t pc = avr->pc;
        if (profile) avr->run_cycle_limit = avr->run_cycle_count = 1;
        int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed) fail("the program ended", state == cpu_Done ? "by itself" : "badly");
        if (profile && state == cpu_Running) spent[pc / 2] += avr->cycle - before;
        if (next < count && (double)avr->cycle / FREQUENCY >= atof(lines[2 * next])) send_line(lines[2 * next++ + 1]);
    }
}

int main(int argc, char **argv) {
    char *lines[64];
    int count = 0;
    const char *profile = NULL, *model = NULL;
    if (argc < 3) fail("usage: simulate firmware.elf recording.raw [model.kws]", "[--line SECONDS TEXT]");
    recording = read_file(argv[2], &samples);
    samples /= 2;
    set_up(argv[1]);
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--line") == 0 && i + 2 < argc && count < 32) {
            lines[2 * count] = argv[++i];
            lines[2 * count++ + 1] = argv[++i];
        } else if (strcmp(argv[i], "--profile") == 0 && i + 1 < argc) {
            profile = argv[++i];
        } else {
            model = argv[i];
        }
    }
    if (model) {
        long size;
        void *bytes = read_file(model, &size);
        if (MODEL_AT + (unsigned long)size > FLASH_WORDS * 2) fail("too large:", model);
        memcpy(avr->flash + MODEL_AT, bytes, (size_t)size);
    }
    run(count, lines, profile);
    if (profile) {
        FILE *file = fopen(profile, "w");
        if (file == NULL) fail("cannot write", profile);
        for (unsigned i = 0; i < FLASH_WORDS; i++)
            if (spent[i]) fprintf(file, "%x %llu\n", 2 * i, spent[i]);
        fclose(file);
    }
    printf("simulated %.3f s, %llu frames, %.2f %% of the cycles awake, longest frame %llu cycles, "
           "%u bytes of RAM never written, %llu samples late\n",
           (double)avr->cycle / FREQUENCY, frames, 100.0 - 100.0 * (double)sleeping / (double)avr->cycle,
           longest_frame, untouched(), sampled_late);
    return 0;
}
