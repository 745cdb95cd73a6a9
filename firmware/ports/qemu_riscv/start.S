/* From reset to main on QEMU's `virt`, which loads the program into RAM. */
    .section .text.start
    .globl kws_start
kws_start:
    .option arch, +zicsr
    la sp, kws_stack_top
    la t0, kws_fault
    csrw mtvec, t0
    la t0, kws_bss_start
    la t1, kws_bss_end
1:  bgeu t0, t1, 2f
    sw zero, 0(t0)
    addi t0, t0, 4
    j 1b
2:  call main
    call kws_semihosting_exit

    .balign 4
kws_fault:
    li a0, 3
    call kws_semihosting_exit
