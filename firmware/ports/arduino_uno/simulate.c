/* The board in simavr, cycle by cycle: a recording goes into the ADC, lines come out of the UART.
 *
 *     simulate image.hex recording.raw [--line SECONDS TEXT] ... [--exact] [--profile FILE]
 *                                        [--eeprom FILE] [--cut N MASK] [--stall SECONDS]
 *
 * recording.raw: int16 little endian at 8 kHz; the ADC sees its ten highest bits. What the board
 * prints goes to stdout; the last line is the account of cycles and memory, as JSON behind
 * "simulated". --exact looks at the stack after every instruction; --profile also writes the cycles
 * spent at each address. --eeprom FILE keeps the settings from run to run. --cut N MASK ends the
 * run, as a loss of power would, within the Nth write of a byte to it: the byte is left as what was
 * written | MASK, with 255 erased, with 0 whole; the account then has "cut": 1. --stall SECONDS
 * stops the timer that samples: what hangs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <simavr/avr_adc.h>
#include <simavr/avr_eeprom.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_hex.h>
#include <simavr/sim_io.h>

#define FREQUENCY 16000000u
#define SAMPLE_CYCLES (FREQUENCY / 8000)
#define VREF_MV 5000
#define PAINT 0xa5 /* RAM that the program has never written */
#define FLASH_BYTES 32768u
#define EEPROM_BYTES 1024
#define TAIL_SAMPLES 800 /* after the recording: what it completes is said */
#define MOST_LINES 32
#define LONGEST_START_S 5ull /* from power to the first sample */
#define EECR 0x3f            /* in data memory, as all of these */
#define EEPE 0x02
#define EEPROM_US 3400 /* a byte, which simavr writes at once */
#define EEARL 0x41
#define TIMER1_INTERRUPTS 0x6f

static avr_t *avr;
static int16_t *recording;
static long samples, conversions = -1; /* the first one is the ADC's own, to warm up */
static unsigned long long sleeping, busy_since, longest, last_conversion, jitter;
static unsigned long long started; /* the cycle of the first sample; times count from it */
static unsigned long long spent[FLASH_BYTES / 2];
static unsigned lowest_stack;
static int writes_left, cut_mask; /* of the EEPROM until the power goes; 0: it stays */
static int is_cut, is_written;
static double stall_at = -1;

static void fail(const char *what, const char *name) {
    fprintf(stderr, "simulate: %s %s\n", what, name);
    exit(1);
}

static void read_recording(const char *name) {
    FILE *file = fopen(name, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) fail("cannot read", name);
    samples = ftell(file) / 2;
    rewind(file);
    recording = malloc((size_t)samples * 2 + 2);
    if (recording == NULL || fread(recording, 2, (size_t)samples, file) != (size_t)samples)
        fail("cannot read", name);
    fclose(file);
}

/* A conversion begins: the voltage of the next sample, rounded up, so that the ADC's division by
 * its reference gives back the code. */
static void convert(struct avr_irq_t *irq, uint32_t value, void *unused) {
    (void)irq, (void)value, (void)unused;
    long code = conversions >= 0 && conversions < samples
                    ? ((long)recording[conversions] + 32768) >> 6
                    : 512;
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0),
                  (uint32_t)((code * VREF_MV + 1022) / 1023));
    if (conversions == 0) {
        started = avr->cycle;
        sleeping = 0;
    }
    if (conversions++ > 1) {
        unsigned long long apart = avr->cycle - last_conversion;
        unsigned long long off = apart > SAMPLE_CYCLES ? apart - SAMPLE_CYCLES
                                                       : SAMPLE_CYCLES - apart;
        if (off > jitter) jitter = off;
    }
    last_conversion = avr->cycle;
}

static void transmit(struct avr_irq_t *irq, uint32_t value, void *unused) {
    (void)irq, (void)unused;
    if (value != '\r') putchar((int)value);
}

/* PB2 is high while the program works on samples. */
static void work_pin(struct avr_irq_t *irq, uint32_t value, void *unused) {
    (void)irq, (void)unused;
    if (value) {
        busy_since = avr->cycle;
    } else if (busy_since && avr->cycle - busy_since > longest) {
        longest = avr->cycle - busy_since;
    }
}

static void eeprom_write(avr_t *core, avr_io_addr_t address, uint8_t value, void *unused) {
    (void)core, (void)address, (void)unused;
    if (!(value & EEPE)) return;
    if (writes_left && --writes_left == 0) is_cut = 1;
    is_written = 1;
}

static avr_cycle_count_t eeprom_done(avr_t *core, avr_cycle_count_t when, void *unused) {
    (void)when, (void)unused;
    core->data[EECR] &= (uint8_t)~EEPE;
    return 0;
}

static void keep_eeprom_busy(void) {
    is_written = 0;
    avr->data[EECR] |= EEPE;
    avr_cycle_timer_register_usec(avr, EEPROM_US, eeprom_done, NULL);
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

static void load(const char *name) {
    ihex_chunk_p chunks = NULL;
    int count = read_ihex_chunks(name, &chunks);
    if (count <= 0) fail("cannot read", name);
    memset(avr->flash, 0xff, FLASH_BYTES);
    for (int i = 0; i < count; i++) {
        if (chunks[i].baseaddr + chunks[i].size > FLASH_BYTES) fail("does not fit the chip:", name);
        memcpy(avr->flash + chunks[i].baseaddr, chunks[i].data, chunks[i].size);
    }
    avr->codeend = FLASH_BYTES;
}

static void set_up(const char *image) {
    uint32_t flags = 0;
    avr = avr_make_mcu_by_name("atmega328p");
    if (avr == NULL) fail("simavr does not know", "atmega328p");
    avr_init(avr);
    avr->log = LOG_ERROR;
    load(image);
    avr->frequency = FREQUENCY;
    avr->vcc = avr->avcc = avr->aref = VREF_MV;
    avr->sleep = sleep_without_waiting;
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POOL_SLEEP);
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_register_io_write(avr, EECR, eeprom_write, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_OUT_TRIGGER), convert,
                            NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT),
                            transmit, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), 2), work_pin, NULL);
    memset(avr->data + 0x100, PAINT, avr->ramend - 0x100 + 1u);
    lowest_stack = avr->ramend;
}

static void keep_eeprom(const char *name, int is_end) {
    static uint8_t bytes[EEPROM_BYTES];
    avr_eeprom_desc_t all = {.ee = bytes, .offset = 0, .size = EEPROM_BYTES};
    FILE *file = fopen(name, is_end ? "wb" : "rb");
    if (file == NULL && !is_end) return;
    if (file == NULL) fail("cannot write", name);
    if (is_end) avr_ioctl(avr, AVR_IOCTL_EEPROM_GET, &all), fwrite(bytes, 1, sizeof bytes, file);
    else if (fread(bytes, 1, sizeof bytes, file) == sizeof bytes)
        avr_ioctl(avr, AVR_IOCTL_EEPROM_SET, &all);
    fclose(file);
}

static void spoil_written_byte(void) {
    uint8_t byte;
    avr_eeprom_desc_t one = {
        .ee = &byte, .offset = (uint16_t)(avr->data[EEARL] | avr->data[EEARL + 1] << 8), .size = 1};
    avr_ioctl(avr, AVR_IOCTL_EEPROM_GET, &one);
    byte = (uint8_t)(byte | cut_mask);
    avr_ioctl(avr, AVR_IOCTL_EEPROM_SET, &one);
}

/* The longest stretch of RAM that was never written: between the variables and the deepest
 * stack. */
static unsigned untouched(void) {
    unsigned longest_run = 0, run = 0;
    for (unsigned at = 0x100; at <= avr->ramend; at++) {
        run = avr->data[at] == PAINT ? run + 1 : 0;
        if (run > longest_run) longest_run = run;
    }
    return longest_run;
}

/* Cycles since the first sample; 0 before it. */
static unsigned long long sampled(void) { return started ? avr->cycle - started : 0; }

static void run(int count, char **lines, int exact) {
    unsigned long long end = (unsigned long long)(samples + TAIL_SAMPLES) * SAMPLE_CYCLES;
    int next = 0;
    while (sampled() < end && !is_cut) {
        if (!started && avr->cycle > LONGEST_START_S * FREQUENCY) fail("no sample after", "5 s");
        unsigned long long before = avr->cycle;
        avr_flashaddr_t pc = avr->pc;
        if (exact) avr->run_cycle_limit = avr->run_cycle_count = 1;
        int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed)
            fail("the program ended", state == cpu_Done ? "by itself" : "badly");
        if (exact && state == cpu_Running) spent[pc / 2 % (FLASH_BYTES / 2)] += avr->cycle - before;
        unsigned stack = avr->data[R_SPL] | (unsigned)avr->data[R_SPH] << 8;
        if (stack > 0x100 && stack < lowest_stack) lowest_stack = stack;
        if (is_written) keep_eeprom_busy();
        if (stall_at >= 0 && (double)sampled() / FREQUENCY >= stall_at) {
            avr->data[TIMER1_INTERRUPTS] = 0;
            stall_at = -1;
        }
        if (started && next < count && (double)sampled() / FREQUENCY >= atof(lines[2 * next]))
            send_line(lines[2 * next++ + 1]);
    }
}

static void write_profile(const char *name) {
    FILE *file = fopen(name, "w");
    if (file == NULL) fail("cannot write", name);
    for (unsigned i = 0; i < FLASH_BYTES / 2; i++)
        if (spent[i]) fprintf(file, "%x %llu\n", 2 * i, spent[i]);
    fclose(file);
}

int main(int argc, char **argv) {
    char *lines[2 * MOST_LINES];
    const char *profile = NULL, *eeprom = NULL;
    int count = 0, exact = 0;
    if (argc < 3)
        fail("usage:",
             "simulate image.hex recording.raw [--line SECONDS TEXT] [--exact] [--profile FILE] "
             "[--eeprom FILE] [--cut N MASK] [--stall S]");
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--line") == 0 && i + 2 < argc && count < MOST_LINES) {
            lines[2 * count] = argv[++i];
            lines[2 * count++ + 1] = argv[++i];
        } else if (strcmp(argv[i], "--profile") == 0 && i + 1 < argc) {
            profile = argv[++i];
        } else if (strcmp(argv[i], "--eeprom") == 0 && i + 1 < argc) {
            eeprom = argv[++i];
        } else if (strcmp(argv[i], "--cut") == 0 && i + 2 < argc) {
            writes_left = atoi(argv[++i]);
            cut_mask = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--stall") == 0 && i + 1 < argc) {
            stall_at = atof(argv[++i]);
        } else if (strcmp(argv[i], "--exact") == 0) {
            exact = 1;
        } else {
            fail("does not know", argv[i]);
        }
    }
    read_recording(argv[2]);
    set_up(argv[1]);
    if (eeprom) keep_eeprom(eeprom, 0);
    run(count, lines, exact || profile);
    if (is_cut) spoil_written_byte();
    if (eeprom) keep_eeprom(eeprom, 1);
    if (profile) write_profile(profile);
    printf(
        "\nsimulated {\"seconds\": %.3f, \"awake_percent\": %.2f, \"longest_work_cycles\": %llu, "
        "\"ram_never_written\": %u, \"stack_bytes\": %u, \"sampling_jitter_cycles\": %llu, "
        "\"cut\": %d}\n",
        (double)sampled() / FREQUENCY, 100.0 - 100.0 * (double)sleeping / (double)sampled(),
        longest, untouched(), avr->ramend - lowest_stack, jitter, is_cut);
    return 0;
}
