/* Registers of the RP2040 that this image uses, written down from the RP2040 data sheet. */
#ifndef RP2040_H
#define RP2040_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
/* The same register through its aliases that set or clear the bits written, at once. */
#define SET(address) REG((address) + 0x2000u)
#define CLEAR(address) REG((address) + 0x3000u)

/* 2.14 resets */
#define RESETS 0x4000c000u
#define RESETS_DONE (RESETS + 8u)
#define RESET_ADC (1u << 0)
#define RESET_DMA (1u << 2)
#define RESET_IO_BANK0 (1u << 5)
#define RESET_PADS_BANK0 (1u << 8)
#define RESET_PIO0 (1u << 10)
#define RESET_PLL_USB (1u << 13)
#define RESET_UART0 (1u << 22)

/* 2.13 power-on state machine */
#define PSM_WATCHDOG_SELECT 0x40010008u
#define PSM_ALL_BUT_OSCILLATORS 0x1fffcu

/* 2.15 clocks */
#define CLK_REF_CTRL 0x40008030u
#define CLK_REF_SELECTED 0x40008038u
#define CLK_SYS_CTRL 0x4000803cu
#define CLK_SYS_SELECTED 0x40008044u
#define CLK_PERI_CTRL 0x40008048u
#define CLK_ADC_CTRL 0x40008060u
#define CLK_ENABLE (1u << 11)

/* 2.16 crystal, 2.18 PLL */
#define XOSC_CTRL 0x40024000u
#define XOSC_STATUS 0x40024004u
#define XOSC_STARTUP 0x4002400cu
#define XOSC_ENABLE_1_TO_15_MHZ 0xfabaa0u
#define PLL_USB_CS 0x4002c000u
#define PLL_USB_POWER 0x4002c004u
#define PLL_USB_FEEDBACK 0x4002c008u
#define PLL_USB_DIVIDERS 0x4002c00cu

/* 2.19 pins */
#define GPIO_CTRL(pin) (0x40014004u + 8u * (pin))
#define GPIO_FUNCTION_UART 2u
#define GPIO_FUNCTION_SIO 5u
#define GPIO_FUNCTION_PIO0 6u
#define PAD(pin) (0x4001c004u + 4u * (pin))
#define PAD_OUTPUT_DISABLE (1u << 7)
#define PAD_INPUT_ENABLE (1u << 6)
#define PAD_PULL_DOWN (1u << 2)
#define PAD_SCHMITT (1u << 1)
#define SIO_OUT_SET 0xd0000014u
#define SIO_OUT_CLEAR 0xd0000018u
#define SIO_OUTPUT_SET 0xd0000024u

/* 2.5 DMA */
#define DMA_READ(channel) (0x50000000u + 0x40u * (channel))
#define DMA_WRITE(channel) (0x50000004u + 0x40u * (channel))
#define DMA_COUNT(channel) (0x50000008u + 0x40u * (channel))
#define DMA_CTRL_TRIGGER(channel) (0x5000000cu + 0x40u * (channel))
#define DMA_CTRL(channel) (0x50000010u + 0x40u * (channel))
#define DMA_ENABLE 1u
#define DMA_WORDS (2u << 2)
#define DMA_INCREMENT_WRITE (1u << 5)
#define DMA_RING_BITS(bits) ((bits) << 6)
#define DMA_RING_WRITE (1u << 10)
#define DMA_CHAIN_TO(channel) ((channel) << 11)
#define DMA_PACE(request) ((request) << 15)
#define DMA_PACE_PIO0_RX0 4u
#define DMA_PACE_ADC 36u
#define DMA_INTERRUPT_ENABLE 0x50000404u
#define DMA_INTERRUPT_STATUS 0x5000040cu

/* 4.9 ADC */
#define ADC_CS 0x4004c000u
#define ADC_CS_ENABLE 1u
#define ADC_CS_START_MANY (1u << 3)
#define ADC_CS_READY (1u << 8)
#define ADC_FIFO_CS 0x4004c008u
#define ADC_FIFO_ENABLE 1u
#define ADC_FIFO_REQUEST (1u << 3)
#define ADC_FIFO_THRESHOLD(samples) ((samples) << 24)
#define ADC_FIFO 0x4004c00cu
#define ADC_DIVIDER 0x4004c010u

/* 3 PIO */
#define PIO0_CTRL 0x50200000u
#define PIO0_RX0 0x50200020u
#define PIO0_CODE(at) (0x50200048u + 4u * (at))
#define PIO0_CLOCK 0x502000c8u
#define PIO0_EXEC 0x502000ccu
#define PIO0_SHIFT 0x502000d0u
#define PIO0_INSTRUCTION 0x502000d8u
#define PIO0_PINS 0x502000dcu

/* 4.2 UART */
#define UART0_DATA 0x40034000u
#define UART0_FLAGS 0x40034018u
#define UART_BUSY (1u << 3)
#define UART_RX_EMPTY (1u << 4)
#define UART_TX_FULL (1u << 5)
#define UART0_BAUD_INTEGER 0x40034024u
#define UART0_BAUD_FRACTION 0x40034028u
#define UART0_LINE 0x4003402cu
#define UART_8_BITS_FIFO 0x70u
#define UART0_CTRL 0x40034030u
#define UART_ENABLE_TX_RX 0x301u
#define UART0_INTERRUPTS 0x40034038u
#define UART0_INTERRUPT_CLEAR 0x40034044u
#define UART_RX_INTERRUPTS ((1u << 4) | (1u << 6)) /* half full, or a pause after a byte */
#define UART_TX_INTERRUPT (1u << 5)

/* 4.1 USB */
#define RESET_USB (1u << 24)
#define CLK_USB_CTRL 0x40008054u
#define USB_MEMORY 0x50100000u /* the setup packet, control words, buffers */
#define USB_MEMORY_BYTES 4096u
#define USB_ENDPOINT_CONTROL(endpoint, to_host) \
    (USB_MEMORY + 8u * (endpoint) + ((to_host) ? 0u : 4u))
#define USB_BUFFER_CONTROL(endpoint, to_host) \
    (USB_MEMORY + 0x80u + 8u * (endpoint) + ((to_host) ? 0u : 4u))
/* Endpoint 0 has its one buffer, the others two each, 64 bytes apart. */
#define USB_BUFFER(endpoint, to_host) \
    ((endpoint) ? 0x180u + 128u * ((endpoint) - 1u) + 64u * (to_host) : 0x100u)
#define USB_ADDRESS 0x50110000u
#define USB_MAIN_CTRL 0x50110040u
#define USB_SIE_CTRL 0x5011004cu
#define USB_SIE_INTERRUPT_PER_BUFFER (1u << 29)
#define USB_SIE_PULL_UP (1u << 16)
#define USB_SIE_STATUS 0x50110050u
#define USB_SIE_RESET (1u << 19)
#define USB_SIE_SETUP (1u << 17)
#define USB_SIE_RESUME (1u << 11)
#define USB_SIE_SUSPENDED (1u << 4)
#define USB_BUFFER_STATUS 0x50110058u
#define USB_STALL_ARM 0x50110068u
#define USB_MUXING 0x50110074u
#define USB_TO_PHY 1u
#define USB_SOFT_CONNECT (1u << 3)
#define USB_POWER 0x50110078u
#define USB_VBUS_PRESENT (1u << 3)
#define USB_VBUS_OVERRIDE (1u << 2)
#define USB_INTERRUPTS 0x50110090u
#define USB_INTERRUPT_STATUS 0x50110098u
#define USB_INTERRUPT_SETUP (1u << 16)
#define USB_INTERRUPT_RESUME (1u << 15)
#define USB_INTERRUPT_SUSPEND (1u << 14)
#define USB_INTERRUPT_RESET (1u << 12)
#define USB_INTERRUPT_BUFFER (1u << 4)

/* 4.7 watchdog */
#define WATCHDOG_CTRL 0x40058000u
#define WATCHDOG_ENABLE (1u << 30)
#define WATCHDOG_LOAD 0x40058004u
#define WATCHDOG_REASON 0x40058008u
#define WATCHDOG_TICK 0x4005802cu
#define WATCHDOG_TICK_ENABLE (1u << 9)

/* 2.4 interrupts of the processor */
#define NVIC_ENABLE 0xe000e100u
#define IRQ_USB 5u
#define IRQ_DMA_0 11u
#define IRQ_UART0 20u

#endif
