/* Semihosting between an AVR and machine.c: the parameters' address goes into two registers that
 * the chip itself makes no use of, then the operation into a third; the answer stands in the two.
 * Addresses of data memory: GPIOR0 and GPIOR1 with GPIOR2 of an ATmega2560. */
#ifndef KWS_DOOR_H
#define KWS_DOOR_H

#define KWS_DOOR 0x3e
#define KWS_DOOR_LOW 0x4a
/* of our own: to an address in flash, from one in RAM, so many bytes */
#define KWS_DOOR_WRITE_FLASH 0x80

#endif
