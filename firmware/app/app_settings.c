/* Settings in two alternating slots: a power cut while one is written leaves the other whole.
 *
 * A record: version, selected model, sequence (2), for each model checksum (2), threshold (2),
 * refractory frames, which of them are set; then CRC-16 of all that. Little endian. */
#include <string.h>

#include "app.h"

#define VERSION 1

static uint16_t read_u16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | (unsigned)bytes[1] << 8);
}

static void write_u16(uint8_t *bytes, uint16_t value) {
    bytes[0] = (uint8_t)(value & 0xff);
    bytes[1] = (uint8_t)(value >> 8);
}

/* CRC-16/CCITT, polynomial 0x1021, from 0xffff: erased and zeroed flash both fail it. */
static uint16_t crc16(const uint8_t *bytes, uint8_t count) {
    uint16_t crc = 0xffff;
    while (count--) {
        crc = (uint16_t)(crc ^ (unsigned)*bytes++ << 8);
        for (uint8_t bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

static uint8_t read_slot(kws_app_settings *settings, uint8_t slot) {
    uint8_t record[KWS_APP_SETTINGS_BYTES];
    kws_port_load(slot, record, sizeof record);
    if (record[0] != VERSION || record[1] >= KWS_APP_MODELS) return 0;
    if (read_u16(record + sizeof record - 2) != crc16(record, sizeof record - 2)) return 0;
    settings->model = record[1];
    settings->sequence = read_u16(record + 2);
    settings->slot = slot;
    for (uint8_t i = 0; i < KWS_APP_MODELS; i++) {
        const uint8_t *from = record + 4 + 6 * i;
        settings->models[i].checksum = read_u16(from);
        settings->models[i].threshold_q10 = (int16_t)read_u16(from + 2);
        settings->models[i].refractory_frames = from[4];
        settings->models[i].is_set = from[5];
    }
    return 1;
}

void kws_app_load(kws_app_settings *settings) {
    kws_app_settings other;
    memset(settings, 0, sizeof *settings);
    settings->slot = 1; /* so that slot 0 is written first */
    if (!read_slot(settings, 0)) {
        (void)read_slot(settings, 1);
        return;
    }
    /* Sequence numbers wrap: the newer one is ahead by less than half their range. */
    if (read_slot(&other, 1) && (uint16_t)(other.sequence - settings->sequence) < 0x8000)
        *settings = other;
}

uint8_t kws_app_save(kws_app_settings *settings) {
    uint8_t record[KWS_APP_SETTINGS_BYTES];
    uint8_t slot = settings->slot ^ 1;
    uint16_t sequence = (uint16_t)(settings->sequence + 1);
    record[0] = VERSION;
    record[1] = settings->model;
    write_u16(record + 2, sequence);
    for (uint8_t i = 0; i < KWS_APP_MODELS; i++) {
        uint8_t *to = record + 4 + 6 * i;
        write_u16(to, settings->models[i].checksum);
        write_u16(to + 2, (uint16_t)settings->models[i].threshold_q10);
        to[4] = settings->models[i].refractory_frames;
        to[5] = settings->models[i].is_set;
    }
    write_u16(record + sizeof record - 2, crc16(record, sizeof record - 2));
    if (!kws_port_save(slot, record, sizeof record)) return 0;
    settings->slot = slot;
    settings->sequence = sequence;
    return 1;
}
