/* After main: its result to the machine. avr-libc has it in the registers of a first argument
 * here. */
#include "semihosting.h"

__attribute__((naked, used, section(".fini8"))) static void tell_status(void) {
    __asm__ volatile("call kws_semihosting_exit");
}
