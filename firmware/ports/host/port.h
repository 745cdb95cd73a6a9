/* The application on a computer: samples from a file, the line on standard input and output. */
#ifndef PORT_H
#define PORT_H

#define KWS_PORT_NAME "host"
#ifndef KWS_PORT_SAMPLE_RATE_HZ
#define KWS_PORT_SAMPLE_RATE_HZ 16000
#endif
#define KWS_PORT_FULL_SCALE 32752
#define KWS_PORT_FLAT_RANGE 0

#endif
