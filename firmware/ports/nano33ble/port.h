/* Arduino Nano 33 BLE Sense for firmware/app. */
#ifndef PORT_H
#define PORT_H

#define KWS_PORT_NAME "nano33ble"
#define KWS_PORT_SAMPLE_RATE_HZ 16000
#define KWS_PORT_FULL_SCALE 32767
#define KWS_PORT_FLAT_RANGE 1 /* a PDM line without a chip is still */

#endif
