/* The Raspberry Pi Pico for firmware/app. Wiring: README.md. */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>

#define KWS_PORT_NAME "pico"
#define KWS_PORT_SAMPLE_RATE_HZ 16000
#define KWS_PORT_FULL_SCALE 32752 /* the highest of 12 bits; an I2S microphone reaches beyond */
#define KWS_PORT_FLAT_RANGE microphone_flat_range()

/* microphone.c: how little a second of sound may move before it is no microphone. */
uint16_t microphone_flat_range(void);

#endif
