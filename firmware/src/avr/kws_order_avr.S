/* Before the stages of kws_fft.c, for an AVR: reversal and pairs. */

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
