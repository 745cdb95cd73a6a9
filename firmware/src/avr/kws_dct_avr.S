/* The DCT of kws_cepstrum.c for an AVR. */

#define ZERO r2
#define A3 r15
#define A2 r14
#define A1 r13
#define A0 r12
#include "kws_avr.inc"

/* int32_t kws_avr_dct(const int16_t *log, const int16_t *cosine, uint8_t k);
 * The sum over 12 pairs from both ends of 24: (low +- high) * cosine of 2 pi (2 m + 1) k / 96. */
.macro pairs_of sign, carry
1:      lpm     r20, Z+
        lpm     r21, Z
        ld      r16, X+
        ld      r17, X+
        ld      r19, -Y
        ld      r18, -Y
        clr     r22
        \sign  r16, r18
        \carry r17, r19
        brge    .+2
        com     r22
        add_wide_product r22, r17, r16, r21, r20
        add     r30, r8 /* 2 k on, less the byte that is past; around at the end of the wave */
        adc     r31, r9
        cp      r30, r6
        cpc     r31, r7
        brlo    2f
        subi    r30, 192
        sbci    r31, 0
2:      dec     r10
        brne    1b
.endm
        .section .text.kws_avr_dct, "ax", @progbits
        .global kws_avr_dct
        .type   kws_avr_dct, @function
kws_avr_dct:
        .irp    r, r2, r6, r7, r8, r9, r10, r12, r13, r14, r15, r16, r17, r28, r29
        push    \r
        .endr
        clr     ZERO
        movw    r26, r24
        movw    r28, r24
        adiw    r28, 48
        movw    r30, r22
        subi    r22, lo8(-192) /* the wave's end */
        sbci    r23, hi8(-192)
        movw    r6, r22
        add     r30, r20
        adc     r31, ZERO
        add     r30, r20
        adc     r31, ZERO
        mov     r16, r20
        lsl     r16 /* bytes: four times k, below 128 */
        lsl     r16
        subi    r16, 1
        mov     r8, r16
        clr     r9
        sbrc    r16, 7 /* k is 0 */
        com     r9
        ldi     r16, 12
        mov     r10, r16
        clr     r12
        clr     r13
        movw    r14, r12
        sbrc    r20, 0
        rjmp    odd
        pairs_of add, adc
        rjmp    summed
odd:    pairs_of sub, sbc
summed: movw    r22, r12
        movw    r24, r14
        .irp    r, r29, r28, r17, r16, r15, r14, r13, r12, r10, r9, r8, r7, r6, r2
        pop     \r
        .endr
        clr     r1
        ret
        .size   kws_avr_dct, .-kws_avr_dct
