/* The loops of kws_matrix.c and kws_fastgrnn.c for an AVR. */

/* r21:r19 += the byte at X * a weight, 16 times as large, in r22; r18 is zero */
.macro add_weight
        ld      r23, X+
        muls    r22, r23
        sbc     r21, r18 /* the carry is the product's sign */
        add     r19, r0
        adc     r20, r1
        adc     r21, r18
.endm

/* int32_t kws_avr_row4(const int8_t *weights, const int8_t *x, uint8_t cols, uint16_t scale);
 * weights in flash, two a byte, the even column in the low half; scale: the multiplier, and the shift
 * above it. */
        .section .text.kws_avr_row4, "ax", @progbits
        .global kws_avr_row4
        .type   kws_avr_row4, @function
kws_avr_row4:
        push    r16
        push    r17
        movw    r30, r24
        movw    r26, r22
        movw    r16, r18 /* r16 multiplier, r17 shift */
        mov     r24, r20 /* columns: pairs, and in T whether there is one more */
        bst     r24, 0
        clr     r18
        clr     r19
        clr     r20
        clr     r21
        lsr     r24
        breq    2f
1:      lpm     r25, Z+
        mov     r22, r25
        swap    r22
        andi    r22, 0xf0
        add_weight
        mov     r22, r25
        andi    r22, 0xf0
        add_weight
        dec     r24
        brne    1b
2:      brtc    3f
        lpm     r22, Z
        swap    r22
        andi    r22, 0xf0
        add_weight
3:      subi    r17, -4 /* the sum is 16 times as large */
        mul     r19, r16
        movw    r22, r0
        mulsu   r21, r16
        movw    r24, r0
        mul     r20, r16
        add     r23, r0
        adc     r24, r1
        adc     r25, r18
        clr     r26 /* what is shifted out, for rounding */
4:      cpi     r17, 8
        brlo    5f
        mov     r26, r22
        mov     r22, r23
        mov     r23, r24
        mov     r24, r25
        clr     r25
        sbrc    r24, 7
        com     r25
        subi    r17, 8
        rjmp    4b
5:      tst     r17
        breq    7f
        ldi     r19, 128 /* 2^(8 - shift) */
        rjmp    .+2
6:      lsr     r19
        dec     r17
        brne    6b
        mul     r22, r19 /* r26 below the point */
        mov     r26, r0
        mov     r22, r1
        mul     r23, r19
        or      r22, r0
        mov     r23, r1
        mul     r24, r19
        or      r23, r0
        mov     r24, r1
        mov     r20, r25
        mul     r25, r19
        or      r24, r0
        mov     r25, r1
        sbrs    r20, 7
        rjmp    7f
        neg     r19 /* the sign: all ones above */
        or      r25, r19
7:      lsl     r26
        adc     r22, r18
        adc     r23, r18
        adc     r24, r18
        adc     r25, r18
        mov     r26, r25
        inc     r26
        cpi     r26, 2
        brlo    8f
        clr     r22 /* beyond 2^24: hostile scales alone */
        clr     r23
        clr     r24
        mov     r26, r25
        ldi     r25, 1
        sbrc    r26, 7
        ldi     r25, 0xff
8:      pop     r17
        pop     r16
        clr     r1
        ret
        .size   kws_avr_row4, .-kws_avr_row4

/* uint16_t kws_avr_sigmoid(int32_t x_q12); */
        .section .text.kws_avr_sigmoid, "ax", @progbits
        .global kws_avr_sigmoid
        .type   kws_avr_sigmoid, @function
kws_avr_sigmoid:
        bst     r25, 7
        brtc    1f
        com     r25
        com     r24
        com     r23
        neg     r22
        sbci    r23, 0xff
        sbci    r24, 0xff
        sbci    r25, 0xff
1:      or      r25, r24
        brne    2f
        sbrs    r23, 7
        rjmp    3f
2:      ldi     r22, 0xff /* 8: the table's end */
        ldi     r23, 0x7f
3:      mov     r30, r23
        andi    r30, 0xfe
        clr     r31
        subi    r30, lo8(-(kws_sigmoid_q15))
        sbci    r31, hi8(-(kws_sigmoid_q15))
        lpm     r18, Z+
        lpm     r19, Z+
        lpm     r20, Z+
        lpm     r21, Z
        sub     r20, r18
        sbc     r21, r19
        clr     r26
        mul     r20, r22
        mov     r25, r1
        mul     r21, r22
        add     r25, r0
        adc     r26, r1
        sbrs    r23, 0
        rjmp    4f
        add     r25, r20
        adc     r26, r21
4:      subi    r25, 0xff
        sbci    r26, 0xff
        lsr     r26
        ror     r25
        add     r18, r25
        adc     r19, r26
        brtc    5f
        clr     r24 /* mirrored: 32768 less it */
        ldi     r25, 0x80
        sub     r24, r18
        sbc     r25, r19
        rjmp    6f
5:      movw    r24, r18
6:      clr     r1
        ret
        .size   kws_avr_sigmoid, .-kws_avr_sigmoid

#define ZERO r31
#define A3 r27
#define A2 r26
#define A1 r25
#define A0 r24
#include "kws_avr.inc"

/* r25:r24 = keep (r25:r24) h (r23:r22) + write c (r19:r18), of write a half in r21:r20 */
        .section .text.kws_avr_update, "ax", @progbits
        .type   kws_avr_mix, @function
kws_avr_mix:
        push    r16
        push    r17
        clr     ZERO
        movw    r16, r24
        product r17, r16, r23, r22
        lsl     A0
        rol     A1
        rol     A2
        rol     A3
        lsl     A1
        adc     A2, ZERO
        adc     A3, ZERO
        movw    r22, A2
        product r21, r20, r19, r18
        lsl     A0
        rol     A1
        rol     A2
        rol     A3
        lsl     A1 /* 17 bits: r30, A3:A2 */
        rol     A2
        rol     A3
        sbc     r30, r30
        lsl     A1
        adc     A2, ZERO
        adc     A3, ZERO
        adc     r30, ZERO
        clr     r21
        sbrc    r23, 7
        com     r21
        add     r22, A2
        adc     r23, A3
        adc     r30, r21
        movw    r24, r22
        mov     r22, r30 /* beyond 16 bits where the sign says otherwise */
        lsl     r23
        adc     r22, ZERO
        breq    1f
        ldi     r24, 0xff
        ldi     r25, 0x7f
        sbrs    r30, 7
        rjmp    1f
        clr     r24
        ldi     r25, 0x80
1:      pop     r17
        pop     r16
        clr     r1
        ret
        .size   kws_avr_mix, .-kws_avr_mix

/* r25:r22 = the sum in r15:r12 + a bias, q5 to q12 */
.macro with_bias bias
        clr     r18
        mov     r19, \bias
        asr     r19
        ror     r18
        clr     r20
        sbrc    r19, 7
        com     r20
        movw    r22, r12
        movw    r24, r14
        add     r22, r18
        adc     r23, r19
        adc     r24, r20
        adc     r25, r20
.endm

/* int16_t kws_avr_update(int32_t pre_q12, uint16_t biases, uint16_t zeta_nu, int16_t h_q15);
 * biases: the gate's below the update's; zeta below nu. */
        .section .text.kws_avr_update, "ax", @progbits
        .global kws_avr_update
        .type   kws_avr_update, @function
kws_avr_update:
        .irp    r, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15
        push    \r
        .endr
        movw    r12, r22
        movw    r14, r24
        mov     r8, r20 /* the gate's bias */
        movw    r6, r18 /* r6 zeta, r7 nu */
        with_bias r21
        lsl     r22
        rol     r23
        rol     r24
        rol     r25
        call    kws_avr_sigmoid
        lsl     r24
        rol     r25
        subi    r25, 0x80
        movw    r10, r24 /* tanh */
        with_bias r8
        call    kws_avr_sigmoid
        clr     r20 /* r21:r20 = half of zeta (1 - z) + nu, r25:r24 is still z */
        ldi     r21, 0x80
        sub     r20, r24
        sbc     r21, r25
        clr     r23
        mul     r20, r6
        mov     r22, r1
        lsl     r0 /* rounds */
        adc     r22, r23
        adc     r23, r23
        mul     r21, r6
        add     r22, r0
        adc     r23, r1
        clr     r20
        mov     r21, r7
        lsr     r21
        ror     r20
        add     r20, r22
        adc     r21, r23
        lsr     r21
        ror     r20
        movw    r22, r16
        movw    r18, r10
        .irp    r, r15, r14, r13, r12, r11, r10, r9, r8, r7, r6
        pop     \r
        .endr
        jmp     kws_avr_mix
        .size   kws_avr_update, .-kws_avr_update
