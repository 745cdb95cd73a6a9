/* What the tests' board lets them see and do. */
#ifndef TEST_PORT_H
#define TEST_PORT_H

#include <stddef.h>
#include <stdint.h>

#define SENT_BYTES 400000

typedef struct {
    char sent[SENT_BYTES]; /* what the application wrote, NUL-terminated */
    size_t sent_bytes;
    const uint8_t *typed; /* what comes over the line */
    size_t typed_bytes;
    const uint8_t *models[2];
    uint32_t capacities[2];
    uint8_t slots[2][64];
    uint8_t dies_after; /* a save stops after so many bytes, as in a power cut; 255: never */
    uint16_t room;
    uint8_t loses; /* each byte takes of the room, and what finds none is lost */
    uint32_t baud;
    uint8_t led;
    unsigned kicks;
} test_board;

extern test_board board;

/* Power on: flash keeps what it has, all else is as new. */
void board_restart(void);
/* An empty board. */
void board_reset(void);
void board_type(const char *text);
/* How often this line was sent, whole. */
unsigned board_said(const char *line);
/* The n-th line that begins with the letter and a space, "" where there is none. */
const char *board_line(char letter, unsigned n);
void board_forget(void);

#endif
