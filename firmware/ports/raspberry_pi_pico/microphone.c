/* An analog microphone on GP26, or an I2S one (INMP441) on GP10 to GP12, at 16 kHz by DMA.
 *
 * Eight channels fill a block each and start one another in a ring, for ever, without the
 * processor: every channel's address wraps within its own block, so a late processor loses sound,
 * never memory. */
#include "board.h"
#include "port.h"
#include "rp2040.h"

#define BLOCKS 8u     /* 128 ms of sound: a reset takes 85 ms with a model of 1 KB */
#define RING_BITS 10u /* a block has 1,024 bytes, and is aligned so */
#define ADC_PIN 26u
#define I2S_CLOCK_PIN 10u /* word select is the next */
#define I2S_DATA_PIN 12u
#define POWER_SAVE_PIN 23u
/* 16 bits from bit 12 on: 24 dB above the microphone's own full scale */
#define I2S_GAIN_SHIFT 12
/* In steps of 16 bits: 8 of the ADC's for its own noise; an I2S line without a chip is still. */
#define ADC_FLAT_RANGE 128u
#define I2S_FLAT_RANGE 0u

static uint32_t words[BLOCKS][BLOCK_SAMPLES] __attribute__((aligned(1u << RING_BITS)));
static volatile uint32_t filled; /* blocks since the start */
static uint32_t taken;
static uint8_t uses_i2s;

uint16_t microphone_flat_range(void) { return uses_i2s ? I2S_FLAT_RANGE : ADC_FLAT_RANGE; }

void microphone_interrupt(void) {
    uint32_t done = REG(DMA_INTERRUPT_STATUS);
    REG(DMA_INTERRUPT_STATUS) = done;
    for (; done; done &= done - 1) filled++;
}

static void start_dma(uint32_t source, uint32_t pace) {
    for (uint32_t i = 0; i < BLOCKS; i++) {
        REG(DMA_READ(i)) = source;
        REG(DMA_WRITE(i)) = (uint32_t)(uintptr_t)words[i];
        REG(DMA_COUNT(i)) = BLOCK_SAMPLES;
        REG(DMA_CTRL(i)) = DMA_ENABLE | DMA_WORDS | DMA_INCREMENT_WRITE | DMA_RING_BITS(RING_BITS) |
                           DMA_RING_WRITE | DMA_CHAIN_TO((i + 1) % BLOCKS) | DMA_PACE(pace);
    }
    REG(DMA_INTERRUPT_ENABLE) = (1u << BLOCKS) - 1;
    REG(NVIC_ENABLE) = 1u << IRQ_DMA_0;
    REG(DMA_CTRL_TRIGGER(0)) = REG(DMA_CTRL(0));
}

/* 48 MHz / 3000 = 16 kHz. The pull-down makes a pin without a microphone a flat line. */
static void start_adc(void) {
    REG(PAD(ADC_PIN)) = PAD_OUTPUT_DISABLE | PAD_PULL_DOWN;
    REG(ADC_CS) = ADC_CS_ENABLE;
    while (!(REG(ADC_CS) & ADC_CS_READY)) {}
    REG(ADC_DIVIDER) = (3000u - 1u) << 8;
    REG(ADC_FIFO_CS) = ADC_FIFO_ENABLE | ADC_FIFO_REQUEST | ADC_FIFO_THRESHOLD(1u);
    start_dma(ADC_FIFO, DMA_PACE_ADC);
    REG(ADC_CS) = ADC_CS_ENABLE | ADC_CS_START_MANY;
}

/* 64 bit clocks a sample, two instructions each. Side-set: bit 0 the clock, bit 1 the word select.
 * The left word's first bit follows one clock after the select falls, its last after it has
 * risen. */
#define SIDE(select, clock) ((select) << 12 | (clock) << 11)
static const uint16_t i2s_program[] = {
    SIDE(0u, 0u) | 0xe03d, /*        set x, 29 */
    SIDE(0u, 1u) | 0xa042, /*        nop: the right word's last bit */
    SIDE(0u, 0u) | 0xa042, /*        nop */
    SIDE(0u, 1u) | 0x4001, /* left:  in pins, 1 */
    SIDE(0u, 0u) | 0x0043, /*        jmp x--, left */
    SIDE(0u, 1u) | 0x4001, /*        in pins, 1 */
    SIDE(1u, 0u) | 0xe03e, /*        set x, 30 */
    SIDE(1u, 1u) | 0x4001, /*        in pins, 1: the 32nd */
    SIDE(1u, 0u) | 0xa042, /* right: nop */
    SIDE(1u, 1u) | 0x0048, /*        jmp x--, right */
};
#define I2S_LENGTH (sizeof i2s_program / sizeof *i2s_program)

static void start_i2s(void) {
    for (uint32_t i = 0; i < I2S_LENGTH; i++) REG(PIO0_CODE(i)) = i2s_program[i];
    REG(PAD(I2S_DATA_PIN)) = PAD_INPUT_ENABLE | PAD_PULL_DOWN | PAD_SCHMITT;
    REG(PIO0_CLOCK) = (23u << 16) | (112u << 8); /* 48 MHz / 23.4375 = 128 * 16 kHz */
    REG(PIO0_EXEC) = (uint32_t)(I2S_LENGTH - 1) << 12;
    /* a deeper FIFO; a word after 32 bits, highest first */
    REG(PIO0_SHIFT) = (1u << 31) | (1u << 16);
    REG(PIO0_PINS) = (2u << 29) | (2u << 26) | (I2S_DATA_PIN << 15) | (I2S_CLOCK_PIN << 10) |
                     (I2S_CLOCK_PIN << 5);
    REG(PIO0_INSTRUCTION) = 0xe083; /* set pindirs, 3 */
    for (uint32_t pin = I2S_CLOCK_PIN; pin <= I2S_DATA_PIN; pin++)
        REG(GPIO_CTRL(pin)) = GPIO_FUNCTION_PIO0;
    start_dma(PIO0_RX0, DMA_PACE_PIO0_RX0);
    REG(PIO0_CTRL) = 1;
}

void microphone_start(uint8_t is_i2s) {
    uses_i2s = is_i2s;
    /* The regulator's power saving makes ripple that the ADC hears. */
    REG(GPIO_CTRL(POWER_SAVE_PIN)) = GPIO_FUNCTION_SIO;
    REG(SIO_OUTPUT_SET) = 1u << POWER_SAVE_PIN;
    REG(SIO_OUT_SET) = 1u << POWER_SAVE_PIN;
    if (is_i2s) start_i2s();
    else start_adc();
}

static int16_t from_adc(uint32_t word) { return (int16_t)(((int32_t)(word & 0xfff) - 2048) * 16); }

static int16_t from_i2s(uint32_t word) {
    int32_t value = (int32_t)word >> I2S_GAIN_SHIFT;
    return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

uint32_t microphone_wait(int16_t samples[BLOCK_SAMPLES]) {
    uint32_t lost = 0;
    for (;;) {
        __asm volatile("cpsid i" ::: "memory"); /* so that no interrupt slips in before the sleep */
        if (filled == taken) __asm volatile("wfi" ::: "memory");
        __asm volatile("cpsie i" ::: "memory");
        if (filled == taken) continue;
        if (filled - taken >= BLOCKS) { /* the oldest block is being written over */
            uint32_t late = filled - taken - 1;
            taken += late;
            lost += late * BLOCK_SAMPLES;
        }
        const uint32_t *block = words[taken % BLOCKS];
        for (uint32_t i = 0; i < BLOCK_SAMPLES; i++)
            samples[i] = uses_i2s ? from_i2s(block[i]) : from_adc(block[i]);
        if (filled - taken >= BLOCKS) continue; /* it was written over meanwhile */
        taken++;
        return lost;
    }
}
