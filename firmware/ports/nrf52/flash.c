/* Models and settings in flash. A page is erased in parts of 10 ms: the processor stands still
 * during each, and between two of them takes the microphone's interrupt, so that no block is
 * missed. */
#include <string.h>

#include "app.h"
#include "layout.h"
#include "nrf52.h"

#define ERASE_PART_MS 10u
#define ERASE_PARTS 9u /* a page wants 85 ms */

static const uint8_t *slot_at(uint8_t slot) {
    return (const uint8_t *)(uintptr_t)(FLASH_SETTINGS + FLASH_PAGE * slot);
}

const KWS_FLASH uint8_t *kws_port_model(uint8_t index, uint32_t *capacity) {
    *capacity = FLASH_MODEL_BYTES;
    return (const uint8_t *)(uintptr_t)(FLASH_MODELS + FLASH_MODEL_BYTES * index);
}

void kws_port_load(uint8_t slot, uint8_t *bytes, uint8_t count) {
    memcpy(bytes, slot_at(slot), count);
}

static void wait_ready(void) {
    while (!(REG(NVMC_READY) & 1)) {}
}

uint8_t kws_port_save(uint8_t slot, const uint8_t *bytes, uint8_t count) {
    uint32_t at = (uint32_t)(uintptr_t)slot_at(slot);
    REG(NVMC_CONFIG) = NVMC_ERASES;
    REG(NVMC_ERASE_PART_MS) = ERASE_PART_MS;
    for (unsigned i = 0; i < ERASE_PARTS; i++) {
        kws_port_watchdog();
        REG(NVMC_ERASE_PART) = at;
        wait_ready();
    }
    REG(NVMC_CONFIG) = NVMC_WRITES;
    for (uint32_t done = 0; done < count; done += 4) {
        uint32_t word = 0;
        for (uint32_t i = 0; i < 4; i++)
            word |= (uint32_t)(done + i < count ? bytes[done + i] : 0xff) << 8 * i;
        REG(at + done) = word;
        wait_ready();
    }
    REG(NVMC_CONFIG) = NVMC_READS;
    return memcmp(slot_at(slot), bytes, count) == 0;
}
