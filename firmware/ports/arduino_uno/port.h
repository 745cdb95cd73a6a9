/* The Arduino Uno for firmware/app. */
#ifndef KWS_PORT_H
#define KWS_PORT_H

#define KWS_PORT_NAME "uno"
#define KWS_PORT_SAMPLE_RATE_HZ 8000
#define KWS_PORT_FULL_SCALE 32704 /* 511 of the converter's 512 steps, 64 each */
#define KWS_PORT_FLAT_RANGE 128   /* two steps: what it adds itself */

#define KWS_APP_AUDIO 0 /* 21 kB/s would not fit the line beside the detector */
#define KWS_APP_TEXT 0
#define KWS_APP_LINE 10

#endif
