#include "semihosting.h"

#include <stdint.h>

#if defined(__AVR__)
#include "../simavr/door.h"
#endif

enum { SYS_OPEN = 0x01, SYS_WRITE0 = 0x04, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
#define STOPPED_APPLICATION_EXIT 0x20026u
#define OPEN_READ_BINARY 1u

/* The operation in the first argument's register, its parameters' address in the second's. */
static intptr_t call(int operation, const void *parameters) {
#if defined(__riscv)
    register intptr_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = parameters;
    __asm__ volatile(".option push\n .option norvc\n .balign 16\n"
                     "slli zero, zero, 0x1f\n ebreak\n srai zero, zero, 7\n .option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
#elif defined(__AVR__)
    *(const void *volatile *)KWS_DOOR_LOW = parameters;
    __asm__ volatile("" : : : "memory");
    *(volatile uint8_t *)KWS_DOOR = (uint8_t)operation;
    __asm__ volatile("" : : : "memory");
    return *(volatile intptr_t *)KWS_DOOR_LOW;
#else
    register intptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = parameters;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory", "cc");
    return r0;
#endif
}

static size_t length(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}

int kws_semihosting_open(const char *name) {
    uintptr_t parameters[] = {(uintptr_t)name, OPEN_READ_BINARY, length(name)};
    return (int)call(SYS_OPEN, parameters);
}

size_t kws_semihosting_read(int file, void *bytes, size_t count) {
    uintptr_t parameters[] = {(uintptr_t)file, (uintptr_t)bytes, count};
    return count - (size_t)call(SYS_READ, parameters); /* it answers with what is lacking */
}

#if defined(__FLASH) && !defined(__STRICT_ANSI__)
void kws_semihosting_write_flash(const __flash void *to, const void *from, size_t count) {
    uintptr_t parameters[] = {(uintptr_t)to, (uintptr_t)from, count};
    (void)call(KWS_DOOR_WRITE_FLASH, parameters);
}
#endif

void kws_semihosting_write(const char *text) { (void)call(SYS_WRITE0, text); }

void kws_semihosting_exit(int status) {
    uintptr_t parameters[] = {(uintptr_t)STOPPED_APPLICATION_EXIT, (uintptr_t)status};
    (void)call(SYS_EXIT_EXTENDED, parameters);
    for (;;) {}
}
