/* The engine alone on a bare core, a frame a call: what the bill counts instructions and stack of.
 *
 * The plugin counts from one kws_frame_done() to the next, the engine's instructions only. The
 * stack is painted before and read after. Needs model.kws and recording.raw in the working
 * folder. */
#include <stdint.h>

#include "kws.h"
#include "semihosting.h"

#define PAINT 0x6b777321u
#define PAINTED_BYTES 8192 /* below the stack pointer, or all that there is */
#define MODEL_BYTES 1024

extern uint32_t kws_bss_end;
void kws_frame_done(void);

static union {
    uint32_t aligned;
    uint8_t bytes[MODEL_BYTES];
} model;
static kws_spotter spotter;

__attribute__((noinline)) void kws_frame_done(void) { __asm__ volatile("" ::: "memory"); }

static void write_line(const char *name, uint32_t value) {
    char digits[12];
    unsigned at = sizeof digits - 1;
    digits[at] = 0;
    digits[--at] = '\n';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    kws_semihosting_write(name);
    kws_semihosting_write(digits + at);
}

static inline __attribute__((always_inline)) uint32_t *stack_pointer(void) {
    uint32_t *now;
#if defined(__riscv)
    __asm__ volatile("mv %0, sp" : "=r"(now));
#else
    __asm__ volatile("mov %0, sp" : "=r"(now));
#endif
    return now;
}

static inline __attribute__((always_inline)) uint32_t *lowest(void) {
    uint32_t *wanted = stack_pointer() - PAINTED_BYTES / sizeof(uint32_t);
    return wanted > &kws_bss_end ? wanted : &kws_bss_end;
}

/* Nothing is called while it paints: all below the stack pointer is free. */
static inline __attribute__((always_inline)) void paint(void) {
    uint32_t *end = lowest();
    for (volatile uint32_t *at = stack_pointer(); --at >= end;) *at = PAINT;
}

static inline __attribute__((always_inline)) uint32_t painted_over(void) {
    const volatile uint32_t *at = lowest();
    while (*at == PAINT) at++;
    return (uint32_t)((uintptr_t)stack_pointer() - (uintptr_t)at);
}

int main(void) {
    static int16_t samples[KWS_FRAME_LENGTH];
    uint32_t words = 0;
    int file = kws_semihosting_open("model.kws"), sound = kws_semihosting_open("recording.raw");
    if (file < 0 || sound < 0) return 2;
    size_t size = kws_semihosting_read(file, model.bytes, sizeof model.bytes);
    paint();
    if (kws_spotter_init(&spotter, model.bytes, size)) return 4;
    uint32_t init_stack = painted_over();
    size_t wanted = spotter.model.features.frame_length; /* the first frame's; then a hop each */
    uint32_t process_stack = 0;
    kws_frame_done();
    for (size_t bytes;
         (bytes = kws_semihosting_read(sound, samples, wanted * sizeof *samples)) != 0;) {
        kws_detection found;
        paint();
        (void)kws_spotter_process(&spotter, samples, bytes / sizeof *samples, &found);
        uint32_t stack = painted_over();
        if (stack > process_stack) process_stack = stack;
        words += found.word != KWS_NO_WORD;
        kws_frame_done();
        wanted = spotter.model.features.hop_length;
    }
    write_line("frames ", spotter.frames);
    write_line("words ", words);
    write_line("init ", init_stack);
    write_line("process ", process_stack);
    return 0;
}
