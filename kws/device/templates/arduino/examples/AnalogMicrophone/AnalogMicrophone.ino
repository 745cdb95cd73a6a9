/* Hears @WORDS@ with an analogue microphone (MAX4466, MAX9814) on A0 of an AVR board or of a
 * Raspberry Pi Pico (with Earle Philhower's Arduino core).
 *
 *     microphone OUT -> A0 (GP26), VCC -> 5V (Pico: 3V3), GND -> GND
 *
 * The LED lights for a second after a word. */
#include <@NAME@.h>

static const uint32_t BAUD = 115200;
static const uint16_t LIT_MS = 1000;
static const uint8_t CHUNK = 16; // samples

static kws_spotter spotter;
static uint32_t heard_ms;

#if defined(__AVR__)
#if @RATE_HZ@ > 8000
#error "@NAME@ takes 16 kHz, for which an AVR is too slow: export a model that was trained with sample_rate_hz = 8000."
#endif

/* Timer 1 starts a conversion @RATE_HZ@ times a second; its interrupt only stores the sample. The ring
 * outlasts the analysis of a frame, every @HOP_MS@ ms. */
#if RAMEND > 0x900
static const uint16_t RING = 512; // samples
#else
static const uint16_t RING = 176; // 22 ms: an Uno has 2 KB for everything
#endif
static volatile int16_t ring[RING];
static volatile uint16_t waiting, lost;
static uint16_t head, tail;

ISR(TIMER1_COMPA_vect) {
    uint16_t code = ADC; // left adjusted: 10 bits at the top of 16
    ADCSRA |= _BV(ADSC);
    if (waiting == RING) {
        lost++;
        return;
    }
    ring[head] = (int16_t)(code ^ 0x8000u); // the middle of the range becomes 0
    head = head + 1 == RING ? 0 : head + 1;
    waiting++;
}

static bool start_microphone() {
    ADMUX = _BV(REFS0) | _BV(ADLAR); // A0 against the supply
    ADCSRA = _BV(ADEN) | _BV(ADSC) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0); // 104 us a conversion
    while (ADCSRA & _BV(ADSC)) continue; // the first takes longer
    ADCSRA |= _BV(ADSC);
    TCCR1A = 0;
    TCCR1B = _BV(WGM12) | _BV(CS10);
    OCR1A = F_CPU / @RATE_HZ@ - 1;
    TIMSK1 = _BV(OCIE1A);
    return true;
}

// Waits for CHUNK samples.
static void read_microphone(int16_t *samples) {
    for (bool enough = false; !enough;) {
        noInterrupts();
        enough = waiting >= CHUNK;
        interrupts();
    }
    for (uint8_t i = 0; i < CHUNK; i++) {
        samples[i] = ring[tail];
        tail = tail + 1 == RING ? 0 : tail + 1;
    }
    noInterrupts();
    waiting -= CHUNK;
    interrupts();
}

static uint16_t take_lost() {
    noInterrupts();
    uint16_t count = lost;
    lost = 0;
    interrupts();
    return count;
}

// The names lie in flash, with the model.
static const __FlashStringHelper *name_of(uint8_t word) {
    return reinterpret_cast<const __FlashStringHelper *>(kws_spotter_word(&spotter, word));
}

#elif defined(ARDUINO_ARCH_RP2040) && !defined(ARDUINO_ARCH_MBED)
#include <ADCInput.h>

static ADCInput microphone(A0); // DMA into a queue of buffers

static bool start_microphone() {
    return microphone.setBuffers(8, 64) && microphone.begin(@RATE_HZ@); // 1,024 samples in all
}

// Waits for CHUNK samples.
static void read_microphone(int16_t *samples) {
    for (uint8_t i = 0; i < CHUNK; i++) samples[i] = (int16_t)((microphone.read() - 2048) * 16);
}

static uint16_t take_lost() { return 0; } // the library does not count them

static const char *name_of(uint8_t word) { return kws_spotter_word(&spotter, word); }

#else
#error "This sketch has no sampler for this board: write start_microphone() and read_microphone() for it, or see PdmMicrophone."
#endif

static void stop(const __FlashStringHelper *reason, int status) {
    for (;;) {
        Serial.print(reason);
        Serial.println(status); // kws.h has the numbers; the sentences would take 0.5 KB of an AVR's RAM
        delay(5000);
    }
}

void setup() {
    Serial.begin(BAUD);
    pinMode(LED_BUILTIN, OUTPUT);
    kws_status status = kws_spotter_init(&spotter, @NAME@, @NAME@_size);
    if (status != KWS_OK) stop(F("the model is refused: kws_status "), status);
    if (!start_microphone()) stop(F("the microphone does not start "), 0);
    Serial.println(F("listening for @WORDS@"));
}

void loop() {
    int16_t samples[CHUNK];
    kws_detection detection;
    read_microphone(samples);
    (void)kws_spotter_process(&spotter, samples, CHUNK, &detection); // all used, as CHUNK <= a hop
    if (detection.word != KWS_NO_WORD) {
        heard_ms = millis();
        digitalWrite(LED_BUILTIN, HIGH);
        Serial.print(name_of(detection.word));
        Serial.print(F(" in frame "));
        Serial.println(detection.frame);
    }
    if (millis() - heard_ms >= LIT_MS) digitalWrite(LED_BUILTIN, LOW);
    if (uint16_t count = take_lost()) {
        Serial.print(F("samples lost: "));
        Serial.println(count);
    }
}
