/* Files and text of the machine that emulates or debugs this one (Arm's and RISC-V's semihosting). */
#ifndef KWS_SEMIHOSTING_H
#define KWS_SEMIHOSTING_H

#include <stddef.h>

int kws_semihosting_open(const char *name);                          /* to read; negative: cannot */
size_t kws_semihosting_read(int file, void *bytes, size_t count);    /* how many came */
void kws_semihosting_write(const char *text);
void kws_semihosting_exit(int status);

#endif
