/* A boot ROM for the emulator, in the place of the chip's own, which we may not ship: what it does
 * at reset and the six flash functions that the image calls, by the RP2040 data sheet 2.8.
 *
 * Flash in rp2040js is memory that can be written; programming here clears bits and erasing sets
 * them, as in a W25Q16, and both take a chip's time. */
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define FLASH 0x10000000u
#define BOOT2_AT 0x20041f00u /* the last 256 bytes of RAM */
#define TIMER_US 0x40054028u
#ifndef ERASE_US
#define ERASE_US 45000u /* of a sector; a page takes 0.4 ms */
#endif
#define PROGRAM_US 400u

void reset(void);
void nothing(void);
void erase(uint32_t at, uint32_t count, uint32_t block, uint8_t command);
void program(uint32_t at, const uint8_t *bytes, uint32_t count);
void *lookup(const uint16_t *table, uint32_t code);

static void wait(uint32_t microseconds) {
    uint32_t start = REG(TIMER_US);
    while (REG(TIMER_US) - start < microseconds) {}
}

static uint32_t crc32(const uint8_t *bytes, uint32_t count) {
    uint32_t crc = 0xffffffff;
    while (count--) {
        crc ^= (uint32_t)*bytes++ << 24;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 31 ? crc << 1 ^ 0x04c11db7u : crc << 1;
    }
    return crc;
}

/* Reads the second-stage boot into RAM and runs it, if its checksum fits; else the chip would now
 * be a USB drive: the breakpoint says so. */
void reset(void) {
    uint32_t *boot2 = (uint32_t *)(uintptr_t)BOOT2_AT;
    for (uint32_t i = 0; i < 64; i++) boot2[i] = REG(FLASH + 4 * i);
    if (crc32((const uint8_t *)boot2, 252) != boot2[63]) __asm volatile("bkpt 1");
    __asm volatile("mov r0, %0\n movs r1, #0\n mov lr, r1\n bx r0" ::"r"(BOOT2_AT | 1)
                   : "r0", "r1");
}

void nothing(void) {}

void erase(uint32_t at, uint32_t count, uint32_t block, uint8_t command) {
    (void)block, (void)command;
    for (uint32_t done = 0; done < count; done += 4) {
        if (done % 4096 == 0) wait(ERASE_US);
        REG(FLASH + at + done) = 0xffffffff;
    }
}

void program(uint32_t at, const uint8_t *bytes, uint32_t count) {
    for (uint32_t done = 0; done < count; done += 4) {
        uint32_t word = 0;
        for (uint32_t i = 0; i < 4; i++) word |= (uint32_t)bytes[done + i] << 8 * i;
        if (done % 256 == 0) wait(PROGRAM_US);
        REG(FLASH + at + done) &= word;
    }
}

/* The table: pairs of a two-letter code and a half-word address, up to a zero. */
void *lookup(const uint16_t *table, uint32_t code) {
    for (; table[0]; table += 2)
        if (table[0] == code) return (void *)(uintptr_t)table[1];
    return 0;
}
