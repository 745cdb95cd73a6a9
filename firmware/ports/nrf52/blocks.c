/* From the microphone's interrupt to the main loop: a ring of blocks that DMA fills. A late
 * processor loses sound, never memory: the DMA's address only ever lies in the ring. */
#include "board.h"

int16_t microphone_blocks[BLOCKS][BLOCK_SAMPLES];
static volatile uint32_t begun; /* blocks since the start; all but the last are full */
static uint32_t taken;

int16_t *microphone_block_begun(void) {
    begun++;
    return microphone_blocks[begun % BLOCKS];
}

static uint32_t filled(void) { return begun ? begun - 1 : 0; }

uint32_t microphone_wait(int16_t samples[BLOCK_SAMPLES]) {
    uint32_t lost = 0;
    for (;;) {
        __asm volatile("cpsid i" ::: "memory"); /* so that no interrupt slips in before the sleep */
        if (filled() == taken) __asm volatile("wfi" ::: "memory");
        __asm volatile("cpsie i" ::: "memory");
        if (filled() == taken) continue;
        if (filled() - taken >= BLOCKS - 1) { /* the oldest block is about to be written over */
            uint32_t late = filled() - taken - 1;
            taken += late;
            lost += late * BLOCK_SAMPLES;
        }
        const int16_t *block = microphone_blocks[taken % BLOCKS];
        for (uint32_t i = 0; i < BLOCK_SAMPLES; i++) samples[i] = microphone_sample(block[i]);
        if (filled() - taken >= BLOCKS) continue; /* it was written over meanwhile */
        taken++;
        return lost;
    }
}
