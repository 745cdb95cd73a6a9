/* Pins of the micro:bit v2, from its schematic: 32 is P1.00. The LED is the display's top left
 * one. */
#ifndef BOARD_PINS_H
#define BOARD_PINS_H

#include "nrf52.h"

#define PIN_LED 21u        /* row 1 */
#define PIN_LED_COLUMN 28u /* column 1, on at 0 */
#define PIN_UART_TX 6u     /* to the interface chip, which is the serial port on USB */
#define PIN_UART_RX 40u    /* P1.08 */
#define PIN_MICROPHONE_POWER 20u
#define MICROPHONE_INPUT 4u /* AIN3, which is P0.05 */

static inline void board_pins_start(void) {
    REG(GPIO_CLEAR(PIN_LED_COLUMN)) = BIT(PIN_LED_COLUMN);
    REG(GPIO_CONFIG(PIN_LED_COLUMN)) = GPIO_OUTPUT;
}

#endif
