/* BBC micro:bit v2 for firmware/app. */
#ifndef PORT_H
#define PORT_H

#define KWS_PORT_NAME "microbit_v2"
#define KWS_PORT_SAMPLE_RATE_HZ 16000
#define KWS_PORT_FULL_SCALE 32752
#define KWS_PORT_FLAT_RANGE 128 /* 8 steps of 12 bits, for the converter's own noise */

#endif
