#include "test_port.h"

#include <string.h>

#include "app.h"

test_board board;

void board_forget(void) {
    board.sent_bytes = 0;
    board.sent[0] = 0;
}

void board_restart(void) {
    board_forget();
    board.typed_bytes = 0;
    board.dies_after = 255;
    board.room = 0xffff;
    board.loses = 0;
    board.baud = 115200;
    board.kicks = 0;
}

void board_reset(void) {
    memset(&board, 0, sizeof board);
    memset(board.slots, 0xff, sizeof board.slots); /* erased flash */
    board_restart();
}

void board_type(const char *text) {
    board.typed = (const uint8_t *)text;
    board.typed_bytes = strlen(text);
}

unsigned board_said(const char *line) {
    size_t length = strlen(line);
    unsigned count = 0;
    for (const char *at = board.sent; at != NULL && *at; at = strchr(at, '\n'), at += at != NULL)
        count += strncmp(at, line, length) == 0 && at[length] == '\n';
    return count;
}

const char *board_line(char letter, unsigned n) {
    static char line[2000];
    for (const char *at = board.sent; at != NULL && *at; at = strchr(at, '\n'), at += at != NULL) {
        if (at[0] != letter || at[1] != ' ' || n--) continue;
        size_t length = strcspn(at, "\n");
        if (length >= sizeof line) return "too long";
        memcpy(line, at, length);
        line[length] = 0;
        return line;
    }
    return "";
}

int kws_port_read(void) {
    if (!board.typed_bytes) return -1;
    board.typed_bytes--;
    return *board.typed++;
}

void kws_port_write(char byte) {
    if (board.loses && board.room == 0) return;
    if (board.loses) board.room--;
    if (board.sent_bytes + 1 >= SENT_BYTES) return;
    board.sent[board.sent_bytes++] = byte;
    board.sent[board.sent_bytes] = 0;
}

uint16_t kws_port_room(void) { return board.room; }

uint8_t kws_port_baud(uint32_t bits_per_s) {
    if (bits_per_s != 115200 && bits_per_s != 921600) return 0;
    board.baud = bits_per_s;
    return 1;
}

void kws_port_led(uint8_t is_on) { board.led = is_on; }

void kws_port_watchdog(void) { board.kicks++; }

const KWS_FLASH uint8_t *kws_port_model(uint8_t index, uint32_t *capacity) {
    *capacity = board.capacities[index];
    return board.models[index];
}

void kws_port_load(uint8_t slot, uint8_t *bytes, uint8_t count) {
    memcpy(bytes, board.slots[slot], count);
}

uint8_t kws_port_save(uint8_t slot, const uint8_t *bytes, uint8_t count) {
    memset(board.slots[slot], 0xff, sizeof board.slots[slot]); /* flash is erased first */
    memcpy(board.slots[slot], bytes, count < board.dies_after ? count : board.dies_after);
    return count <= board.dies_after;
}
