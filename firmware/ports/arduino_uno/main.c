#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

#include "kws.h"

#define MODEL_AT 0x6000
#ifndef SAMPLE_CYCLES
#define SAMPLE_CYCLES 2000
#endif
#define RING 96
static volatile int16_t ring[RING];
static volatile uint8_t head, waiting;
static uint8_t tail;
static volatile uint16_t lost;
static kws_spotter spotter;

ISR(TIMER1_COMPA_vect) {
    uint16_t code = ADC; /* left adjusted */
    ADCSRA = ADCSRA | _BV(ADSC);
    if (waiting == RING) { lost++; return; }
    ring[head] = (int16_t)(code ^ 0x8000u);
    head = (uint8_t)(head + 1 == RING ? 0 : head + 1);
    waiting++;
}
static void put(char c) { while (!(UCSR0A & _BV(UDRE0))) continue; UDR0 = (uint8_t)c; }
static void number(int32_t n) { char b[12]; uint8_t i = 0; uint32_t m = n < 0 ? (uint32_t)-n : (uint32_t)n; if (n < 0) put('-'); do b[i++] = (char)('0' + m % 10); while (m /= 10); while (i) put(b[--i]); }

int main(void) {
    UBRR0 = 16; UCSR0A = _BV(U2X0); UCSR0B = _BV(TXEN0) | _BV(RXEN0);
    DDRB |= _BV(5) | _BV(2);
    kws_status status = kws_spotter_init(&spotter, (const KWS_FLASH void *)MODEL_AT, 1001);
    put('S'); number(status); put('\n');
    ADMUX = _BV(REFS0) | _BV(ADLAR); ADCSRA = _BV(ADEN) | _BV(ADSC) | 7; while (ADCSRA & _BV(ADSC)) continue; ADCSRA |= _BV(ADSC);
    TCCR1A = 0; TCCR1B = _BV(WGM12) | _BV(CS10); OCR1A = SAMPLE_CYCLES - 1; TIMSK1 = _BV(OCIE1A);
    sei();
    uint16_t reported = 0;
    for (;;) {
        kws_detection d;
        set_sleep_mode(SLEEP_MODE_IDLE);
        while (waiting < 16) sleep_mode();
        uint8_t n = 16;
        int16_t chunk[16];
        for (uint8_t i = 0; i < n; i++) { chunk[i] = ring[tail]; tail = (uint8_t)(tail + 1 == RING ? 0 : tail + 1); }
        cli(); waiting = (uint8_t)(waiting - n); sei();
        uint32_t before = spotter.frames;
        PORTB |= _BV(2);
        (void)kws_spotter_process(&spotter, chunk, n, &d);
        PORTB &= (uint8_t)~_BV(2);
        if (spotter.frames != before) { number(spotter.detector.score_q10[0]); put('\n'); }
        if (d.word != KWS_NO_WORD) { put('D'); number((int32_t)d.frame); put(' '); number(d.score_q10); put('\n'); }
        if (lost != reported) { reported = lost; put('L'); number(lost); put('\n'); }
    }
}
