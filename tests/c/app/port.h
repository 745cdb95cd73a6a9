/* The board of the tests: everything in memory. test_port.c brings the functions. */
#ifndef PORT_H
#define PORT_H

#define KWS_PORT_NAME "test"
#define KWS_PORT_SAMPLE_RATE_HZ 16000
#define KWS_PORT_FULL_SCALE 32752
#define KWS_PORT_FLAT_RANGE 16

#endif
