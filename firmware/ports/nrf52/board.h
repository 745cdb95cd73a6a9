/* The parts of the nRF52 boards. board_pins.h, of each board, names its pins. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#define BLOCK_SAMPLES 256u /* 16 ms */
#define BLOCKS 4u

/* A board's microphone fills the blocks one after the other. Its DMA takes over an address at the
 * moment a block begins; then its interrupt calls this, which returns where the next one is to go.
 * microphone_blocks[0] is the first. */
extern int16_t microphone_blocks[BLOCKS][BLOCK_SAMPLES];
int16_t *microphone_block_begun(void);
void microphone_start(void);
void microphone_interrupt(void);
int16_t microphone_sample(int16_t raw); /* of a block: as the engine wants it */

/* Waits, asleep, for the next block and copies it; returns how many samples were lost before it. */
uint32_t microphone_wait(int16_t samples[BLOCK_SAMPLES]);

void uart_start(void);
void uart_apply_baud(void); /* once all that was written has left */
void uart_interrupt(void);

void start(void);
int main(void);

#endif
