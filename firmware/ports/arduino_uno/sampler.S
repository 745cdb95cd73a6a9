/* Every 125 us: takes the last conversion, starts the next, takes what came over the serial line.
 * (The ADC's own trigger would do the same on the chip; simavr has none from timer 1.) */
#define __SFR_OFFSET 0
#include <avr/io.h>

#include "sampler.h"

        .irp    name, ring, lost_samples, typed, typed_head, typed_tail
        .type   \name, @object
        .endr
        .size   ring, 2*RING_SAMPLES
        .size   lost_samples, 2
        .size   typed, TYPED_BYTES
        .size   typed_head, 1
        .size   typed_tail, 1

        .section .bss
        .global ring, lost_samples, typed, typed_head, typed_tail
ring:   .skip   2*RING_SAMPLES
lost_samples: .skip 2
typed:  .skip   TYPED_BYTES
typed_head: .skip 1
typed_tail: .skip 1

        .text
        .global TIMER1_COMPA_vect
TIMER1_COMPA_vect:
        push    r24
        in      r24, SREG
        push    r24
        push    r25
        push    r30
        push    r31
        lds     r24, ADCL
        lds     r25, ADCH
        subi    r25, 0x80 /* left adjusted, 0 to 0xffc0: -32768 to 32704 */
        ldi     r30, (1 << ADEN) | (1 << ADSC) | 7
        sts     ADCSRA, r30
        in      r30, WAITING
        cpi     r30, RING_SAMPLES
        breq    3f
        inc     r30
        out     WAITING, r30
        in      r30, HEAD
        clr     r31
        lsl     r30
        rol     r31
        subi    r30, lo8(-(ring))
        sbci    r31, hi8(-(ring))
        st      Z, r24
        std     Z+1, r25
        in      r30, HEAD
        inc     r30
        cpi     r30, RING_SAMPLES
        brne    1f
        clr     r30
1:      out     HEAD, r30
2:      lds     r24, UCSR0A
        sbrc    r24, RXC0
        rjmp    4f
        pop     r31
        pop     r30
        pop     r25
        pop     r24
        out     SREG, r24
        pop     r24
        reti
3:      lds     r24, lost_samples
        lds     r25, lost_samples+1
        adiw    r24, 1
        breq    2b /* as many as can be counted */
        sts     lost_samples, r24
        sts     lost_samples+1, r25
        rjmp    2b
4:      lds     r25, UDR0
        lds     r30, typed_head
        lds     r31, typed_tail
        mov     r24, r30
        sub     r24, r31
        cpi     r24, TYPED_BYTES
        brlo    5f
        dec     r30 /* no place: the last byte is no longer what was sent */
        clr     r25
5:      mov     r24, r30
        inc     r24
        sts     typed_head, r24
        andi    r30, TYPED_BYTES-1
        clr     r31
        subi    r30, lo8(-(typed))
        sbci    r31, hi8(-(typed))
        st      Z, r25
        rjmp    2b
