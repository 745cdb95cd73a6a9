/* The boot ROM's first bytes and its table of functions. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .vectors, "ax"
    .word 0x20041f00 /* stack */
    .word reset
    .word nothing
    .word nothing
    .byte 'M', 'u', 1, 3
    .hword functions
    .hword 0 /* a table of data, which the image does not ask for */
    .hword lookup + 1
    .balign 4
functions:
    .byte 'I', 'F'
    .hword nothing + 1
    .byte 'E', 'X'
    .hword nothing + 1
    .byte 'R', 'E'
    .hword erase + 1
    .byte 'R', 'P'
    .hword program + 1
    .byte 'F', 'C'
    .hword nothing + 1
    .byte 'C', 'X'
    .hword nothing + 1
    .word 0
