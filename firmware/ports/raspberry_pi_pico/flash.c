/* Models and settings in flash, the latter through the boot ROM's functions (data sheet 2.8.3). */
#include <string.h>

#include "app.h"
#include "layout.h"

typedef void (*action)(void);
typedef action (*lookup)(const uint16_t *table, uint32_t code);
typedef void (*erase_range)(uint32_t at, uint32_t count, uint32_t block, uint8_t command);
typedef void (*program_range)(uint32_t at, const uint8_t *bytes, uint32_t count);

/* Half-words in the boot ROM (pico.ld): where its table of functions and the search in it lie. */
extern const volatile uint16_t rom_functions, rom_lookup;

static action rom(char first, char second) {
    lookup find = (lookup)(uintptr_t)rom_lookup;
    return find((const uint16_t *)(uintptr_t)rom_functions,
                (uint32_t)first | (uint32_t)second << 8);
}

static const uint8_t *flash(uint32_t at) { return (const uint8_t *)(uintptr_t)(FLASH_START + at); }

const KWS_FLASH uint8_t *kws_port_model(uint8_t index, uint32_t *capacity) {
    *capacity = FLASH_MODEL_BYTES;
    return flash(FLASH_MODELS + FLASH_MODEL_BYTES * index);
}

void kws_port_load(uint8_t slot, uint8_t *bytes, uint8_t count) {
    memcpy(bytes, flash(FLASH_SETTINGS + FLASH_SECTOR * slot), count);
}

/* All code and constants are in RAM, so the interrupts go on while flash cannot be read. */
uint8_t kws_port_save(uint8_t slot, const uint8_t *bytes, uint8_t count) {
    static uint8_t page[FLASH_PAGE];
    uint32_t at = FLASH_SETTINGS + FLASH_SECTOR * slot;
    action connect = rom('I', 'F'), leave_xip = rom('E', 'X');
    action flush = rom('F', 'C'), enter_xip = rom('C', 'X');
    erase_range erase = (erase_range)rom('R', 'E');
    program_range program = (program_range)rom('R', 'P');
    if (!connect || !leave_xip || !erase || !program || !flush || !enter_xip) return 0;
    memset(page, 0xff, sizeof page);
    memcpy(page, bytes, count);
    kws_port_watchdog();
    connect();
    leave_xip();
    erase(at, FLASH_SECTOR, 1u << 16, 0xd8);
    program(at, page, sizeof page);
    flush();
    enter_xip();
    return memcmp(flash(at), page, sizeof page) == 0;
}
