/* What the board tells a USB host of itself. 1209:0001 is the test number of pid.codes: the driver
 * goes by the class. */
#ifndef USB_DESCRIPTORS_H
#define USB_DESCRIPTORS_H

#include <stdint.h>

#define USB_DEVICE 1u
#define USB_CONFIGURATION 2u
#define USB_STRING 3u
#define USB_STRINGS 3u
#define USB_PACKET 64u

static const uint8_t usb_device[18] = {
    18,         1,    0x00, 0x02,       /* USB 2.0 */
    0xef,       2,    1,                /* functions of several interfaces */
    USB_PACKET,                         /* of endpoint 0 */
    0x09,       0x12, 0x01, 0x00,       /* vendor, product */
    0x00,       0x01, 1,    2,    0, 1, /* version, names, one configuration */
};

static const uint8_t usb_configuration[75] = {
    9,  2,    75,   0,    2,          1,  0,   0x80,
    50, /* 75 bytes, 2 interfaces, from the cable, 100 mA */
    8,  11,   0,    2,    2,          2,  0,   0, /* interfaces 0 and 1 are one function: CDC ACM */
    9,  4,    0,    0,    1,          2,  2,   0,
    0,                                         /* interface 0: control, 1 endpoint */
    5,  0x24, 0,    0x20, 0x01,                /* CDC 1.2 */
    5,  0x24, 1,    0,    1,                   /* no calls; data on interface 1 */
    4,  0x24, 2,    2,                         /* line coding and control line state */
    5,  0x24, 6,    0,    1,                   /* union of 0 and 1 */
    7,  5,    0x81, 3,    8,          0,  255, /* endpoint 1 in: notifications, of which there are
                                                  none */
    9,  4,    1,    0,    2,          10, 0,   0,
    0,                                       /* interface 1: data, 2 endpoints */
    7,  5,    0x02, 2,    USB_PACKET, 0,  0, /* endpoint 2 out, bulk */
    7,  5,    0x82, 2,    USB_PACKET, 0,  0, /* endpoint 2 in, bulk */
};

/* Length, kind, UTF-16. */
static const uint8_t usb_languages[4] = {4, 3, 0x09, 0x04}; /* English */
static const uint8_t usb_maker[8] = {8, 3, 'k', 0, 'w', 0, 's', 0};
static const uint8_t usb_product[20] = {20,  3, 'w', 0, 'a', 0, 'k', 0, 'e', 0,
                                        ' ', 0, 'w', 0, 'o', 0, 'r', 0, 'd', 0};
static const uint8_t *const usb_strings[USB_STRINGS] = {usb_languages, usb_maker, usb_product};

#endif
