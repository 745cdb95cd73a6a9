/* Is a microphone there, and does it fit its input? Judged over each second. */
#include "app.h"

#define FULL_SCALE KWS_PORT_FULL_SCALE

static uint8_t judge(const kws_app *app) {
    if ((int32_t)app->highest - app->lowest <= (int32_t)(KWS_PORT_FLAT_RANGE))
        return KWS_MICROPHONE_FLAT;
    if (app->clipped > KWS_PORT_SAMPLE_RATE_HZ / 100) return KWS_MICROPHONE_SATURATED;
    return KWS_MICROPHONE_OK;
}

/* Samples of one second, in local variables: an 8-bit chip has no time to keep them in memory. */
static void add(kws_app *app, const int16_t *samples, uint16_t count) {
    int16_t lowest = app->lowest, highest = app->highest;
    for (const int16_t *end = samples + count; samples != end; samples++) {
        int16_t sample = *samples;
        if (sample > highest) highest = sample;
        if (sample < lowest) lowest = sample;
        if (sample >= FULL_SCALE || sample <= -FULL_SCALE) app->clipped++;
    }
    app->lowest = lowest;
    app->highest = highest;
    app->checked = (uint16_t)(app->checked + count);
}

uint8_t kws_app_check_microphone(kws_app *app, const int16_t *samples, size_t count) {
    uint8_t before = app->microphone;
    while (count > 0) {
        uint16_t left = (uint16_t)(KWS_PORT_SAMPLE_RATE_HZ - app->checked);
        uint16_t piece = count < left ? (uint16_t)count : left;
        if (app->checked == 0) {
            app->lowest = app->highest = *samples;
            app->clipped = 0;
        }
        add(app, samples, piece);
        samples += piece;
        count -= piece;
        if (app->checked == KWS_PORT_SAMPLE_RATE_HZ) {
            app->microphone = judge(app);
            app->checked = 0;
        }
    }
    return app->microphone != before;
}
