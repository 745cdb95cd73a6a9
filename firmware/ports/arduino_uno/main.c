/* Arduino Uno (ATmega328P, 16 MHz): a microphone amplifier on A0, the LED of pin 13, the serial
 * line of its USB plug at 115,200 bits/s. README.md beside this file has the wiring. */
#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#include "app.h"
#include "sampler.h"

#define BAUD 115200
/* kws deploy puts models here, above the program and below the boot loader */
#define MODEL_AT 0x6400
#define MODEL_CAPACITY 0xd00
#define SLOT_BYTES 32 /* of EEPROM, for a record of settings */

static kws_app app;
/* set before the others are cleared */
static uint8_t was_watchdog __attribute__((section(".noinit")));

/* Before main: the watchdog still runs after it has restarted the chip. */
__attribute__((naked, used, section(".init3"))) static void before_main(void) {
    was_watchdog = MCUSR & _BV(WDRF) ? 1 : 0;
    MCUSR = 0;
    wdt_disable();
}

/* ---- what the application asks for ---------------------------------------------------------- */

int kws_port_read(void) {
    uint8_t tail = typed_tail;
    if (tail == typed_head) return -1;
    uint8_t byte = typed[tail % TYPED_BYTES];
    typed_tail = (uint8_t)(tail + 1);
    return byte;
}

void kws_port_write(char byte) {
    while (!(UCSR0A & _BV(UDRE0))) continue; /* 87 us a byte at 115,200 */
    UDR0 = (uint8_t)byte;
}

/* What can be sent before the ring of samples is full: a byte takes less time than a sample. */
uint16_t kws_port_room(void) { return (uint16_t)(RING_SAMPLES - WAITING); }

uint8_t kws_port_baud(uint32_t bits_per_s) {
    if (bits_per_s < 9600 || bits_per_s > 250000) return 0;
    while (!(UCSR0A & _BV(UDRE0))) continue;
    UBRR0 = (uint16_t)((F_CPU / 8 + bits_per_s / 2) / bits_per_s - 1);
    return 1;
}

void kws_port_led(uint8_t is_on) {
    if (is_on) PORTB |= _BV(PORTB5);
    else PORTB &= (uint8_t)~_BV(PORTB5);
}

void kws_port_watchdog(void) { wdt_reset(); }

const KWS_FLASH uint8_t *kws_port_model(uint8_t index, uint32_t *capacity) {
    *capacity = MODEL_CAPACITY;
    return (const KWS_FLASH uint8_t *)(MODEL_AT + index * MODEL_CAPACITY);
}

void kws_port_load(uint8_t slot, uint8_t *bytes, uint8_t count) {
    eeprom_read_block(bytes, (const void *)(uint16_t)(slot * SLOT_BYTES), count);
}

/* 3.4 ms a byte that changes; the samples that are lost meanwhile are counted and reported. */
uint8_t kws_port_save(uint8_t slot, const uint8_t *bytes, uint8_t count) {
    uint8_t *to = (uint8_t *)(uint16_t)(slot * SLOT_BYTES);
    for (uint8_t i = 0; i < count; i++) {
        wdt_reset();
        eeprom_update_byte(to + i, bytes[i]);
    }
    for (uint8_t i = 0; i < count; i++)
        if (eeprom_read_byte(to + i) != bytes[i]) return 0;
    return 1;
}

/* ---- the program ----------------------------------------------------------------------------- */

static void start_line(void) {
    UCSR0A = _BV(U2X0);
    UCSR0B = _BV(TXEN0) | _BV(RXEN0);
    (void)kws_port_baud(BAUD);
}

/* The ADC's first conversion takes longer and counts for nothing. */
static void start_sampling(void) {
    ADMUX = _BV(REFS0) | _BV(ADLAR); /* A0 against the 5 V supply */
    DIDR0 = _BV(ADC0D);
    ADCSRA = _BV(ADEN) | _BV(ADSC) | 7; /* 125 kHz: 104 us a conversion */
    while (ADCSRA & _BV(ADSC)) continue;
    ADCSRA |= _BV(ADSC);
    OCR1A = CYCLES_PER_SAMPLE - 1;
    TCNT1 = 0;
    TIFR1 = _BV(OCF1A);
    TIMSK1 = _BV(OCIE1A);
    TCCR1B = _BV(WGM12) | _BV(CS10);
}

/* Hands over what the ring holds, up to its end; it keeps its room there until all is done. */
static uint8_t process(uint8_t tail) {
    uint8_t count = WAITING, left = (uint8_t)(RING_SAMPLES - tail);
    if (count > left) count = left;
    kws_app_process(&app, (const int16_t *)ring + tail, count);
    cli();
    WAITING = (uint8_t)(WAITING - count);
    uint16_t lost = lost_samples;
    lost_samples = 0;
    sei();
    if (lost) kws_app_lost(&app, lost);
    return (uint8_t)(count == left ? 0 : tail + count);
}

int main(void) {
    uint8_t tail = 0;
    DDRB = _BV(DDB5) | _BV(DDB2);
    start_line();
    kws_app_start(&app, was_watchdog);
    start_sampling();
    wdt_enable(WDTO_1S); /* longer than a reset of the largest model that keeps up */
    SMCR = 0;            /* sleeping is idling: timer, ADC and line go on */
    sei();
    for (;;) {
        if (WAITING < BLOCK_SAMPLES) {
            sleep_enable();
            sleep_cpu();
            continue;
        }
        PORTB |= _BV(PORTB2); /* high while it works: for an oscilloscope, and for simulate.c */
        tail = process(tail);
        PORTB &= (uint8_t)~_BV(PORTB2);
    }
}
