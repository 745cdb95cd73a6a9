/* The stages of kws_fft.c for an AVR: the same integers, from products of 8 by 8 bits.
 *
 * A component is 24 bits wide between loading and storing. Two shifts are multiplications, whose
 * length does not depend on the number of bits: value >> s is the upper part of value * 2^(8 - s).
 * One `folded` byte is enough: choose_shift asks whether more than 12 (or 14) bits are used, and
 * the bits above the eighth are those of the upper bytes. */

#define ZERO r2
#define UNSHIFT r3 /* 2^(8 - shift): stores a sum / 2^shift */
#define EIGHT r4
#define FOLDED r29

        .lcomm  turns, 12 /* cosine and sine of one, two and three angles */
        .lcomm  half, 1
        .lcomm  at_point, 2
        .lcomm  at_turn, 2
        .lcomm  left, 2 /* angles, groups */

#define A3 r27
#define A2 r26
#define A1 r25
#define A0 r24
#include "kws_avr.inc"

/* y2:y0 = (r27:r24 + 2^12) >> 13 */
.macro rounded_13 y2, y1, y0
        subi    r25, 0xf0
        sbci    r26, 0xff
        sbci    r27, 0xff
        mul     r25, EIGHT
        mov     \y0, r1
        mul     r26, EIGHT
        or      \y0, r0
        mov     \y1, r1
        mul     r27, EIGHT
        or      \y1, r0
        mov     \y2, r1
        sbrc    r27, 7
        sub     \y2, EIGHT
.endm

/* The point at Z and a turn; then r19:r16 and r23:r20 are ready for both components. */
.macro load_turn index
        ld      r16, Z
        ldd     r17, Z+1
        ldd     r18, Z+2
        ldd     r19, Z+3
        lds     r20, turns+4*\index
        lds     r21, turns+4*\index+1
        lds     r22, turns+4*\index+2
        lds     r23, turns+4*\index+3
.endm

.macro turned_re y2, y1, y0
        product r17, r16, r21, r20
        add_product r19, r18, r23, r22
        rounded_13 \y2, \y1, \y0
.endm

.macro turned_im y2, y1, y0
        product r19, r18, r21, r20
        subtract_product r17, r16, r23, r22
        rounded_13 \y2, \y1, \y0
.endm

/* y2:y0 = 4 * the int16 at Z+offset */
.macro load_scaled offset, y2, y1, y0
        ldd     \y0, Z+\offset
        ldd     \y1, Z+\offset+1
        clr     \y2
        sbrc    \y1, 7
        com     \y2
        lsl     \y0
        rol     \y1
        rol     \y2
        lsl     \y0
        rol     \y1
        rol     \y2
.endm

.macro add_half y2, y1, y0
        lds     r0, half
        add     \y0, r0
        adc     \y1, ZERO
        adc     \y2, ZERO
.endm

.macro move_Z bytes
        .if (\bytes) > 0 && (\bytes) < 64
        adiw    r30, \bytes
        .else
        .if (\bytes) < 0 && (\bytes) > -64
        sbiw    r30, -(\bytes)
        .else
        subi    r30, lo8(-(\bytes))
        sbci    r31, hi8(-(\bytes))
        .endif
        .endif
.endm

/* The sum in y2:y0 / 2^shift to Z+offset. */
.macro store_shifted offset, y2, y1, y0
        mul     \y0, UNSHIFT
        mov     r26, r1
        mul     \y1, UNSHIFT
        or      r26, r0
        mov     r27, r1
        mul     \y2, UNSHIFT
        or      r27, r0
        std     Z+\offset, r26
        std     Z+\offset+1, r27
        sbrc    r27, 7
        com     r27
        or      FOLDED, r27
.endm

/* From b - d in r7:r5 and r10:r8, b + d in r13:r11 and r28:r14 (re, im), c in r18:r16 (re) and on the
 * stack (im), and a at Z to the four points at Z. */
.macro four_points stride
        load_scaled 0, r21, r20, r19
        add_half r21, r20, r19
        difference_and_sum r21, r20, r19, r18, r17, r16 /* r21:r19 a - c, r18:r16 a + c */
        difference_and_sum r18, r17, r16, r13, r12, r11
        store_shifted 0, r13, r12, r11 /* a + c + (b + d) */
        move_Z  2*\stride
        store_shifted 0, r18, r17, r16 /* a + c - (b + d) */
        move_Z  -\stride
        difference_and_sum r21, r20, r19, r10, r9, r8
        store_shifted 0, r10, r9, r8 /* a - c + (b - d).im */
        move_Z  2*\stride
        store_shifted 0, r21, r20, r19 /* a - c - (b - d).im */
        move_Z  -3*\stride
        pop     r18
        pop     r17
        pop     r16
        load_scaled 2, r21, r20, r19
        add_half r21, r20, r19
        difference_and_sum r21, r20, r19, r18, r17, r16
        difference_and_sum r18, r17, r16, r28, r15, r14
        store_shifted 2, r28, r15, r14
        move_Z  2*\stride
        store_shifted 2, r18, r17, r16
        move_Z  -\stride
        difference_and_sum r21, r20, r19, r7, r6, r5
        store_shifted 2, r21, r20, r19 /* a - c - (b - d).re */
        move_Z  2*\stride
        store_shifted 2, r7, r6, r5 /* a - c + (b - d).re */
        move_Z  -3*\stride
.endm

.macro sums_of_b_and_d
        difference_and_sum r7, r6, r5, r13, r12, r11
        difference_and_sum r10, r9, r8, r28, r15, r14
.endm

.macro push_c_im
        push    r24
        push    r25
        push    r26
.endm

.macro plain stride
        move_Z  \stride
        load_scaled 0, r7, r6, r5
        load_scaled 2, r10, r9, r8
        move_Z  2*\stride
        load_scaled 0, r13, r12, r11
        load_scaled 2, r28, r15, r14
        sums_of_b_and_d
        move_Z  -\stride
        load_scaled 2, r26, r25, r24
        push_c_im
        load_scaled 0, r18, r17, r16
        move_Z  -2*\stride
        four_points \stride
.endm

.macro turned stride
        move_Z  \stride
        load_turn 0
        turned_re r7, r6, r5
        turned_im r10, r9, r8
        move_Z  2*\stride
        load_turn 2
        turned_re r13, r12, r11
        turned_im r28, r15, r14
        sums_of_b_and_d
        move_Z  -\stride
        load_turn 1
        /* rounded_13 reads r25 to r27 and writes the lowest byte first */
        product r19, r18, r21, r20
        subtract_product r17, r16, r23, r22
        subi    r25, 0xf0
        sbci    r26, 0xff
        sbci    r27, 0xff
        mul     r25, EIGHT
        mov     r24, r1
        mul     r26, EIGHT
        or      r24, r0
        mov     r25, r1
        mul     r27, EIGHT
        or      r25, r0
        mov     r26, r1
        sbrc    r27, 7
        sub     r26, EIGHT
        push_c_im
        product r17, r16, r21, r20
        add_product r19, r18, r23, r22
        rounded_13 r18, r17, r16
        move_Z  -2*\stride
        four_points \stride
.endm

/* One table entry after the other: the sine at Z, and the cosine, a quarter wave further. */
.macro fetch_turn index
        lpm     r16, Z+
        lpm     r17, Z
        sts     turns+4*\index+2, r16
        sts     turns+4*\index+3, r17
        subi    r30, lo8(-255)
        sbci    r31, hi8(-255)
        lpm     r16, Z+
        lpm     r17, Z
        sts     turns+4*\index, r16
        sts     turns+4*\index+1, r17
        subi    r30, lo8(257)
        sbci    r31, hi8(257)
.endm

/* All groups of 4 * quarter points, stride = 4 * quarter bytes. */
.macro stage_of stride, groups, angle_bytes
        ldi     r16, \groups
1:      sts     left+1, r16
        plain   \stride
        lds     r16, left+1
        dec     r16
        breq    2f
        move_Z  4*\stride
        rjmp    1b
2:      ldi     r24, lo8(kws_sine_q15)
        ldi     r25, hi8(kws_sine_q15)
        sts     at_turn, r24
        sts     at_turn+1, r25
        ldi     r16, \stride/4-1
        sts     left, r16
3:      /* the next angle, and its two and three times as far */
        lds     r30, at_turn
        lds     r31, at_turn+1
        subi    r30, lo8(-\angle_bytes)
        sbci    r31, hi8(-\angle_bytes)
        sts     at_turn, r30
        sts     at_turn+1, r31
        movw    r24, r30
        subi    r24, lo8(kws_sine_q15)
        sbci    r25, hi8(kws_sine_q15)
        fetch_turn 0
        add     r30, r24
        adc     r31, r25
        fetch_turn 1
        add     r30, r24
        adc     r31, r25
        fetch_turn 2
        lds     r30, at_point
        lds     r31, at_point+1
        adiw    r30, 4
        sts     at_point, r30
        sts     at_point+1, r31
        ldi     r16, \groups
4:      sts     left+1, r16
        turned  \stride
        lds     r16, left+1
        dec     r16
        breq    5f
        move_Z  4*\stride
        rjmp    4b
5:      lds     r16, left
        dec     r16
        breq    6f
        sts     left, r16
        rjmp    3b
6:      jmp     stage_end
.endm

/* uint8_t kws_avr_stage(int16_t *z, uint8_t quarter, uint8_t unshift, uint8_t half);
 * z: 128 points; quarter 2, 8 or 32; returns the folded magnitudes' upper byte. */
        .section .text.kws_avr_stage, "ax", @progbits
        .global kws_avr_stage
        .type   kws_avr_stage, @function
kws_avr_stage:
        .irp    r, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15, r16, r17, r28, r29
        push    \r
        .endr
        clr     ZERO
        mov     UNSHIFT, r20
        sts     half, r18
        ldi     r18, 8
        mov     EIGHT, r18
        clr     FOLDED
        movw    r30, r24
        sts     at_point, r24
        sts     at_point+1, r25
        cpi     r22, 8
        brlo    8f
        breq    7f
        jmp     of_32
7:      jmp     of_8
8:      stage_of 8, 16, 128
of_8:   stage_of 32, 4, 32
of_32:  stage_of 128, 1, 8
stage_end:
        mov     r24, FOLDED
        .irp    r, r29, r28, r17, r16, r15, r14, r13, r12, r11, r10, r9, r8, r7, r6, r5, r4, r3, r2
        pop     \r
        .endr
        clr     r1
        ret
        .size   kws_avr_stage, .-kws_avr_stage
