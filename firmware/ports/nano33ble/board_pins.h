/* Pins of the Arduino Nano 33 BLE Sense (both revisions), from its schematic: 32 is P1.00. */
#ifndef BOARD_PINS_H
#define BOARD_PINS_H

#define PIN_LED 13u              /* the orange one, L */
#define PIN_UART_TX 35u          /* P1.03, pin TX1 */
#define PIN_UART_RX 42u          /* P1.10, pin RX0 */
#define PIN_MICROPHONE_POWER 17u /* of the MP34DT05 */
#define PIN_MICROPHONE_CLOCK 26u
#define PIN_MICROPHONE_DATA 25u

static inline void board_pins_start(void) {}

#endif
