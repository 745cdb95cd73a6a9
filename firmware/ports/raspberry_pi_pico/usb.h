/* The line on the USB cable. While no program has the port open, it is the UART's. */
#ifndef USB_H
#define USB_H

#include <stdint.h>

void usb_start(void);
void usb_interrupt(void);
uint8_t usb_is_open(void);
uint32_t usb_room(void);
void usb_write(char byte); /* never waits: a line that finds no room is lost, since nobody reads */
int usb_read(void);        /* -1: nothing */

#endif
