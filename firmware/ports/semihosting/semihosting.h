/* Files and text of the machine that emulates or debugs this one (Arm's and RISC-V's semihosting,
 * and for an AVR one of our own). */
#ifndef KWS_SEMIHOSTING_H
#define KWS_SEMIHOSTING_H

#include <stddef.h>

int kws_semihosting_open(const char *name);                       /* to read; negative: cannot */
size_t kws_semihosting_read(int file, void *bytes, size_t count); /* how many came */
void kws_semihosting_write(const char *text);
void kws_semihosting_exit(int status);
#if defined(__FLASH) && !defined(__STRICT_ANSI__)
/* an AVR's */
void kws_semihosting_write_flash(const __flash void *to, const void *from, size_t count);
#endif

#endif
