/* After the stages of kws_fft.c, for an AVR: untangle. */

#define ZERO r2
#define UNSHIFT r3 /* 2^(8 - shift) */
#define EIGHT r4
#define A3 r15
#define A2 r14
#define A1 r13
#define A0 r12
#include "kws_avr.inc"

.macro sign_of top, high
        clr     \top
        sbrc    \high, 7
        com     \top
.endm

.macro subtract_wide_product vt, v1, v0, c1, c0
        mulsu   \c1, \v1
        sub     A2, r0
        sbc     A3, r1
        mul     \c0, \v0
        sub     A0, r0
        sbc     A1, r1
        sbc     A2, ZERO
        sbc     A3, ZERO
        mulsu   \c1, \v0
        adc     A3, ZERO
        sub     A1, r0
        sbc     A2, r1
        sbc     A3, ZERO
        mul     \c0, \v1
        sub     A1, r0
        sbc     A2, r1
        sbc     A3, ZERO
        sbrs    \vt, 7
        rjmp    .+4
        add     A2, \c0
        adc     A3, \c1
.endm

/* t1:t0 = |v2:v0 / 2^shift, rounded|: below 2^16 */
.macro rounded_magnitude v2, v1, v0, t1, t0
        mul     \v0, UNSHIFT
        lsl     r0 /* its bit 7 is the half that rounds */
        adc     r1, ZERO
        mov     \t0, r1
        mul     \v1, UNSHIFT
        add     \t0, r0
        adc     r1, ZERO
        mov     \t1, r1
        mul     \v2, UNSHIFT
        add     \t1, r0
        sbrs    \v2, 7
        rjmp    .+6
        com     \t1
        neg     \t0
        sbci    \t1, 0xff
.endm

/* A3:A0 = the squares of two components, each of 24 bits, / 2^shift */
.macro power_of r2_, r1_, r0_, i2_, i1_, i0_
        rounded_magnitude \r2_, \r1_, \r0_, r23, r22
        mul     r22, r22
        movw    A0, r0
        mul     r23, r23
        movw    A2, r0
        mul     r22, r23
        add     A1, r0
        adc     A2, r1
        adc     A3, ZERO
        add     A1, r0
        adc     A2, r1
        adc     A3, ZERO
        rounded_magnitude \i2_, \i1_, \i0_, r23, r22
        mul     r22, r22
        add     A0, r0
        adc     A1, r1
        adc     A2, ZERO
        adc     A3, ZERO
        mul     r23, r23
        add     A2, r0
        adc     A3, r1
        mul     r22, r23
        add     A1, r0
        adc     A2, r1
        adc     A3, ZERO
        add     A1, r0
        adc     A2, r1
        adc     A3, ZERO
.endm

.macro times_four x2, x1, x0
        lsl     \x0
        rol     \x1
        rol     \x2
        lsl     \x0
        rol     \x1
        rol     \x2
.endm

/* void kws_avr_untangle(int16_t *z, uint8_t unshift);
 * X goes up from point 1, Y down from point 127, Z through the sines. */
        .section .text.kws_avr_untangle, "ax", @progbits
        .global kws_avr_untangle
        .type   kws_avr_untangle, @function
kws_avr_untangle:
        .irp    r, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15, r16, r17, r28, r29
        push    \r
        .endr
        clr     ZERO
        mov     UNSHIFT, r22
        movw    r26, r24
        movw    r28, r24
        ldi     r24, 8
        mov     EIGHT, r24
        adiw    r26, 4
        subi    r28, lo8(-4*127)
        sbci    r29, hi8(-4*127)
        ldi     r30, lo8(kws_sine_q15+4)
        ldi     r31, hi8(kws_sine_q15+4)
1:      ld      r12, X+ /* low.re, low.im */
        ld      r13, X+
        ld      r14, X+
        ld      r15, X+
        sbiw    r26, 4
        ldd     r16, Y+0 /* high.re, high.im */
        ldd     r17, Y+1
        ldd     r20, Y+2
        ldd     r21, Y+3
        sign_of r24, r13
        sign_of r25, r17
        movw    r6, r12 /* r5, r7:r6 even.re = low.re + high.re */
        add     r6, r16
        adc     r7, r17
        mov     r5, r24
        adc     r5, r25
        movw    r18, r16 /* r25, r19:r18 odd.im = high.re - low.re */
        sub     r18, r12
        sbc     r19, r13
        sbc     r25, r24
        sign_of r24, r15
        sign_of r11, r21
        movw    r8, r14 /* r10:r8 even.im = low.im - high.im */
        sub     r8, r20
        sbc     r9, r21
        mov     r10, r24
        sbc     r10, r11
        movw    r16, r14 /* r24, r17:r16 odd.re = low.im + high.im */
        add     r16, r20
        adc     r17, r21
        adc     r24, r11
        times_four r5, r7, r6
        times_four r10, r9, r8
        lpm     r22, Z+ /* sine */
        lpm     r23, Z
        subi    r30, lo8(-255)
        sbci    r31, hi8(-255)
        lpm     r20, Z+ /* cosine */
        lpm     r21, Z
        subi    r30, lo8(253)
        sbci    r31, hi8(253)
        wide_product r24, r17, r16, r21, r20
        add_wide_product r25, r19, r18, r23, r22
        /* turned.re, rounded by 2^13, to the stack, the lowest byte first */
        mul     A1, EIGHT
        lsl     r0
        adc     r1, ZERO
        mov     r11, r1
        mul     A2, EIGHT
        add     r11, r0
        push    r11
        adc     r1, ZERO
        mov     r11, r1
        mul     A3, EIGHT
        add     r11, r0
        push    r11
        adc     r1, ZERO
        sbrc    A3, 7
        sub     r1, EIGHT
        push    r1
        wide_product r25, r19, r18, r21, r20
        subtract_wide_product r24, r17, r16, r23, r22
        mul     A1, EIGHT /* turned.im to r18:r16 */
        lsl     r0
        adc     r1, ZERO
        mov     r16, r1
        mul     A2, EIGHT
        add     r16, r0
        adc     r1, ZERO
        mov     r17, r1
        mul     A3, EIGHT
        add     r17, r0
        adc     r1, ZERO
        mov     r18, r1
        sbrc    A3, 7
        sub     r18, EIGHT
        pop     r21
        pop     r20
        pop     r19
        difference_and_sum r5, r7, r6, r21, r20, r19
        difference_and_sum r18, r17, r16, r10, r9, r8
        power_of r5, r7, r6, r18, r17, r16
        std     Y+0, A0
        std     Y+1, A1
        std     Y+2, A2
        std     Y+3, A3
        power_of r21, r20, r19, r10, r9, r8
        st      X+, A0
        st      X+, A1
        st      X+, A2
        st      X+, A3
        sbiw    r28, 4
        cp      r28, r26
        cpc     r29, r27
        brlo    2f
        rjmp    1b
2:      .irp    r, r29, r28, r17, r16, r15, r14, r13, r12, r11, r10, r9, r8, r7, r6, r5, r4, r3, r2
        pop     \r
        .endr
        clr     r1
        ret
        .size   kws_avr_untangle, .-kws_avr_untangle
