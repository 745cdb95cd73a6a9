/* The second-stage boot: 252 bytes that the boot ROM copies to RAM and runs, followed by their CRC-32,
 * which `kws.board_image` adds. It lets the processor read flash at 0x10000000 with the read command
 * 03h, which every SPI flash knows, and starts the image behind it. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .boot2, "ax"
    .equ SSI, 0x18000000
    .equ SSI_CTRLR1, 0x04
    .equ SSI_ENABLE, 0x08
    .equ SSI_BAUD, 0x14
    .equ SSI_SPI_CTRLR0, 0xf4
    .equ IMAGE, 0x10000100
    .equ VTOR, 0xe000ed08

    .global boot2
    .thumb_func
boot2:
    push {lr}
    ldr r3, =SSI
    movs r1, #0
    str r1, [r3, #SSI_ENABLE] /* settings are taken only while it is off */
    movs r1, #4
    str r1, [r3, #SSI_BAUD] /* clk_sys / 4: 12 MHz; even a slow flash reads at 33 */
    ldr r1, =(31 << 16) | (3 << 8) /* 32-bit words, "EEPROM read": send, then receive */
    str r1, [r3]
    ldr r1, =(0x03 << 24) | (2 << 8) | (6 << 2) /* 8 bits of command, 24 of address, one wire */
    movs r2, #SSI_SPI_CTRLR0
    str r1, [r3, r2]
    movs r1, #0
    str r1, [r3, #SSI_CTRLR1] /* one word at a time */
    movs r1, #1
    str r1, [r3, #SSI_ENABLE]
    pop {r0}
    cmp r0, #0 /* the boot ROM's way of saying: go on into the image */
    beq 1f
    bx r0
1:  ldr r0, =IMAGE
    ldr r1, =VTOR
    str r0, [r1]
    ldmia r0!, {r1, r2} /* stack and reset handler */
    msr msp, r1
    bx r2
    .ltorg
