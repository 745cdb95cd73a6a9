/* The loops of kws_window.c for an AVR: the window. */

#define ZERO r2
#define A3 r27
#define A2 r26
#define A1 r25
#define A0 r24
#include "kws_avr.inc"

/* r21:r20 = the weight of the window at Z, the cosine in the table; Z goes on by two samples of 512. */
.macro next_weight
        lpm     r22, Z+
        lpm     r23, Z
        adiw    r30, 3
        clr     r20
        ldi     r21, 0x80
        sub     r20, r22
        sbc     r21, r23
        lsr     r21
        ror     r20
.endm

.macro magnitude high, low
        sbrs    \high, 7
        rjmp    .+6
        com     \high
        neg     \low
        sbci    \high, 0xff
.endm

/* uint32_t kws_avr_window_bits(const int16_t *samples);
 * The three upper bytes of the folded products, r25:r23. Of a pair with one weight the larger
 * magnitude, or the positive one, has the larger product: a negative product folds to one less. */
        .section .text.kws_avr_window_bits, "ax", @progbits
        .global kws_avr_window_bits
        .type   kws_avr_window_bits, @function
kws_avr_window_bits:
        .irp    r, r2, r3, r4, r5, r6, r7, r16, r17, r28, r29
        push    \r
        .endr
        clr     ZERO
        clr     r5 /* folded: r7:r5 */
        clr     r6
        clr     r7
        movw    r26, r24
        movw    r28, r24
        adiw    r26, 2
        inc     r29 /* the end, 512 bytes on */
        inc     r29
        ldi     r30, lo8(kws_sine_q15+2*(128+2))
        ldi     r31, hi8(kws_sine_q15+2*(128+2))
        ldi     r25, 128
        mov     r4, r25
1:      next_weight
        ld      r16, X+ /* the early sample */
        ld      r17, X+
        ld      r23, -Y /* the late one */
        ld      r22, -Y
        mov     r3, r17 /* bit 7: negative */
        magnitude r17, r16
        mov     r24, r23
        magnitude r23, r22
        cp      r16, r22
        cpc     r17, r23
        brlo    2f
        brne    3f
        sbrs    r3, 7 /* equal: the positive one */
        rjmp    3f
2:      movw    r16, r22
        mov     r3, r24
3:      mul     r16, r20
        mov     r18, r1
        mov     r19, r0 /* the lowest byte tells whether one less changes the others */
        mul     r17, r21
        movw    r24, r0
        mul     r17, r20
        add     r18, r0
        adc     r24, r1
        adc     r25, ZERO
        mul     r16, r21
        add     r18, r0
        adc     r24, r1
        adc     r25, ZERO
        sbrs    r3, 7
        rjmp    4f
        subi    r19, 1
        sbci    r18, 0
        sbci    r24, 0
        sbci    r25, 0
4:      or      r5, r18
        or      r6, r24
        or      r7, r25
        dec     r4
        brne    1b
        clr     r22
        mov     r23, r5
        mov     r24, r6
        mov     r25, r7
        .irp    r, r29, r28, r17, r16, r7, r6, r5, r4, r3, r2
        pop     \r
        .endr
        clr     r1
        ret
        .size   kws_avr_window_bits, .-kws_avr_window_bits

/* r23:r22 = r17:r16 * weight / 2^shift, rounded, of which b2:b0 are the bytes from (shift - 1) / 8 on
 * and r3 is 2^(8 - the rest); without bytes the shift is 0 */
.macro windowed b2, b1, b0
        product r17, r16, r21, r20
        .ifb \b2
        movw    r22, A0
        .else
        mul     \b0, r3
        lsl     r0
        adc     r1, ZERO
        mov     r22, r1
        mul     \b1, r3
        add     r22, r0
        adc     r1, ZERO
        mov     r23, r1
        mul     \b2, r3
        add     r23, r0
        .endif
.endm

.macro window_loop b2, b1, b0
1:      lpm     r22, Z+
        lpm     r23, Z
        adiw    r30, 3
        clr     r20
        ldi     r21, 0x80
        sub     r20, r22
        sbc     r21, r23
        lsr     r21
        ror     r20
        movw    r8, r30
        movw    r30, r6
        ld      r16, Z
        ldd     r17, Z+1
        windowed \b2, \b1, \b0
        st      Z+, r22
        st      Z+, r23
        movw    r6, r30
        movw    r30, r8
        ldd     r16, Y+0
        ldd     r17, Y+1
        dec     r4
        breq    2f
        windowed \b2, \b1, \b0
        std     Y+0, r22
        std     Y+1, r23
        sbiw    r28, 2
        rjmp    1b
2:      rjmp    windowed_end
.endm

/* void kws_avr_window(int16_t *samples, uint8_t whole_bytes, uint8_t unshift);
 * shift = 8 * whole_bytes + 1 to 8, unshift 2^(8 - that rest); unshift 0: no shift at all. */
        .section .text.kws_avr_window, "ax", @progbits
        .global kws_avr_window
        .type   kws_avr_window, @function
kws_avr_window:
        .irp    r, r2, r3, r4, r5, r6, r7, r8, r9, r16, r17, r28, r29
        push    \r
        .endr
        clr     ZERO
        mov     r3, r20
        movw    r30, r24
        st      Z+, ZERO
        st      Z+, ZERO
        movw    r6, r30
        movw    r28, r24
        subi    r28, lo8(-510)
        sbci    r29, hi8(-510)
        ldi     r30, lo8(kws_sine_q15+2*(128+2))
        ldi     r31, hi8(kws_sine_q15+2*(128+2))
        ldi     r25, 128
        mov     r4, r25
        clr     r5
        tst     r20
        breq    5f
        cpi     r22, 1
        brlo    3f
        breq    4f
        rjmp    window_2
4:      rjmp    window_1
5:      window_loop
3:      window_loop r26, r25, r24
window_1:
        window_loop r27, r26, r25
window_2: /* the byte above is the sign, in r5 */
1:      lpm     r22, Z+
        lpm     r23, Z
        adiw    r30, 3
        clr     r20
        ldi     r21, 0x80
        sub     r20, r22
        sbc     r21, r23
        lsr     r21
        ror     r20
        movw    r8, r30
        movw    r30, r6
        ld      r16, Z
        ldd     r17, Z+1
        clr     r5
        sbrc    r17, 7
        com     r5
        windowed r5, r27, r26
        st      Z+, r22
        st      Z+, r23
        movw    r6, r30
        movw    r30, r8
        ldd     r16, Y+0
        ldd     r17, Y+1
        dec     r4
        breq    windowed_end
        clr     r5
        sbrc    r17, 7
        com     r5
        windowed r5, r27, r26
        std     Y+0, r22
        std     Y+1, r23
        sbiw    r28, 2
        rjmp    1b
windowed_end:
        .irp    r, r29, r28, r17, r16, r9, r8, r7, r6, r5, r4, r3, r2
        pop     \r
        .endr
        clr     r1
        ret
        .size   kws_avr_window, .-kws_avr_window
