/* The PDM library of Arduino's Mbed boards: 256 samples an interrupt. */
#ifndef PDM_H
#define PDM_H

#include "Arduino.h"

class PDMClass {
  public:
    int begin(int channels, int rate_hz) { return is_started = channels == 1 && rate_hz == 16000; }
    int available() { return (int)(count - at) * 2; }
    int read(void *buffer, size_t bytes) {
        size_t taken = 0;
        for (; taken < bytes / 2 && at < count; taken++)
            static_cast<int16_t *>(buffer)[taken] = samples[at++];
        return (int)taken * 2;
    }
    void onReceive(void (*function)()) { on_receive = function; }
    void receive() {
        if (!is_started) return;
        at = 0;
        count = fread(samples, 2, 256, stdin);
        if (count == 0 && is_last++) exit(0); /* once more, for what the ring still holds */
        on_receive();
    }

  private:
    int16_t samples[256];
    size_t at = 0, count = 0;
    int is_started = 0, is_last = 0;
    void (*on_receive)() = nullptr;
};
static PDMClass PDM;
void interrupt() { PDM.receive(); }

#endif
