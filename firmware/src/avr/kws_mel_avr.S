/* The loops of kws_mel.c for an AVR: mel bands and their logarithm. */

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
