/* The parts of this port. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#define BLOCK_SAMPLES 256u /* 16 ms */
#define CLOCK_HZ 48000000u

void clocks_start(void);

void microphone_start(uint8_t is_i2s);
/* Waits, asleep, for the next block and copies it; returns how many samples were lost before it. */
uint32_t microphone_wait(int16_t samples[BLOCK_SAMPLES]);
void microphone_interrupt(void);

void uart_start(void);
/* A new rate, once all that was written has left. */
void uart_apply_baud(void);
void uart_interrupt(void);

int main(void);

#endif
