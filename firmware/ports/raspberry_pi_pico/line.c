/* The application's line: the USB cable while a program has that port open, else the UART. What
 * comes in is read from both. */
#include "app.h"
#include "board.h"
#include "usb.h"

uint16_t kws_port_room(void) { return (uint16_t)(usb_is_open() ? usb_room() : uart_room()); }

void kws_port_write(char byte) {
    if (usb_is_open()) usb_write(byte);
    else uart_write(byte);
}

int kws_port_read(void) {
    int byte = usb_read();
    return byte >= 0 ? byte : uart_read();
}

uint8_t kws_port_baud(uint32_t bits_per_s) { return uart_baud(bits_per_s); }
