/* The part of Arduino's core that the sketches call; millis() also brings samples, as an interrupt
 * would. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define OUTPUT 1
#define HIGH 1
#define LOW 0
#define LED_BUILTIN 13
#define A0 26

class __FlashStringHelper;
#define F(text) reinterpret_cast<const __FlashStringHelper *>(text)

void interrupt(); /* defined by the microphone's stand-in */

inline void pinMode(int, int) {}
inline void digitalWrite(int, int) {}
inline void delay(unsigned long) { exit(3); } /* the sketches call it only once all is lost */
inline unsigned long millis() {
    static unsigned long now;
    interrupt();
    return now++;
}

struct SerialPort {
    void begin(unsigned long) {}
    void print(const char *text) { fputs(text, stdout); }
    void print(const __FlashStringHelper *text) { print(reinterpret_cast<const char *>(text)); }
    void print(unsigned long number) { printf("%lu", number); }
    void print(unsigned int number) { printf("%u", number); }
    void print(int number) { printf("%d", number); }
    template <typename Value> void println(Value value) {
        print(value);
        putchar('\n');
    }
};
static SerialPort Serial;

#endif
