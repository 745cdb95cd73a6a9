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
uint32_t uart_room(void);
void uart_write(char byte); /* waits while there is no room, but not for ever */
int uart_read(void);        /* -1: nothing */
uint8_t uart_baud(uint32_t bits_per_s);
/* A new rate, once all that was written has left. */
void uart_apply_baud(void);
void uart_interrupt(void);

int main(void);

#endif
