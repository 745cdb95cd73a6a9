/* The interrupt that samples, and what it shares with the main program. */
#ifndef SAMPLER_H
#define SAMPLER_H

#define CYCLES_PER_SAMPLE 2000 /* 16 MHz / 8 kHz */
/* 22 ms: a frame's time, with the largest model, and a line's; at most 255 */
#define RING_SAMPLES 176
#define BLOCK_SAMPLES 16 /* handed over at a time, or more; the ring is a multiple of it */
#define TYPED_BYTES 16   /* of the serial line, a power of two */

/* General-purpose registers of the chip, one cycle away. */
#define WAITING GPIOR0 /* samples in the ring */
#define HEAD GPIOR1    /* the place of the next one in it */

#ifndef __ASSEMBLER__
#include <stdint.h>

extern volatile int16_t ring[RING_SAMPLES];
extern volatile uint16_t lost_samples; /* the ring was full */
extern volatile uint8_t typed[TYPED_BYTES];
extern volatile uint8_t typed_head; /* counts up; one that finds no place becomes a 0 in the last */
extern volatile uint8_t typed_tail;
#endif
#endif
