/* Copies the whole program from flash to RAM and runs it there: no wait for flash, no jitter, and the
 * interrupts go on while a setting is written to flash. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .start, "ax"
    .word stack_top
    .word start
    .rept 14
    .word start
    .endr

    .global start
    .thumb_func
start:
    ldr r0, =ram_start
    ldr r1, =ram_image
    ldr r2, =ram_end
1:  cmp r0, r2
    bhs 2f
    ldmia r1!, {r3}
    stmia r0!, {r3}
    b 1b
2:  ldr r2, =bss_end /* bss follows at once */
    movs r3, #0
3:  cmp r0, r2
    bhs 4f
    stmia r0!, {r3}
    b 3b
4:  ldr r0, =vectors
    ldr r1, =0xe000ed08 /* VTOR */
    str r0, [r1]
    ldr r0, =main
    bx r0
    .ltorg

    .section .vectors, "aw"
    .global vectors
vectors:
    .word stack_top
    .word start
    .rept 14
    .word stop
    .endr
    .rept 5
    .word stop
    .endr
    .word usb_interrupt /* 5: USBCTRL_IRQ */
    .rept 5
    .word stop
    .endr
    .word microphone_interrupt /* 11: DMA_IRQ_0 */
    .rept 8
    .word stop
    .endr
    .word uart_interrupt /* 20: UART0_IRQ */
    .rept 11
    .word stop
    .endr

    .section .text.stop, "ax"
    .thumb_func
stop: /* a fault, or an interrupt that nobody asked for: the watchdog restarts the board */
    b stop
