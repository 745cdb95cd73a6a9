/* Around the stages of the FFT, for an AVR: reversal, pairs and untangle of kws_fft.c, and the DCT. */

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

/* r25:r24 and r23:r22 become sum and difference, folded into r20. */
.macro sum_and_difference
        movw    r18, r24
        add     r24, r22
        adc     r25, r23
        sub     r18, r22
        sbc     r19, r23
.endm

.macro fold high
        mov     r0, \high
        sbrc    r0, 7
        com     r0
        or      r20, r0
.endm

/* uint8_t kws_avr_pairs(int16_t *z): 128 points; the upper byte of the folded magnitudes. */
        .section .text.kws_avr_pairs, "ax", @progbits
        .global kws_avr_pairs
        .type   kws_avr_pairs, @function
kws_avr_pairs:
        movw    r30, r24
        clr     r20
        ldi     r21, 64
1:      .irp    part, 0, 2
        ldd     r24, Z+\part
        ldd     r25, Z+\part+1
        ldd     r22, Z+\part+4
        ldd     r23, Z+\part+5
        sum_and_difference
        std     Z+\part, r24
        std     Z+\part+1, r25
        std     Z+\part+4, r18
        std     Z+\part+5, r19
        fold    r25
        fold    r19
        .endr
        adiw    r30, 8
        dec     r21
        brne    1b
        mov     r24, r20
        ret
        .size   kws_avr_pairs, .-kws_avr_pairs

/* void kws_avr_reverse(int16_t *z): 128 points to their places, in rings of seven.
 * Into place i comes the point (i & 1) << 6 | (i & 6) << 3 | (i >> 1) & 12 | i >> 5. */
        .section .text.kws_avr_reverse, "ax", @progbits
        .global kws_avr_reverse
        .type   kws_avr_reverse, @function
kws_avr_reverse:
        push    r14
        push    r15
        push    r16
        push    r17
        push    r28
        push    r29
        movw    r22, r24
        ldi     r30, lo8(kws_fft_rings)
        ldi     r31, hi8(kws_fft_rings)
        ldi     r25, 18
1:      lpm     r24, Z+
        mov     r20, r24 /* where the ring began */
        ldi     r21, 4
        mul     r24, r21
        movw    r26, r22
        add     r26, r0
        adc     r27, r1
        ld      r16, X+ /* its point waits for the last place */
        ld      r17, X+
        ld      r18, X+
        ld      r19, X
        sbiw    r26, 3
2:      mov     r21, r24 /* the place that r24's point comes from */
        lsr     r21
        andi    r21, 12
        mov     r0, r21
        mov     r21, r24
        andi    r21, 6
        lsl     r21
        lsl     r21
        lsl     r21
        or      r0, r21
        bst     r24, 0
        swap    r24
        lsr     r24
        andi    r24, 3
        bld     r24, 6
        or      r24, r0
        cp      r24, r20
        breq    3f
        ldi     r21, 4
        mul     r24, r21
        movw    r28, r22
        add     r28, r0
        adc     r29, r1
        ld      r14, Y
        ldd     r15, Y+1
        st      X+, r14
        st      X+, r15
        ldd     r14, Y+2
        ldd     r15, Y+3
        st      X+, r14
        st      X, r15
        movw    r26, r28
        rjmp    2b
3:      st      X+, r16
        st      X+, r17
        st      X+, r18
        st      X, r19
        dec     r25
        brne    1b
        pop     r29
        pop     r28
        pop     r17
        pop     r16
        pop     r15
        pop     r14
        clr     r1
        ret
        .size   kws_avr_reverse, .-kws_avr_reverse

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
