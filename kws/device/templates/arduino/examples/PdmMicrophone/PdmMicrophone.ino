/* Hears @WORDS@ with the PDM microphone of an Arduino Nano 33 BLE Sense, Nano RP2040 Connect or
 * Nicla Vision, by the PDM library that comes with the board's package. The LED lights for a second
 * after a word. */
#include <PDM.h>
#include <@NAME@.h>

#if @RATE_HZ@ != 16000
#error "The PDM library gives 16 kHz: export a model of 16 kHz."
#endif

static const uint32_t BAUD = 115200;
static const uint32_t LIT_MS = 1000;
static const size_t RING = 1024; // samples, a power of two: 64 ms

static kws_spotter spotter;
static int16_t ring[RING];
static volatile uint32_t written; // counts on; the place in the ring is its remainder
static volatile uint32_t lost;
static volatile uint32_t taken;
static uint32_t heard_ms;

// Called by the PDM library in an interrupt, whenever it has some 256 samples.
static void on_samples() {
    int16_t fresh[256];
    for (int bytes = PDM.available(); bytes > 0;) {
        int room = (int)sizeof fresh;
        int got = PDM.read(fresh, (size_t)(bytes < room ? bytes : room)) / 2;
        if (got <= 0) break;
        for (int i = 0; i < got; i++) {
            if (written - taken == RING) {
                lost = lost + 1;
                continue;
            }
            ring[written % RING] = fresh[i];
            written = written + 1;
        }
        bytes -= 2 * got;
    }
}

static void stop(const char *reason) {
    for (;;) {
        Serial.println(reason);
        delay(5000);
    }
}

void setup() {
    Serial.begin(BAUD);
    pinMode(LED_BUILTIN, OUTPUT);
    kws_status status = kws_spotter_init(&spotter, @NAME@, @NAME@_size);
    if (status != KWS_OK) stop(kws_status_text(status));
    PDM.onReceive(on_samples);
    if (!PDM.begin(1, @RATE_HZ@)) stop("the PDM microphone does not start");
    Serial.println("listening for @WORDS@");
}

static void show(const kws_detection &detection) {
    heard_ms = millis();
    digitalWrite(LED_BUILTIN, HIGH);
    Serial.print(kws_spotter_word(&spotter, detection.word));
    Serial.print(" in frame ");
    Serial.println(detection.frame);
}

void loop() {
    // What lies in one piece in the ring; the interrupt may add more meanwhile.
    size_t at = taken % RING;
    size_t count = written - taken;
    if (count > RING - at) count = RING - at;
    if (count) {
        kws_detection detection;
        taken = taken + kws_spotter_process(&spotter, ring + at, count, &detection);
        if (detection.word != KWS_NO_WORD) show(detection);
    }
    if (millis() - heard_ms >= LIT_MS) digitalWrite(LED_BUILTIN, LOW);
    if (lost) {
        Serial.print("samples lost: ");
        Serial.println(lost);
        lost = 0;
    }
}
