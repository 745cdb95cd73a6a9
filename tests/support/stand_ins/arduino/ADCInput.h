/* The ADC of Earle Philhower's core for the RP2040: 12 bits, read() waits. */
#ifndef ADC_INPUT_H
#define ADC_INPUT_H

#include "Arduino.h"

class ADCInput {
  public:
    explicit ADCInput(int pin) : pin(pin) {}
    bool setBuffers(size_t buffers, size_t words) { return buffers >= 3 && words >= 8; }
    bool begin(long rate_hz) { return pin == A0 && (rate_hz == 16000 || rate_hz == 8000); }
    int read() {
        int16_t sample;
        if (fread(&sample, 2, 1, stdin) != 1) exit(0);
        return (sample >> 4) + 2048;
    }

  private:
    int pin;
};
void interrupt() {}

#endif
