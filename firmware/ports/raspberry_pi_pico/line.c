/* The application's line: the USB cable while a program has that port open, else the UART. What
 * comes in is read from both. */
#include "app.h"
#include "board.h"
#include "usb.h"

uint16_t kws_port_room(void) { return (uint16_t)(usb_is_open() ? usb_room() : uart_room()); }

/* A line goes to one of them, whatever happens to the cable meanwhile. */
void kws_port_write(char byte) {
    static uint8_t is_within, goes_to_usb;
    if (!is_within) goes_to_usb = usb_is_open();
    is_within = byte != '\n';
    if (goes_to_usb) usb_write(byte);
    else uart_write(byte);
}

int kws_port_read(void) {
    int byte = usb_read();
    return byte >= 0 ? byte : uart_read();
}

uint8_t kws_port_baud(uint32_t bits_per_s) { return uart_baud(bits_per_s); }
