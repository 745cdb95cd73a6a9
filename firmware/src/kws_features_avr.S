/* The loops of kws_features.c for an AVR: window, mel bands, logarithm. */

#define ZERO r2
#define A3 r27
#define A2 r26
#define A1 r25
#define A0 r24
#include "kws_avr.inc"

.macro push_all
        .irp    r, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15, r16, r17, r28, r29
        push    \r
        .endr
.endm

.macro pop_all_and_return
        .irp    r, r29, r28, r17, r16, r15, r14, r13, r12, r11, r10, r9, r8, r7, r6, r5, r4, r3, r2
        pop     \r
        .endr
        clr     r1
        ret
.endm

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

/* uint32_t kws_avr_band(kws_avr_mel *state, const uint32_t *power, const uint16_t *rise, uint8_t bins);
 * state: 7 bytes of the sum that rises into this band, 7 bytes of the floor. Returns the energy's
 * mantissa, 16 bits below its first, and above them its number of bits. */
#define E6 r15
#define E5 r27
#define E4 r26
#define E3 r25
#define E2 r24
#define E1 r23
#define E0 r22
#define Z0 r14
        .section .text.kws_avr_band, "ax", @progbits
        .global kws_avr_band
        .type   kws_avr_band, @function
kws_avr_band:
        push_all
        push    r24
        push    r25
        clr     Z0
        .irp    r, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13
        clr     \r /* rising r8:r2, whole r13:r9 */
        .endr
        movw    r30, r20
        movw    r28, r22
        tst     r18
        breq    2f
        mov     r15, r18
1:      ld      r16, Y+
        ld      r17, Y+
        ld      r18, Y+
        ld      r19, Y+
        lpm     r20, Z+
        lpm     r21, Z+
        add     r9, r16
        adc     r10, r17
        adc     r11, r18
        adc     r12, r19
        adc     r13, Z0
        mul     r16, r20
        movw    r22, r0
        mul     r17, r21
        movw    r24, r0
        mul     r19, r21
        movw    r26, r0
        mul     r18, r20
        add     r24, r0
        adc     r25, r1
        adc     r26, Z0
        adc     r27, Z0
        mul     r17, r20
        add     r23, r0
        adc     r24, r1
        adc     r25, Z0
        adc     r26, Z0
        adc     r27, Z0
        mul     r16, r21
        add     r23, r0
        adc     r24, r1
        adc     r25, Z0
        adc     r26, Z0
        adc     r27, Z0
        mul     r19, r20
        add     r25, r0
        adc     r26, r1
        adc     r27, Z0
        mul     r18, r21
        add     r25, r0
        adc     r26, r1
        adc     r27, Z0
        add     r2, r22
        adc     r3, r23
        adc     r4, r24
        adc     r5, r25
        adc     r6, r26
        adc     r7, r27
        adc     r8, Z0
        dec     r15
        breq    2f
        rjmp    1b
2:      pop     r29
        pop     r28
        /* energy = what rose into it before + whole * 2^15 - what rises out of it + floor */
        mov     E6, r13
        mov     E5, r12
        mov     E4, r11
        mov     E3, r10
        mov     E2, r9
        clr     E1
        clr     E0
        lsr     E6
        ror     E5
        ror     E4
        ror     E3
        ror     E2
        ror     E1
        ldd     r16, Y+0
        add     E0, r16
        ldd     r16, Y+1
        adc     E1, r16
        ldd     r16, Y+2
        adc     E2, r16
        ldd     r16, Y+3
        adc     E3, r16
        ldd     r16, Y+4
        adc     E4, r16
        ldd     r16, Y+5
        adc     E5, r16
        ldd     r16, Y+6
        adc     E6, r16
        sub     E0, r2
        sbc     E1, r3
        sbc     E2, r4
        sbc     E3, r5
        sbc     E4, r6
        sbc     E5, r7
        sbc     E6, r8
        std     Y+0, r2
        std     Y+1, r3
        std     Y+2, r4
        std     Y+3, r5
        std     Y+4, r6
        std     Y+5, r7
        std     Y+6, r8
        ldd     r16, Y+7
        add     E0, r16
        ldd     r16, Y+8
        adc     E1, r16
        ldd     r16, Y+9
        adc     E2, r16
        ldd     r16, Y+10
        adc     E3, r16
        ldd     r16, Y+11
        adc     E4, r16
        ldd     r16, Y+12
        adc     E5, r16
        ldd     r16, Y+13
        adc     E6, r16
        /* the first bit to the top of E6:E4 */
        ldi     r18, 56
3:      tst     E6
        brne    4f
        mov     E6, E5
        mov     E5, E4
        mov     E4, E3
        mov     E3, E2
        mov     E2, E1
        mov     E1, E0
        clr     E0
        subi    r18, 8
        brne    3b
        ldi     r18, 1 /* no energy: one unit stands for it */
        clr     r22
        clr     r23
        rjmp    6f
4:      sbrc    E6, 7
        rjmp    5f
        lsl     E4
        rol     E5
        rol     E6
        dec     r18
        rjmp    4b
5:      lsl     E4
        rol     E5
        rol     E6
        mov     r23, E6
        mov     r22, E5
6:      mov     r24, r18
        clr     r25
        pop_all_and_return
        .size   kws_avr_band, .-kws_avr_band

/* int16_t kws_avr_log(uint32_t energy, uint8_t exponent);
 * energy as kws_avr_band returns it; log2 less the exponent, q10, saturated. */
        .section .text.kws_avr_log, "ax", @progbits
        .global kws_avr_log
        .type   kws_avr_log, @function
kws_avr_log:
        mov     r30, r23 /* six bits: the table's place */
        lsr     r30
        andi    r30, 0x7e
        clr     r31
        subi    r30, lo8(-(kws_log2_q15))
        sbci    r31, hi8(-(kws_log2_q15))
        lpm     r26, Z+
        lpm     r27, Z+
        lpm     r18, Z+
        lpm     r19, Z
        sub     r18, r26
        sbc     r19, r27
        andi    r23, 3 /* r23:r22 ten bits, r19:r18 the step: r21, r1:r0 their product, below 2^20 */
        sub     r24, r20 /* bits - exponent */
        clr     r21
        clr     r25
        mul     r18, r22
        mov     r31, r1
        mul     r19, r23
        mov     r21, r0
        mul     r18, r23
        add     r31, r0
        adc     r21, r1
        mul     r19, r22
        add     r31, r0
        adc     r21, r1
        subi    r31, 0xfe /* half of 2^10 */
        sbci    r21, 0xff
        lsr     r21
        ror     r31
        lsr     r21
        ror     r31
        add     r26, r31
        adc     r27, r21 /* log2 of the mantissa, q15, at most 32768 */
        ldi     r25, 16 /* half of 2^5 */
        add     r26, r25
        clr     r25
        adc     r27, r25
        ldi     r25, 8 /* >> 5 */
        mul     r26, r25
        mov     r26, r1
        mul     r27, r25
        or      r26, r0
        mov     r27, r1 /* r27:r26 q10, at most 1024 */
        dec     r24 /* (bits - 1 - exponent) * 1024: the byte above, four times */
        cpi     r24, 32
        brge    2f
        cpi     r24, -32
        brlt    3f
        lsl     r24
        lsl     r24
        add     r27, r24
        brvs    2f /* 31 and 1024: beyond the highest */
        movw    r24, r26
1:      clr     r1
        ret
2:      ldi     r24, 0xff
        ldi     r25, 0x7f
        rjmp    1b
3:      ldi     r24, 0x00 /* below the lowest, but for -33 and 1024, which is that */
        ldi     r25, 0x80
        rjmp    1b
        .size   kws_avr_log, .-kws_avr_log
