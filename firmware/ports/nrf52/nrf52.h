/* Registers of the nRF52840 and nRF52833 that these images use, written down from the product
 * specifications. The two agree in all of them. */
#ifndef NRF52_H
#define NRF52_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* CLOCK and POWER */
#define CLOCK_HF_START 0x40000000u
#define CLOCK_HF_STARTED 0x40000100u
#define POWER_RESET_REASON 0x40000400u
#define RESET_BY_WATCHDOG (1u << 1)

/* GPIO: pins 0 to 31 are P0, from 32 on P1 */
#define GPIO(pin) ((pin) < 32u ? 0x50000000u : 0x50000300u)
#define GPIO_SET(pin) (GPIO(pin) + 0x508u)
#define GPIO_CLEAR(pin) (GPIO(pin) + 0x50cu)
#define GPIO_CONFIG(pin) (GPIO(pin) + 0x700u + 4u * ((pin) & 31u))
#define GPIO_OUTPUT 3u                      /* output, input buffer off */
#define GPIO_OUTPUT_STRONG (3u | (3u << 8)) /* high drive for 0 and 1 */
#define GPIO_INPUT_PULL_UP (3u << 2)
#define GPIO_INPUT_PULL_DOWN (1u << 2)
#define BIT(pin) (1u << ((pin) & 31u))

/* UART, without DMA */
#define UART_START_RX 0x40002000u
#define UART_START_TX 0x40002008u
#define UART_RX_READY 0x40002108u
#define UART_TX_READY 0x4000211cu
#define UART_ERROR 0x40002124u
#define UART_INTERRUPTS 0x40002304u
#define UART_INTERRUPTS_OFF 0x40002308u
#define UART_INTERRUPT_RX (1u << 2)
#define UART_INTERRUPT_TX (1u << 7)
#define UART_ERROR_SOURCE 0x40002480u
#define UART_ENABLE 0x40002500u
#define UART_PIN_TX 0x4000250cu
#define UART_PIN_RX 0x40002514u
#define UART_RX 0x40002518u
#define UART_TX 0x4000251cu
#define UART_BAUD 0x40002524u
#define UART_CONFIG 0x4000256cu

/* SAADC */
#define SAADC_START 0x40007000u
#define SAADC_SAMPLE 0x40007004u
#define SAADC_STARTED 0x40007100u
#define SAADC_END 0x40007104u
#define SAADC_INTERRUPTS 0x40007304u
#define SAADC_INTERRUPT_STARTED 1u
#define SAADC_ENABLE 0x40007500u
#define SAADC_INPUT 0x40007510u
#define SAADC_CONFIG 0x40007518u
#define SAADC_GAIN(gain) ((gain) << 8)
#define SAADC_SETTLE_3_US 0u
#define SAADC_RESOLUTION 0x400075f0u
#define SAADC_RATE 0x400075f8u
#define SAADC_RATE_TIMER (1u << 12)
#define SAADC_BUFFER 0x4000762cu
#define SAADC_COUNT 0x40007630u

/* PDM */
#define PDM_START 0x4001d000u
#define PDM_STARTED 0x4001d100u
#define PDM_INTERRUPTS 0x4001d304u
#define PDM_INTERRUPT_STARTED 1u
#define PDM_ENABLE 0x4001d500u
#define PDM_CLOCK 0x4001d504u
#define PDM_CLOCK_1280_KHZ 0x0a000000u
#define PDM_MODE 0x4001d508u
#define PDM_MODE_MONO 1u
#define PDM_GAIN_LEFT 0x4001d518u
#define PDM_GAIN_RIGHT 0x4001d51cu
#define PDM_RATIO 0x4001d520u
#define PDM_RATIO_80 1u
#define PDM_PIN_CLOCK 0x4001d540u
#define PDM_PIN_DATA 0x4001d544u
#define PDM_BUFFER 0x4001d560u
#define PDM_COUNT 0x4001d564u

/* PPI: an event starts a task without the processor */
#define PPI_ENABLE 0x4001f504u
#define PPI_EVENT_0 0x4001f510u
#define PPI_TASK_0 0x4001f514u

/* watchdog */
#define WATCHDOG_START 0x40010000u
#define WATCHDOG_COUNT 0x40010504u /* of 32,768 a second */
#define WATCHDOG_REQUESTS 0x40010508u
#define WATCHDOG_CONFIG 0x4001050cu
#define WATCHDOG_RUNS_IN_SLEEP 1u
#define WATCHDOG_RELOAD 0x40010600u
#define WATCHDOG_WORD 0x6e524635u

/* flash controller */
#define NVMC_READY 0x4001e400u
#define NVMC_CONFIG 0x4001e504u
#define NVMC_READS 0u
#define NVMC_WRITES 1u
#define NVMC_ERASES 2u
#define NVMC_ERASE_PART 0x4001e518u
#define NVMC_ERASE_PART_MS 0x4001e51cu
#define NVMC_CACHE 0x4001e540u

/* interrupts of the processor */
#define NVIC_ENABLE(irq) (0xe000e100u + 4u * ((irq) / 32u))
#define IRQ_UART 2u
#define IRQ_SAADC 7u
#define IRQ_PDM 29u

#endif
